//! What can be done with records: the same in a flush and in a unit of work.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::Cursor;
use super::list::{self, Conditions, Statement};
use super::owned::Whose;
use super::references;
use super::search;
use super::table::{Expansion, Table};
use crate::db::{Access, Call, Executor, Plan, translate};
use crate::error::{Error, Result};
use crate::model::{
    COUNT_BOUND, Count, CountMode, CountRelation, ErrorCode, Id, Included, ListParams, Page,
    Permission, Sort, Validate,
};

pub(crate) async fn create<T: Table>(executor: &impl Executor, new: &T::New) -> Result<T> {
    new.validate().map_err(Error::invalid)?;
    let id = Id::<T>::new();
    let creator = executor.scope().user_id();
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&id, &creator];
    params.extend(T::new_params(new));
    let rows = executor.run(Access::write(T::TO_WRITE), &[Call::new(T::INSERT, &params)]).await?;
    the_row(&rows[0])
}

pub(crate) async fn get<T: Table>(executor: &impl Executor, id: Id<T>) -> Result<T> {
    let rows =
        executor.run(Access::read(T::TO_READ.narrowest()), &[Call::new(T::GET, &[&id])]).await?;
    the_row(&rows[0])
}

pub(crate) async fn replace<T: Table>(
    executor: &impl Executor,
    id: Id<T>,
    new: &T::New,
    expected_version: Option<i64>,
) -> Result<T> {
    new.validate().map_err(Error::invalid)?;
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&id, &expected_version];
    params.extend(T::new_params(new));
    let rows =
        change::<T>(executor, T::TO_WRITE, T::REPLACE, &params, &id, expected_version).await?;
    the_row(&rows)
}

pub(crate) async fn patch<T: Table>(
    executor: &impl Executor,
    id: Id<T>,
    patch: &T::Patch,
    expected_version: Option<i64>,
) -> Result<T> {
    patch.validate().map_err(Error::invalid)?;
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&id, &expected_version];
    params.extend(T::patch_params(patch));
    let rows = change::<T>(executor, T::TO_WRITE, T::PATCH, &params, &id, expected_version).await?;
    the_row(&rows)
}

pub(crate) async fn delete<T: Table>(
    executor: &impl Executor,
    id: Id<T>,
    expected_version: Option<i64>,
) -> Result<()> {
    let params: [&(dyn ToSql + Sync); 2] = [&id, &expected_version];
    let deleted =
        change::<T>(executor, T::TO_DELETE, T::DELETE, &params, &id, expected_version).await;
    match deleted {
        Ok(rows) if rows.is_empty() => Err(Error::not_found()),
        Ok(_) => Ok(()),
        Err(error) => Err(references::in_use::<T>(executor, id, error).await),
    }
}

/// Takes a record out of lists, or puts it back into them.
pub(crate) async fn set_archived<T: Table>(
    executor: &impl Executor,
    id: Id<T>,
    archived: bool,
    expected_version: Option<i64>,
) -> Result<T> {
    let params: [&(dyn ToSql + Sync); 2] = [&id, &expected_version];
    let sql = if archived { T::ARCHIVE } else { T::RESTORE };
    let rows = change::<T>(executor, T::TO_WRITE, sql, &params, &id, expected_version).await?;
    the_row(&rows)
}

/// Runs a statement that changes one row. When a version is expected, the same
/// flush asks whether the row exists, which tells a conflict from a miss.
async fn change<T: Table>(
    executor: &impl Executor,
    needs: Permission,
    sql: &'static str,
    params: &[&(dyn ToSql + Sync)],
    id: &Id<T>,
    expected_version: Option<i64>,
) -> Result<Vec<Row>> {
    let one: [&(dyn ToSql + Sync); 1] = [id];
    let mut calls: Vec<Call<'_>> = T::LOCK.map(|sql| Call::new(sql, &one)).into_iter().collect();
    let at = calls.len();
    calls.push(Call::new(sql, params));
    if expected_version.is_some() {
        calls.push(Call::new(T::EXISTS, &one));
    }
    let mut results = executor.run(Access::write(needs), &calls).await?;
    let exists = results.get(at + 1).is_some_and(|rows| !rows.is_empty());
    let changed = results.swap_remove(at);
    if changed.is_empty() && exists {
        return Err(version_conflict());
    }
    Ok(changed)
}

