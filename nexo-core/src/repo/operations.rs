//! What can be done with records: the same in a flush and in a unit of work.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::Cursor;
use super::table::{ListSql, Table};
use crate::db::{Access, Call, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{DEFAULT_LIMIT, ErrorCode, Id, ListParams, MAX_LIMIT, Page, Sort, Validate};

pub(crate) async fn create<T: Table>(executor: &impl Executor, new: &T::New) -> Result<T> {
    new.validate().map_err(Error::invalid)?;
    let id = Id::<T>::new();
    let creator = executor.scope().user_id();
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&id, &creator];
    params.extend(T::new_params(new));
    let rows = executor.run(Access::Write, &[Call { sql: T::INSERT, params: &params }]).await?;
    the_row(&rows[0])
}

pub(crate) async fn get<T: Table>(executor: &impl Executor, id: Id<T>) -> Result<T> {
    let rows = executor.run(Access::Read, &[Call { sql: T::GET, params: &[&id] }]).await?;
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
    let rows = change::<T>(executor, T::REPLACE, &params, &id, expected_version).await?;
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
    let rows = change::<T>(executor, T::PATCH, &params, &id, expected_version).await?;
    the_row(&rows)
}

pub(crate) async fn delete<T: Table>(
    executor: &impl Executor,
    id: Id<T>,
    expected_version: Option<i64>,
) -> Result<()> {
    let params: [&(dyn ToSql + Sync); 2] = [&id, &expected_version];
    let rows = change::<T>(executor, T::DELETE, &params, &id, expected_version).await?;
    if rows.is_empty() { Err(Error::not_found()) } else { Ok(()) }
}

/// Runs a statement that changes one row. When a version is expected, the same
/// flush asks whether the row exists, which tells a conflict from a miss.
async fn change<T: Table>(
    executor: &impl Executor,
    sql: &'static str,
    params: &[&(dyn ToSql + Sync)],
    id: &Id<T>,
    expected_version: Option<i64>,
) -> Result<Vec<Row>> {
    let change = Call { sql, params };
    let exists_params: [&(dyn ToSql + Sync); 1] = [id];
    let exists = Call { sql: T::EXISTS, params: &exists_params };
    let calls = [change, exists];
    let calls = if expected_version.is_some() { &calls[..] } else { &calls[..1] };

    let mut results = executor.run(Access::Write, calls).await?;
    let exists = results.get(1).is_some_and(|rows| !rows.is_empty());
    let changed = results.swap_remove(0);
    if changed.is_empty() && exists {
        return Err(Error::new(
            ErrorCode::VersionConflict,
            "the record has changed since the version that was given; read it again",
        ));
    }
    Ok(changed)
}

pub(crate) async fn list<T: Table>(
    executor: &impl Executor,
    params: &ListParams,
) -> Result<Page<T>> {
    let limit = checked_limit(params.limit)?;
    let list = order::<T>(params.sort.as_ref())?;
    let account = executor.scope().account_id();
    let order = Sort { column: list.column.to_owned(), descending: list.descending }.to_string();

    // One more than asked for tells whether there is a next page.
    let fetch = i64::from(limit) + 1;
    let cursor = match &params.cursor {
        Some(text) => Some(Cursor::decode(text, account, T::COLLECTION, &order, list.kind)?),
        None => None,
    };
    let rows = match &cursor {
        None => {
            let call = Call { sql: list.first, params: &[&fetch] };
            executor.run(Access::Read, &[call]).await?
        }
        Some(cursor) => {
            let params: [&(dyn ToSql + Sync); 3] = [&fetch, cursor.key.as_param(), &cursor.id];
            executor.run(Access::Read, &[Call { sql: list.after, params: &params }]).await?
        }
    };
    let mut data =
        rows[0].iter().map(T::from_row).collect::<Result<Vec<T>, PgError>>().map_err(translate)?;
    let more = data.len() > usize::from(limit);
    data.truncate(usize::from(limit));
    let next_cursor = data.last().filter(|_| more).map(|last| {
        let key = last.sort_key(list.column);
        let id = *last.id().as_uuid();
        Cursor { account, collection: T::COLLECTION.to_owned(), order, key, id }.encode()
    });
    Ok(Page { data, next_cursor })
}

fn checked_limit(limit: Option<u16>) -> Result<u16> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Error::new(
            ErrorCode::InvalidQuery,
            format!("limit must be between 1 and {MAX_LIMIT}"),
        )),
    }
}

fn order<T: Table>(sort: Option<&Sort>) -> Result<&'static ListSql> {
    let Some(sort) = sort else { return Ok(&T::LISTS[0]) };
    T::LISTS
        .iter()
        .find(|list| list.column == sort.column && list.descending == sort.descending)
        .ok_or_else(|| {
            let columns = T::SORTS.join(", ");
            Error::new(
                ErrorCode::InvalidQuery,
                format!("sort must be one of {columns}, with - before it for descending"),
            )
        })
}

fn the_row<T: Table>(rows: &[Row]) -> Result<T> {
    let row = rows.first().ok_or_else(Error::not_found)?;
    T::from_row(row).map_err(translate)
}
