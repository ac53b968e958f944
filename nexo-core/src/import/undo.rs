//! Taking an import back.

use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::importing::table_of;
use super::rows::refusal;
use super::state::{DROP_FILE, Does, LOCK, State, bigint, columns};
use crate::db::{Access, AfterFailure, Call, Database, Executor, Transaction, translate};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, FieldCode, FieldError, Id, Import, ImportStatus, Permission, RowOutcome,
};
use crate::repo::{Table, referred_to};
use crate::tenant::TenantScope;

/// The most rows of a transaction.
const ROWS: i64 = 500;

/// `$2` id. From the last row back to the first.
const BEGIN: &str = "update nexo.imports set status = 'undoing', updated_at = now()
     where account_id = $1 and id = $2";

/// `$2` import, `$3` the row after these, `$4` how many.
const MADE: &str = "select number, record_id, version, before from nexo.import_rows
     where account_id = $1 and import_id = $2 and number < $3 and record_id is not null
     order by number desc limit $4";

/// `$2` import, then a list for each column.
const MARK: &str = "update nexo.import_rows r set outcome = undone.outcome, errors = undone.errors
     from unnest($3::bigint[], $4::text[], $5::jsonb[]) as undone (number, outcome, errors)
     where r.account_id = $1 and r.import_id = $2 and r.number = undone.number";
const MARK_TYPES: &[Type] =
    &[Type::UUID, Type::UUID, Type::INT8_ARRAY, Type::TEXT_ARRAY, Type::JSONB_ARRAY];

/// `$2` id, `$3` the first of the rows, `$4` whether there are no more, `$5`
/// how many were reverted and `$6` how many kept.
const MOVE: &str = concat!(
    "update nexo.imports
     set next_row = $3, status = case when $4 then 'undone' else status end, reverted = reverted + $5,
         kept = kept + $6, updated_at = now()
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

/// Decides to undo. Once it is undoing, this changes nothing.
pub(super) async fn begin(database: &Database, scope: &TenantScope, id: Id<Import>) -> Result<()> {
    let transaction = database.transaction(scope).await?;
    let locked =
        transaction.run(Access::write(Permission::ImportRun), &[Call::new(LOCK, &[&id])]).await?;
    let import = State::one(&locked[0])?.permitted(&transaction, Does::TakeBack).await?.import;
    match import.status {
        ImportStatus::Undoing | ImportStatus::Undone => return Ok(()),
        ImportStatus::Importing | ImportStatus::Done if !import.dry_run => {}
        _ => {
            let told = "the import has stored nothing that could be undone";
            return Err(Error::new(ErrorCode::Conflict, told));
        }
    }
    transaction
        .run(
            Access::write(Permission::ImportRun),
            &[Call::new(BEGIN, &[&id]), Call::new(DROP_FILE, &[&id])],
        )
        .await?;
    transaction.commit(String::new).await
}

/// What a row has done to a record.
#[derive(Debug)]
pub(super) struct Made {
    number: i64,
    record: Uuid,
    version: Option<i64>,
    /// The fields as they had been; none of a record that was created.
    before: Option<Value>,
}

/// What became of it: nothing is said of what was reverted.
pub(super) type Undone = Result<(), FieldError>;

/// Takes back some rows.
pub(super) async fn step(database: &Database, scope: &TenantScope, state: &State) -> Result<State> {
    let (id, below) = (state.id(), bigint(state.next_row));
    let table = table_of(&state.import.collection).ok_or_else(Error::not_found)?;
    let transaction = database.transaction(scope).await?;
    let answered = transaction
        .run(
            Access::write(Permission::ImportRun),
            &[Call::new(LOCK, &[&id]), Call::new(MADE, &[&id, &below, &ROWS])],
        )
        .await?;
    let now = State::one(&answered[0])?;
    if !now.is_at(state) {
        return Ok(now);
    }
    let made = answered[1].iter().map(|row| {
        let (number, record) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Made { number, record, version: row.try_get(2)?, before: row.try_get(3)? })
    });
    let made: Vec<Made> = made.collect::<Result<_, _>>().map_err(translate)?;
    let undone = (table.import.undo)(&transaction, &made).await?;

    let numbers: Vec<i64> = made.iter().map(|made| made.number).collect();
    let outcome = |undone: &Undone| match undone {
        Ok(()) => RowOutcome::Reverted,
        Err(_) => RowOutcome::Kept,
    };
    let outcomes: Vec<RowOutcome> = undone.iter().map(outcome).collect();
    let told = |undone: &Undone| {
        let error = undone.as_ref().err()?;
        Some(serde_json::to_value([error]).expect("wire types always serialise"))
    };
    let errors: Vec<Option<Value>> = undone.iter().map(told).collect();
    let reverted = bigint(undone.iter().flatten().count() as u64);
    let kept = bigint(undone.len() as u64) - reverted;
    let first = numbers.last().copied().unwrap_or(0);
    let ended = bigint(made.len() as u64) < ROWS;
    let marked: [&(dyn ToSql + Sync); 4] = [&id, &numbers, &outcomes, &errors];
    let moved: [&(dyn ToSql + Sync); 5] = [&id, &first, &ended, &reverted, &kept];
    let answered = transaction
        .run(
            Access::write(Permission::ImportRun),
            &[Call::planned_each_time(MARK, MARK_TYPES, &marked), Call::new(MOVE, &moved)],
        )
        .await?;
    let state = State::one(&answered[1])?;
    transaction.commit(String::new).await?;
    Ok(state)
}

