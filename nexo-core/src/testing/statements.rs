//! The statements of a table, each as the one path would run it.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::probe::Seen;
use crate::model::{Account, Filters, Id, ListParams};
use crate::repo::lists::{Conditions, Cursor, Statement, Whose, count, expansion, of_table, page};
use crate::repo::{Day, Order, SortKey, SortKind, Table};

/// The texts of all statements. `record` is one of the table, as JSON.
pub(super) fn texts<T: Table>(record: &Value) -> Vec<String> {
    let mut texts: Vec<String> =
        [T::INSERT, T::GET, T::REPLACE, T::PATCH, T::DELETE, T::ARCHIVE, T::RESTORE, T::EXISTS]
            .map(str::to_owned)
            .into();
    texts.extend(T::UPSERTS.iter().flat_map(|it| [it.insert, it.replace]).map(str::to_owned));
    texts.extend(T::REFERENCES.iter().flat_map(|it| [it.count, it.list]).map(str::to_owned));
    texts.extend(T::ERASURE.iter().flat_map(|it| [it.hold, it.erase]).map(str::to_owned));
    texts.push(T::SEARCH.sql.to_owned());
    texts.extend(T::TRANSFER.map(str::to_owned));
    let fetch = 100;
    // Those of whoever sees less, too.
    let all = [Whose::All, Whose::Of(Id::new()), Whose::Told("nexo.own")];
    let all = &all[..if T::OWNERS.is_empty() { 1 } else { 3 }];
    texts.extend(all.iter().flat_map(of_table::<T>).map(|statement| statement.sql));
    for list in lists::<T>(Id::new(), record) {
        for whose in all {
            let conditions = Conditions::of(&list.params, whose);
            let page = list.page(&conditions, &fetch);
            texts.extend(T::EXPANSIONS.iter().map(|each| expansion(&page, each).sql));
            texts.push(page.sql);
            texts.extend([true, false].map(|bounded| count::<T>(&conditions, bounded).sql));
        }
    }
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Runs every statement but INSERT on a row, and each list in which it stands,
/// with `account` as `$1`, in the transaction that the connection is in; each
/// is undone.
pub(super) async fn run<T: Table>(
    connection: &Client,
    account: Id<Account>,
    id: Uuid,
    record: &Value,
) -> Vec<Seen> {
    let new = T::example(u32::MAX);
    let patch: T::Patch = serde_json::from_str("{}").expect("an empty patch");
    let (any_version, fetch) = (None::<i64>, 100);
    let one: [&(dyn ToSql + Sync); 2] = [&account, &id];
    let version: [&(dyn ToSql + Sync); 3] = [&account, &id, &any_version];
    let mut calls: Vec<(&str, Vec<&(dyn ToSql + Sync)>)> =
        vec![(T::GET, one.to_vec()), (T::EXISTS, one.to_vec())];
    calls.extend(
        T::ERASURE.iter().flat_map(|it| [it.hold, it.erase]).map(|sql| (sql, one.to_vec())),
    );
    calls.extend([T::DELETE, T::ARCHIVE, T::RESTORE].map(|sql| (sql, version.to_vec())));
    calls.push((T::REPLACE, [&version[..], &T::new_params(&new)].concat()));
    calls.push((T::PATCH, [&version[..], &T::patch_params(&patch)].concat()));

    let mut seen = Vec::new();
    for (sql, params) in calls {
        connection.batch_execute("savepoint one").await.expect("in a transaction");
        let rows = connection.query(sql, &params).await;
        seen.push((sql.to_owned(), rows.unwrap_or_else(|e| panic!("{sql}: {e:?}")).len()));
        connection.batch_execute("rollback to savepoint one").await.expect("undone");
    }
    let title = record[T::SEARCH.fields[0]].as_str().unwrap_or_default();
    let rows = connection.query(T::SEARCH.sql, &[&account, &title]).await.expect("searched");
    seen.push((T::SEARCH.sql.to_owned(), rows.len()));
    for Statement { sql, .. } in of_table::<T>(&Whose::All) {
        let rows = connection.query(&sql, &[&account]).await.expect("summed up");
        seen.push((sql, rows.len()));
    }
    for list in lists::<T>(account, record) {
        let conditions = Conditions::of(&list.params, &Whose::All);
        let Statement { sql, params, types, .. } = list.page(&conditions, &fetch);
        let params = std::iter::once(&account as &(dyn ToSql + Sync)).chain(params);
        let typed: Vec<_> = params.zip(types).collect();
        let rows = connection.query_typed(&sql, &typed).await;
        let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        seen.push((sql, rows.len()));
    }
    seen
}

/// How PostgreSQL runs a list.
#[derive(Debug)]
pub struct ListPlan {
    /// The statement.
    pub sql: String,
    /// Whether one index gives the rows of its filter in its order.
    pub is_covered: bool,
    /// What `explain (analyze, format json)` says.
    pub plan: Value,
}

/// Explains every list in which the record stands, in the transaction that the
/// connection is in.
pub(super) async fn plans<T: Table>(
    connection: &Client,
    account: Id<Account>,
    record: &Value,
) -> Vec<ListPlan> {
    let mut plans = Vec::new();
    let fetch = 51;
    // What is searched for is found by a function, of which a plan tells nothing.
    for list in lists::<T>(account, record).into_iter().filter(|list| list.params.q.is_none()) {
        let conditions = Conditions::of(&list.params, &Whose::All);
        let Statement { sql, params, types, .. } = list.page(&conditions, &fetch);
        let params = std::iter::once(&account as &(dyn ToSql + Sync)).chain(params);
        let typed: Vec<_> = params.zip(types).collect();
        let explain = format!("explain (analyze, format json) {sql}");
        let rows = connection.query_typed(&explain, &typed).await;
        let plan = rows.unwrap_or_else(|e| panic!("{sql}: {e:?}"))[0].get(0);
        plans.push(ListPlan { sql, is_covered: list.is_covered(), plan });
    }
    plans
}

/// A list in which the record stands.
struct List<T: Table> {
    /// The field that it is filtered by, and with what bounds.
    filter: Option<(&'static str, &'static [&'static str])>,
    params: ListParams<T>,
    order: &'static Order,
    descending: bool,
    after: Option<Cursor>,
}

impl<T: Table> List<T> {
    fn is_covered(&self) -> bool {
        match self.filter {
            None => true,
            // What is neither equal nor bounded is a walk through the order.
            Some((_, bounds)) if bounds.contains(&"null") => false,
            Some((name, _)) => {
                let ordered = T::MERGED.contains(&(name, self.order.name));
                let by_itself = self.order.name == T::ORDERS[0].name || self.order.name == name;
                ordered || by_itself
            }
        }
    }

    fn page<'a>(&'a self, conditions: &Conditions<'a>, fetch: &'a i64) -> Statement<'a> {
        page::<T>(conditions, self.order, self.descending, self.after.as_ref(), fetch)
    }
}

/// Every order, both ways, from the first row and after a place before it,
/// without a filter and with each filter that the record passes.
fn lists<T: Table>(account: Id<Account>, record: &Value) -> Vec<List<T>> {
    let mut filters = vec![(None, ListParams::<T>::default())];
    let title = record[T::SEARCH.fields[0]].as_str().unwrap_or_default();
    let found = ListParams::<T> { q: Some(title.to_owned()), ..ListParams::default() };
    let walked: &'static [&'static str] = &["null"];
    filters.push((Some(("q", walked)), found));
    for name in T::Filter::NAMES {
        let passing = passing::<T>(name, &record[*name]);
        filters.extend(passing.into_iter().map(|(bounds, list)| (Some((*name, bounds)), list)));
    }
    let mut lists = Vec::new();
    for (filter, params) in filters {
        for order in T::ORDERS {
            // The same rows as without "or null": such a column has none.
            if filter == Some((order.name, &["", "null"])) {
                continue;
            }
            for descending in [true, false] {
                for after in [None, Some(before::<T>(account, order, descending))] {
                    let params = params.clone();
                    lists.push(List { filter, params, order, descending, after });
                }
            }
        }
    }
    lists
}

