//! Lists: how filters, an order and a place become a statement.
//!
//! A statement is put together from the table's literals and from the literals
//! here. What a caller gives goes into parameters, never into the text.

use std::borrow::Cow;
use std::fmt::Write as _;

use tokio_postgres::types::{ToSql, Type};

use super::cursor::Cursor;
use super::owned::{self, Whose};
use super::table::{Order, Table};
use crate::error::{Error, Result};
use crate::model::{
    COUNT_BOUND, Comparison, Condition, DEFAULT_LIMIT, ErrorCode, Filters, ListParams, MAX_LIMIT,
    Sort,
};

/// The most rows that `q` may find in a list; with more it is refused.
pub(crate) const MAX_FOUND: u64 = 10_000;
/// The rows of a page if no limit is asked for, and the one that tells whether
/// there are more.
pub(super) const USUAL: i64 = DEFAULT_LIMIT as i64 + 1;

/// A statement of a list with its parameters but the account, which is `$1`.
pub(crate) struct Statement<'a> {
    pub(crate) sql: String,
    pub(crate) params: Vec<&'a (dyn ToSql + Sync)>,
    /// The types of all parameters, the account's first.
    pub(crate) types: Vec<Type>,
    /// Whether its text is one of a few for its table.
    pub(crate) is_common: bool,
}

impl<'a> Statement<'a> {
    fn new(is_common: bool) -> Self {
        Self { sql: String::new(), params: Vec::new(), types: vec![Type::UUID], is_common }
    }

    /// Adds a parameter and gives its number.
    fn bind(&mut self, value: &'a (dyn ToSql + Sync), ty: Type) -> usize {
        self.params.push(value);
        self.types.push(ty);
        self.types.len()
    }

    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }
}

/// The conditions of a list: what its page and its count share.
pub(crate) struct Conditions<'a> {
    whose: &'a Whose,
    archived: bool,
    collection: &'static str,
    q: Option<&'a String>,
    fields: Vec<(&'static str, Condition<'a>)>,
}

impl<'a> Conditions<'a> {
    pub(crate) fn of<T: Table>(params: &'a ListParams<T>, whose: &'a Whose) -> Self {
        let mut fields = Vec::new();
        for (name, field) in params.filter.fields() {
            let mut found = Vec::new();
            field.conditions(&mut found);
            fields.extend(found.into_iter().map(|condition| (name, condition)));
        }
        let (archived, q) = (params.archived, params.q.as_ref());
        Self { whose, archived, collection: T::COLLECTION, q, fields }
    }

    /// Those of a list that asks for nothing.
    pub(super) fn unasked<T: Table>(whose: &'a Whose, archived: bool) -> Self {
        Self { whose, archived, collection: T::COLLECTION, q: None, fields: Vec::new() }
    }

    fn is_common(&self) -> bool {
        self.fields.is_empty() && self.q.is_none()
    }

    /// The place of the filter whose values have an ordered piece each, if
    /// there are several.
    fn merged<T: Table>(&self, order: &Order) -> Option<usize> {
        // What is found is few: to sort it is less than to ask for it twice.
        if self.q.is_some() {
            return None;
        }
        let shares = |name: &str| T::MERGED.contains(&(name, order.name));
        self.fields
            .iter()
            .position(|(name, condition)| condition.comparison == Comparison::OneOf && shares(name))
    }