/// Deletes what was created and puts back what was changed, each for itself and
/// only if it is as the import has left it.
pub(super) async fn take_back<T: Table>(
    transaction: &Transaction,
    made: &[Made],
) -> Result<Vec<Undone>> {
    let mut patches: Vec<Option<T::Patch>> = Vec::with_capacity(made.len());
    for made in made {
        let patch = made.before.clone().map(serde_json::from_value).transpose();
        patches.push(patch.map_err(|error| {
            let told = "what an import has changed cannot be read";
            Error::new(ErrorCode::Internal, told).because(error)
        })?);
    }
    let mut params: Vec<[Vec<&(dyn ToSql + Sync)>; 2]> = Vec::with_capacity(made.len());
    for (made, patch) in made.iter().zip(&patches) {
        let mut change: Vec<&(dyn ToSql + Sync)> = vec![&made.record, &made.version];
        change.extend(patch.iter().flat_map(T::patch_params));
        params.push([change, vec![&made.record]]);
    }
    let mut groups: Vec<Vec<Call<'_>>> = Vec::with_capacity(made.len());
    for (patch, [change, one]) in patches.iter().zip(&params) {
        let sql = if patch.is_some() { T::PATCH } else { T::DELETE };
        let lock = T::LOCK.unwrap_or(T::EXISTS);
        groups.push(vec![Call::new(lock, one), Call::new(sql, change)]);
    }
    let answers =
        transaction.run_each(T::TO_DELETE | T::TO_WRITE, &groups, AfterFailure::GoOn).await?;
    let mut undone = Vec::with_capacity(made.len());
    for (answered, patch) in answers.into_iter().zip(&patches) {
        undone.push(match answered {
            Ok(rows) if !rows[1].is_empty() => Ok(()),
            // Somebody deleted it, which is all that was to be done.
            Ok(rows) if rows[0].is_empty() && patch.is_none() => Ok(()),
            Ok(rows) => {
                let deleted = rows[0].is_empty();
                let told = if deleted { "was deleted since" } else { "has changed since" };
                Err(FieldError::new("", FieldCode::Conflict, told))
            }
            // Of a deletion; a change may name what is not there any more.
            Err(error) if patch.is_none() => Err(refusal(referred_to(error))?.swap_remove(0)),
            Err(error) => Err(refusal(error)?.swap_remove(0)),
        });
    }
    Ok(undone)
}
