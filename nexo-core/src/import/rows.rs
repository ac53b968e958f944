//! Rows of a file as records.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::db::{Access, Call, Executor, Transaction, translate};
use crate::error::{Error, Result};
use crate::model::{Duplicates, ErrorCode, FieldCode, FieldError, Id, RowOutcome, Validate};
use crate::repo::{Table, Upsert};
use crate::sheet::{read_row, reveal};

/// A row: its number in the file, and the cells of columns that are imported,
/// with their fields.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    pub(super) cells: Vec<(&'a str, String)>,
}

impl Record<'_> {
    /// The value by which the record is found again.
    pub(super) fn key(&self, field: &str) -> Option<&str> {
        let (_, cell) = self.cells.iter().find(|(name, _)| *name == field)?;
        Some(reveal(cell)).filter(|key| !key.trim().is_empty())
    }

    fn read<V: serde::de::DeserializeOwned>(&self) -> Result<V, FieldError> {
        let cells: Vec<(&str, &str)> =
            self.cells.iter().map(|(field, cell)| (*field, cell.as_str())).collect();
        read_row(&cells)
    }
}

/// Some rows that are stored together.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) records: &'a [Record<'a>],
    pub(super) duplicates: Duplicates,
    pub(super) key: &'a str,
    /// Keys that rows before had, and of which a dry run has kept no record.
    pub(super) seen: &'a HashSet<String>,
}

/// What became of a row.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: RowOutcome,
    pub(super) record: Option<Uuid>,
    /// The record's version now.
    pub(super) version: Option<i64>,
    /// The fields that were changed, as they had been.
    pub(super) before: Option<Value>,
    pub(super) errors: Vec<FieldError>,
}

impl Done {
    fn without_record(outcome: RowOutcome) -> Self {
        Self { outcome, record: None, version: None, before: None, errors: Vec::new() }
    }

    fn failed(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::without_record(RowOutcome::Failed) }
    }
}

/// What is done for a row.
enum Work<'a, T: Table> {
    Create { id: Id<T>, new: T::New, by: Option<&'static Upsert> },
    Change { id: Id<T>, version: Option<i64>, patch: T::Patch, before: &'a Existing<T> },
}

/// A record that has the key of a row.
struct Existing<T> {
    id: Id<T>,
    version: i64,
    fields: Map<String, Value>,
}

/// Stores the rows, each for itself: one that is refused keeps no other out.
pub(super) async fn store<T: Table>(
    transaction: &Transaction,
    chunk: &Chunk<'_>,
) -> Result<Vec<Done>> {
    let existing = existing::<T>(transaction, chunk).await?;
    let work: Vec<Result<Work<'_, T>, Done>> =
        chunk.records.iter().map(|record| prepare(chunk, record, &existing)).collect();

    let creator = transaction.scope().user_id();
    let params: Vec<_> = work.iter().flatten().map(|work| work.params(&creator)).collect();
    let groups: Vec<Vec<Call<'_>>> =
        work.iter().flatten().zip(&params).map(|(work, params)| work.calls(params)).collect();
    let mut answers = transaction.run_each(&groups).await?.into_iter();

    let mut done = Vec::with_capacity(chunk.records.len());
    for (work, record) in work.into_iter().zip(chunk.records) {
        done.push(match work {
            Err(without) => without,
            Ok(work) => match answers.next().expect("each group has an answer") {
                Ok(answered) => work.outcome(record, &answered)?,
                Err(error) => Done::failed(refusal(error)?),
            },
        });
    }
    Ok(done)
}

/// The records that have the keys of the chunk, held until it ends.
async fn existing<T: Table>(
    transaction: &Transaction,
    chunk: &Chunk<'_>,
) -> Result<HashMap<String, Existing<T>>> {
    if chunk.duplicates != Duplicates::Update {
        return Ok(HashMap::new());
    }
    let keys: Vec<&str> = chunk.records.iter().filter_map(|it| it.key(chunk.key)).collect();
    // The key's name is one of the table's own literals.
    let sql = format!("{} and {} = any($2) for no key update", T::SELECT, chunk.key);
    let answered = transaction.run(Access::Write, &[Call::new(&sql, &[&keys])]).await?;
    let mut existing = HashMap::with_capacity(keys.len());
    for row in &answered[0] {
        let record = T::from_row(row).map_err(translate)?;
        let value = serde_json::to_value(&record).expect("wire types always serialise");
        let Value::Object(fields) = value else { continue };
        if let Some(key) = fields.get(chunk.key).and_then(Value::as_str) {
            let key = key.to_owned();
            existing.insert(key, Existing { id: record.id(), version: record.version(), fields });
        }
    }
    Ok(existing)
}

fn prepare<'a, T: Table>(
    chunk: &Chunk<'_>,
    record: &Record<'_>,
    existing: &'a HashMap<String, Existing<T>>,
) -> Result<Work<'a, T>, Done> {
    let key = record.key(chunk.key);
    if key.is_some_and(|key| chunk.seen.contains(key)) {
        return Err(match chunk.duplicates {
            Duplicates::Refuse => Done::failed(vec![FieldError::new(
                chunk.key,
                FieldCode::Duplicate,
                "is taken by another row",
            )]),
            Duplicates::Skip => Done::without_record(RowOutcome::Skipped),
            Duplicates::Update => Done::without_record(RowOutcome::Changed),
        });
    }
    let failed = |errors| Done::failed(errors);
    if let Some(before) = key.and_then(|key| existing.get(key)) {
        let patch: T::Patch = record.read().map_err(|error| failed(vec![error]))?;
        patch.validate().map_err(failed)?;
        let (id, version) = (before.id, Some(before.version));
        return Ok(Work::Change { id, version, patch, before });
    }
    let new: T::New = record.read().map_err(|error| failed(vec![error]))?;
    new.validate().map_err(failed)?;
    let skips = key.is_some() && chunk.duplicates == Duplicates::Skip;
    let by = T::UPSERTS.iter().find(|upsert| skips && upsert.key == chunk.key);
    Ok(Work::Create { id: Id::new(), new, by })
}