    /// The setting with the ids by each of which a piece of the page is walked.
    fn walked(&self) -> Option<&'static str> {
        match self.whose {
            Whose::Told(setting) if self.q.is_none() => Some(setting),
            _ => None,
        }
    }

    /// All of them.
    fn write<T: Table>(&self, to: &mut Statement<'a>, but: Option<usize>) {
        self.write_asked(to, but);
        match self.whose {
            Whose::All => {}
            Whose::Of(user) => {
                let number = to.bind(user, Type::UUID);
                let _infallible = write!(to.sql, " and {} = ${number}", T::OWNERS[0]);
            }
            Whose::Told(setting) => to.push(&owned::condition::<T>(setting)),
        }
    }

    /// Those that were asked for.
    fn write_asked(&self, to: &mut Statement<'a>, but: Option<usize>) {
        to.push(if self.archived {
            " and archived_at is not null"
        } else {
            " and archived_at is null"
        });
        if let Some(q) = self.q {
            let number = to.bind(q, Type::TEXT);
            // As an array, so that it is asked once, whatever the plan.
            let _infallible = write!(
                to.sql,
                " and id = any(array(select nexo.search_ids('{}', ${number}, {}, {}, false)))",
                self.collection,
                MAX_FOUND + 1,
                self.archived
            );
        }
        for (at, (column, condition)) in self.fields.iter().enumerate() {
            if Some(at) != but {
                write_condition(to, column, condition);
            }
        }
    }
}

fn write_condition<'a>(to: &mut Statement<'a>, column: &str, condition: &Condition<'a>) {
    let mut bound = || {
        let (value, ty) = condition.operand.clone().expect("a comparison has an operand");
        to.bind(value, ty)
    };
    let text = match condition.comparison {
        // Not as an array of one: only an equality leaves an index its order.
        Comparison::Equal => format!(" and {column} = ${}", bound()),
        Comparison::OneOf => format!(" and {column} = any(${})", bound()),
        Comparison::OneOfOrNull => {
            format!(" and ({column} = any(${}) or {column} is null)", bound())
        }
        Comparison::Null => format!(" and {column} is null"),
        Comparison::NotNull => format!(" and {column} is not null"),
        Comparison::Gte => format!(" and {column} >= ${}", bound()),
        Comparison::Gt => format!(" and {column} > ${}", bound()),
        Comparison::Lte => format!(" and {column} <= ${}", bound()),
        Comparison::Lt => format!(" and {column} < ${}", bound()),
    };
    to.push(&text);
}

/// The statement of one page.
pub(crate) fn page<'a, T: Table>(
    conditions: &Conditions<'a>,
    order: &'static Order,
    descending: bool,
    after: Option<&'a Cursor>,
    fetch: &'a i64,
) -> Statement<'a> {
    let mut to = Statement::new(conditions.is_common());
    let merged = conditions.merged::<T>(order);
    let (compare, direction) = if descending { ("<", " desc") } else { (">", "") };
    let ends = |to: &mut Statement<'a>| {
        if let Some(cursor) = after {
            let key = to.bind(cursor.key.as_param(), order.kind.ty());
            let id = to.bind(&cursor.id, Type::UUID);
            let _infallible =
                write!(to.sql, " and ({}, id) {compare} (${key}, ${id})", order.column);
        }
        // The usual one stands in the text: a plan that is kept then knows how few
        // rows are wanted, or it would be made anew each time.
        let limit = match *fetch {
            USUAL if to.is_common => USUAL.to_string(),
            _ => format!("${}", to.bind(fetch, Type::INT8)),
        };
        let end = format!(" order by {}{direction}, id{direction} limit {limit}", order.column);
        to.push(&end);
        end
    };
    if let Some(setting) = conditions.walked().filter(|_| merged.is_none()) {
        to.push("select * from (");
        let mut end = String::new();
        for way in 0..T::OWNERS.len() {
            to.push(if way > 0 { " union all " } else { "" });
            to.push(&owned::piece_begins(setting));
            to.push(T::SELECT);
            conditions.write_asked(&mut to, None);
            to.push(&owned::piece::<T>(setting, way));
            end = ends(&mut to);
            to.push(") as page");
        }
        to.push(") as page");
        to.push(&end);
        return to;
    }
    if let Some(at) = merged {
        let (value, ty) = conditions.fields[at].1.operand.clone().expect("it has values");
        let array = ty.name().to_owned();
        let number = to.bind(value, ty);
        let _infallible = write!(
            to.sql,
            "select page.* from (select distinct unnest(${number}::{array}) as value) as wanted \
             cross join lateral ("
        );
    }
    to.push(T::SELECT);
    conditions.write::<T>(&mut to, merged);
    if let Some(at) = merged {
        let _infallible = write!(to.sql, " and {} = wanted.value", conditions.fields[at].0);
    }
    let end = ends(&mut to);
    if merged.is_some() {
        to.push(") as page");
        to.push(&end);
    }
    to
}

