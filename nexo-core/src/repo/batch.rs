//! Many changes in one transaction, and in a bounded number of round trips.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::list::unknown;
use super::operations::{the_row, version_conflict};
use super::references::referred_to;
use super::table::{Table, Upsert};
use crate::db::{AfterFailure, Answered, Call, Executor, Transaction};
use crate::error::{Error, Result};
use crate::model::{
    Batch, BatchError, BatchMode, BatchOperation, BatchOutcome, BatchResult, ErrorCode, FieldCode,
    FieldError, Id, MAX_BATCH, Permissions, Validate,
};

/// Does the batch in the transaction, which the caller commits.
pub(crate) async fn run<T: Table>(
    transaction: &Transaction,
    batch: &Batch<T>,
) -> Result<BatchResult<T>> {
    let operations = &batch.operations;
    if operations.is_empty() || operations.len() > MAX_BATCH {
        return Err(Error::new(
            ErrorCode::InvalidBody,
            format!("a batch has 1 to {MAX_BATCH} operations; this one has {}", operations.len()),
        ));
    }
    let checked: Vec<Result<Prepared<'_, T>>> = operations.iter().map(Prepared::of).collect();
    match batch.mode {
        BatchMode::Atomic => atomic(transaction, batch, checked).await,
        BatchMode::Each => each(transaction, batch, checked).await,
    }
}

async fn atomic<T: Table>(
    transaction: &Transaction,
    batch: &Batch<T>,
    checked: Vec<Result<Prepared<'_, T>>>,
) -> Result<BatchResult<T>> {
    let mut prepared = Vec::with_capacity(checked.len());
    for (at, operation) in checked.into_iter().enumerate() {
        prepared.push(operation.map_err(|error| error.within(&format!("operations[{at}]")))?);
    }
    let creator = transaction.scope().user_id();
    let params: Vec<_> = prepared.iter().map(|it| it.params(&creator)).collect();
    let groups: Vec<Vec<Call<'_>>> =
        prepared.iter().zip(&params).map(|(it, params)| it.calls(params)).collect();
    let answers = transaction.run_each(needs(batch), &groups, AfterFailure::End).await?;
    let mut results = Vec::with_capacity(prepared.len());
    for (at, (operation, answered)) in prepared.iter().zip(answers).enumerate() {
        let outcome = operation.outcome(answered);
        results.push(outcome.map_err(|error| error.within(&format!("operations[{at}]")))?);
    }
    Ok(results.into())
}

async fn each<T: Table>(
    transaction: &Transaction,
    batch: &Batch<T>,
    checked: Vec<Result<Prepared<'_, T>>>,
) -> Result<BatchResult<T>> {
    let creator = transaction.scope().user_id();
    let params: Vec<_> = checked.iter().flatten().map(|it| it.params(&creator)).collect();
    let groups: Vec<Vec<Call<'_>>> =
        checked.iter().flatten().zip(&params).map(|(it, params)| it.calls(params)).collect();
    // Sent even if nothing is left to do, so that the session is asked for.
    let mut answers =
        transaction.run_each(needs(batch), &groups, AfterFailure::GoOn).await?.into_iter();
    let outcome = |operation: Result<Prepared<'_, T>>| {
        let done = operation.and_then(|operation| {
            let answered = answers.next().expect("each group has an answer");
            operation.outcome(answered)
        });
        done.unwrap_or_else(|error| BatchOutcome::Failed { error: told(&error) })
    };
    Ok(checked.into_iter().map(outcome).collect::<Vec<_>>().into())
}

/// What all of its operations need.
fn needs<T: Table>(batch: &Batch<T>) -> Permissions {
    let deletes = |it: &BatchOperation<T>| matches!(it, BatchOperation::Delete { .. });
    let needed = |it| if deletes(it) { T::TO_DELETE } else { T::TO_WRITE };
    batch.operations.iter().map(needed).collect()
}

fn told(error: &Error) -> BatchError {
    BatchError { code: error.code(), detail: error.to_string(), errors: error.fields().to_vec() }
}