/// Bounds of a field, and parameters that a row passes.
type Passing<T> = (&'static [&'static str], ListParams<T>);

/// The filters of one field that a row with this value passes.
fn passing<T: Table>(name: &str, value: &Value) -> Vec<Passing<T>> {
    let one = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // "" is equality, "" twice a set of values.
    let tries: &[&'static [&'static str]] = if value.is_null() {
        &[&["null"]]
    } else {
        &[&["null"], &[""], &["", ""], &["", "null"], &["gte", "lte"]]
    };
    let read = |bounds: &&'static [&'static str]| {
        let mut params = ListParams::default();
        for bound in *bounds {
            let (name, value) = match *bound {
                "" => (name.to_owned(), one.as_str()),
                "null" if bounds.len() == 1 && !value.is_null() => {
                    (format!("{name}.null"), "false")
                }
                "null" => (format!("{name}.null"), "true"),
                bound => (format!("{name}.{bound}"), one.as_str()),
            };
            params.accept(&name, value).ok()?;
        }
        Some((*bounds, params))
    };
    // A field takes values or bounds, never both.
    tries.iter().filter_map(read).collect()
}

/// A place before every row of an order.
fn before<T: Table>(account: Id<Account>, order: &Order, descending: bool) -> Cursor {
    const YEAR_2100: i64 = 4_102_444_800;
    let far = Timestamp::from_second(YEAR_2100).expect("a time");
    let key = match (order.kind, descending) {
        (SortKind::Time, true) => SortKey::Time(far),
        (SortKind::Time, false) => SortKey::Time(Timestamp::UNIX_EPOCH),
        (SortKind::Text, true) => SortKey::Text("zzzzzzzz".to_owned()),
        (SortKind::Text, false) => SortKey::Text(String::new()),
        (SortKind::Int, true) => SortKey::Int(i16::MAX),
        (SortKind::Int, false) => SortKey::Int(i16::MIN),
        (SortKind::Date, true) => SortKey::Date(Day(None)),
        (SortKind::Date, false) => SortKey::Date(Day(Some(jiff::civil::date(1, 1, 1)))),
    };
    let id = if descending { Uuid::max() } else { Uuid::nil() };
    let (collection, order) = (T::COLLECTION.to_owned(), order.name.to_owned());
    Cursor { account, collection, order, key, id }
}