type Params<'a> = Vec<&'a (dyn ToSql + Sync)>;

impl<T: Table> Work<'_, T> {
    /// Those of the change, and those of the lock before it.
    fn params<'p>(&'p self, creator: &'p (dyn ToSql + Sync)) -> [Params<'p>; 2] {
        match self {
            Self::Create { id, new, .. } => {
                let mut params: Params<'p> = vec![id, creator];
                params.extend(T::new_params(new));
                [params, Vec::new()]
            }
            Self::Change { id, version, patch, .. } => {
                let mut params: Params<'p> = vec![id, version];
                params.extend(T::patch_params(patch));
                [params, vec![id]]
            }
        }
    }

    fn calls<'p>(&self, [change, lock]: &'p [Params<'p>; 2]) -> Vec<Call<'p>> {
        match self {
            Self::Create { by, .. } => {
                vec![Call::new(by.map_or(T::INSERT, |by| by.insert), change)]
            }
            Self::Change { .. } => {
                let lock = T::LOCK.map(|sql| Call::new(sql, lock));
                lock.into_iter().chain([Call::new(T::PATCH, change)]).collect()
            }
        }
    }

    fn outcome(self, record: &Record<'_>, answered: &[Vec<tokio_postgres::Row>]) -> Result<Done> {
        let row = answered.last().and_then(|rows| rows.first());
        let stored = row.map(T::from_row).transpose().map_err(translate)?;
        let Some(stored) = stored else {
            // An insert that passes over what is there; no other can miss.
            return Ok(Done::without_record(RowOutcome::Skipped));
        };
        let (outcome, before) = match self {
            Self::Create { .. } => (RowOutcome::Created, None),
            Self::Change { before, .. } => {
                let named = record.cells.iter().filter(|(_, cell)| !cell.trim().is_empty());
                let old = named.map(|(field, _)| {
                    let old = before.fields.get(*field).cloned().unwrap_or_default();
                    ((*field).to_owned(), old)
                });
                (RowOutcome::Changed, Some(Value::Object(old.collect())))
            }
        };
        let (record, version) = (Some(*stored.id().as_uuid()), Some(stored.version()));
        Ok(Done { outcome, record, version, before, errors: Vec::new() })
    }
}

/// What is said of a row that the database refused. What is no fault of the
/// row ends the chunk, which is then done again.
pub(super) fn refusal(error: Error) -> Result<Vec<FieldError>> {
    match error.code() {
        ErrorCode::ValidationFailed | ErrorCode::Conflict | ErrorCode::InUse
            if error.retry_after().is_none() =>
        {
            if error.fields().is_empty() {
                let code = if error.code() == ErrorCode::InUse {
                    FieldCode::InUse
                } else {
                    FieldCode::Conflict
                };
                return Ok(vec![FieldError::new("", code, error.to_string())]);
            }
            Ok(error.fields().to_vec())
        }
        _ => Err(error),
    }
}