pub(crate) async fn list<T: Table>(
    executor: &impl Executor,
    params: &ListParams<T>,
) -> Result<Page<T>> {
    let limit = list::checked_limit(params.limit)?;
    page_of(executor, params, limit).await
}

/// A page of as many rows, whatever callers may ask for.
pub(super) async fn page_of<T: Table>(
    executor: &impl Executor,
    params: &ListParams<T>,
    limit: u16,
) -> Result<Page<T>> {
    let (order, descending) = list::order::<T>(params.sort.as_ref())?;
    let expansions = expansions::<T>(&params.expand)?;
    if let Some(q) = &params.q {
        search::check(q)?;
    }
    let account = executor.scope().account_id();
    let sort = Sort { column: order.name.to_owned(), descending }.to_string();
    let cursor = match &params.cursor {
        Some(text) => Some(Cursor::decode(text, account, T::COLLECTION, &sort, order.kind)?),
        None => None,
    };
    // One more than asked for tells whether there is a next page.
    let (fetch, shown) = (i64::from(limit) + 1, i64::from(limit));

    let whose = Whose::by::<T>(executor.scope());
    let conditions = Conditions::of(params, &whose);
    let page = |rows| list::page::<T>(&conditions, order, descending, cursor.as_ref(), rows);
    let mut statements = vec![page(&fetch)];
    if params.count != CountMode::None {
        let bounded = params.count == CountMode::Estimated;
        statements.push(list::count::<T>(&conditions, bounded));
    }
    if !expansions.is_empty() {
        let page = page(&shown);
        statements.extend(expansions.iter().map(|expansion| list::expansion(&page, expansion)));
    }
    let calls: Vec<Call<'_>> = statements.iter().map(Statement::call).collect();
    let mut results = executor.run(Access::read(T::TO_READ.narrowest()), &calls).await?.into_iter();

    let rows = results.next().unwrap_or_default();
    let count = match params.count {
        CountMode::None => None,
        mode => Some(read_count(&results.next().unwrap_or_default(), mode)?),
    };
    let mut included = Included::default();
    for (expansion, rows) in expansions.iter().zip(results) {
        for row in &rows {
            let (id, record) = (expansion.record)(row).map_err(translate)?;
            included.insert(expansion.collection, id, record);
        }
    }
    let more = rows.len() > usize::from(limit);
    let shown = rows.iter().take(usize::from(limit));
    let data = shown.map(T::from_row).collect::<Result<Vec<T>, PgError>>().map_err(translate)?;
    let next_cursor = data.last().filter(|_| more).map(|last| {
        let (key, id) = (last.sort_key(order.name), *last.id().as_uuid());
        Cursor { account, collection: T::COLLECTION.to_owned(), order: sort, key, id }.encode()
    });
    Ok(Page { data, next_cursor, count, included })
}

impl Statement<'_> {
    pub(crate) fn call(&self) -> Call<'_> {
        let plan = if self.is_common { Plan::Once } else { Plan::EachTime(&self.types) };
        Call { sql: &self.sql, params: &self.params, plan }
    }
}

/// What brings along the records that were asked for, each once.
fn expansions<T: Table>(names: &[String]) -> Result<Vec<&'static Expansion>> {
    for name in names {
        if !T::EXPANDS.contains(&name.as_str()) {
            return Err(list::unknown("expand", name, T::EXPANDS, ""));
        }
    }
    let asked = |expansion: &&Expansion| names.iter().any(|name| name == expansion.name);
    Ok(T::EXPANSIONS.iter().filter(asked).collect())
}

fn read_count(rows: &[Row], mode: CountMode) -> Result<Count> {
    let counted: i64 = match rows.first() {
        Some(row) => row.try_get(0).map_err(translate)?,
        None => 0,
    };
    let value = u64::try_from(counted).unwrap_or_default();
    if mode == CountMode::Estimated && value > COUNT_BOUND {
        return Ok(Count { value: COUNT_BOUND, relation: CountRelation::AtLeast });
    }
    Ok(Count { value, relation: CountRelation::Equal })
}

pub(crate) fn version_conflict() -> Error {
    Error::new(
        ErrorCode::VersionConflict,
        "the record has changed since the version that was given; read it again",
    )
}

pub(super) fn the_row<T: Table>(rows: &[Row]) -> Result<T> {
    let row = rows.first().ok_or_else(Error::not_found)?;
    T::from_row(row).map_err(translate)
}