/// The statement that counts all rows of a list, or those up to the bound.
pub(crate) fn count<'a, T: Table>(conditions: &Conditions<'a>, bounded: bool) -> Statement<'a> {
    let mut to = Statement::new(conditions.is_common());
    let from = if bounded { "select count(*) from (select from " } else { "select count(*) from " };
    to.push(from);
    to.push(T::NAME);
    to.push(" where account_id = $1");
    conditions.write::<T>(&mut to, None);
    if bounded {
        let _infallible = write!(to.sql, " limit {}) as bounded", COUNT_BOUND + 1);
    }
    to
}

/// The statement that sums up the rows of a list, in groups.
pub(crate) fn summary<'a, T: Table>(
    conditions: &Conditions<'a>,
    what: &'static str,
    by: &'static str,
) -> Statement<'a> {
    let mut to = Statement::new(conditions.is_common());
    let _infallible = write!(to.sql, "select {what} from {} where account_id = $1", T::NAME);
    conditions.write::<T>(&mut to, None);
    let _infallible = write!(to.sql, " group by {by}");
    to
}

/// The statement that counts the rows of a list for each of these values, which are a
/// column's, in literals; those that none has are left out.
///
/// By an index that begins with the column this is as quick as one count of all:
/// grouping would compare or hash the column of each row.
pub(crate) fn counts_by<'a, T: Table>(
    conditions: &Conditions<'a>,
    column: &'static str,
    values: &'static str,
) -> Statement<'a> {
    let mut to = Statement::new(conditions.is_common());
    let _infallible = write!(
        to.sql,
        "select wanted.value, found.rows from unnest(array[{values}]) as wanted (value) cross join lateral \
         (select count(*) as rows from {} where account_id = $1",
        T::NAME
    );
    conditions.write::<T>(&mut to, None);
    let _infallible = write!(to.sql, " and {column} = wanted.value) as found where found.rows > 0");
    to
}

/// The statement of the records that a page refers to.
pub(crate) fn expansion<'a>(
    page: &Statement<'a>,
    expansion: &super::table::Expansion,
) -> Statement<'a> {
    Statement {
        sql: format!("{} and {}", expansion.select, expansion.condition)
            .replace("{page}", &page.sql),
        params: page.params.clone(),
        types: page.types.clone(),
        is_common: page.is_common,
    }
}

/// The order that was asked for, and whether the largest come first.
pub(crate) fn order<T: Table>(sort: Option<&Sort>) -> Result<(&'static Order, bool)> {
    let Some(sort) = sort else { return Ok((&T::ORDERS[0], true)) };
    match T::ORDERS.iter().find(|order| order.name == sort.column) {
        Some(order) => Ok((order, sort.descending)),
        None => {
            Err(unknown("sort", &sort.column, T::SORTS, "each with - before it for descending"))
        }
    }
}

/// The refusal of a name that is not among those known.
pub(crate) fn unknown(parameter: &str, given: &str, known: &[&str], more: &str) -> Error {
    let given: String = given.chars().take(40).collect();
    let known: Cow<'_, str> =
        if known.is_empty() { "there is none".into() } else { known.join(", ").into() };
    let more = if more.is_empty() { String::new() } else { format!("; {more}") };
    Error::new(
        ErrorCode::InvalidQuery,
        format!("{parameter} cannot be {given:?}; known: {known}{more}"),
    )
}

pub(crate) fn checked_limit(limit: Option<u16>) -> Result<u16> {
    match limit {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Error::new(
            ErrorCode::InvalidQuery,
            format!("limit must be a number from 1 to {MAX_LIMIT}"),
        )),
    }
}