/// An operation whose content was checked.
enum Prepared<'a, T: Table> {
    Create { id: Id<T>, record: &'a T::New },
    Upsert { id: Id<T>, by: &'static Upsert, record: &'a T::New },
    Patch { id: &'a Id<T>, version: &'a Option<i64>, changes: &'a T::Patch },
    Delete { id: &'a Id<T>, version: &'a Option<i64> },
}

type Params<'a> = Vec<&'a (dyn ToSql + Sync)>;

const ANY_VERSION: Option<i64> = None;

impl<'a, T: Table> Prepared<'a, T> {
    fn of(operation: &'a BatchOperation<T>) -> Result<Self> {
        let (content, valid): (&str, _) = match operation {
            BatchOperation::Create { record } | BatchOperation::Upsert { record, .. } => {
                ("record", record.validate())
            }
            BatchOperation::Patch { changes, .. } => ("changes", changes.validate()),
            BatchOperation::Delete { .. } => ("", Ok(())),
        };
        valid.map_err(|fields| Error::invalid(fields).within(content))?;
        Ok(match operation {
            BatchOperation::Create { record } => Self::Create { id: Id::new(), record },
            BatchOperation::Upsert { key, record } => {
                let by = upsert_by::<T>(key)?;
                if !T::has_key(record, key) {
                    let missing = FieldError::new(
                        key,
                        FieldCode::Required,
                        "must be given: the record is found by it",
                    );
                    return Err(Error::invalid(vec![missing]).within("record"));
                }
                Self::Upsert { id: Id::new(), by, record }
            }
            BatchOperation::Patch { id, version, changes } => Self::Patch { id, version, changes },
            BatchOperation::Delete { id, version } => Self::Delete { id, version },
        })
    }

    /// The parameters of its calls, in their order.
    fn params(&'a self, creator: &'a (dyn ToSql + Sync)) -> [Params<'a>; 3] {
        let new = |id: &'a Id<T>, third: &'a (dyn ToSql + Sync), record: &'a T::New| {
            let mut params: Params<'a> = vec![id, third];
            params.extend(T::new_params(record));
            params
        };
        match self {
            Self::Create { id, record } => [new(id, creator, record), vec![], vec![]],
            Self::Upsert { id, record, .. } => {
                [new(id, creator, record), new(id, &ANY_VERSION, record), vec![]]
            }
            Self::Patch { id, version, changes } => {
                let mut params: Params<'a> = vec![*id, *version];
                params.extend(T::patch_params(changes));
                [vec![*id], params, vec![*id]]
            }
            Self::Delete { id, version } => [vec![*id], vec![*id, *version], vec![*id]],
        }
    }

    fn calls<'p>(&self, [first, second, third]: &'p [Params<'p>; 3]) -> Vec<Call<'p>> {
        match self {
            Self::Create { .. } => vec![Call::new(T::INSERT, first)],
            Self::Upsert { by, .. } => {
                vec![Call::new(by.insert, first), Call::new(by.replace, second)]
            }
            Self::Patch { .. } | Self::Delete { .. } => {
                let change = if matches!(self, Self::Delete { .. }) { T::DELETE } else { T::PATCH };
                let lock = T::LOCK.unwrap_or(T::EXISTS);
                let (lock, change) = (Call::new(lock, first), Call::new(change, second));
                vec![lock, change, Call::new(T::EXISTS, third)]
            }
        }
    }

    fn outcome(&self, answered: Result<Answered>) -> Result<BatchOutcome<T>> {
        let answered = answered.map_err(|error| match self {
            Self::Delete { .. } => referred_to(error),
            _ => error,
        })?;
        let rows = |at: usize| -> &[Row] { answered.get(at).map_or(&[], Vec::as_slice) };
        match self {
            Self::Create { .. } => Ok(BatchOutcome::Created { record: the_row(rows(0))? }),
            Self::Upsert { .. } if !rows(0).is_empty() => {
                Ok(BatchOutcome::Created { record: the_row(rows(0))? })
            }
            Self::Upsert { .. } if rows(1).is_empty() => Err(Error::new(
                ErrorCode::Conflict,
                "the record with this key was deleted at the same moment, or is not yours to see",
            )),
            Self::Upsert { .. } => Ok(BatchOutcome::Changed { record: the_row(rows(1))? }),
            _ if rows(1).is_empty() && !rows(2).is_empty() => Err(version_conflict()),
            Self::Patch { .. } => Ok(BatchOutcome::Changed { record: the_row(rows(1))? }),
            Self::Delete { .. } if rows(1).is_empty() => Err(Error::not_found()),
            Self::Delete { id, .. } => Ok(BatchOutcome::Deleted { id: **id }),
        }
    }
}

/// How records are found by this key.
pub(crate) fn upsert_by<T: Table>(key: &str) -> Result<&'static Upsert> {
    T::UPSERTS.iter().find(|upsert| upsert.key == key).ok_or_else(|| {
        let known: Vec<&str> = T::UPSERTS.iter().map(|upsert| upsert.key).collect();
        unknown("key", key, &known, "")
    })
}
