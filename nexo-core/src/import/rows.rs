//! Rows of a file as records.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::step::Earlier;
use crate::db::{Access, AfterFailure, Call, Executor, Transaction, translate};
use crate::error::{Error, Result};
use crate::model::{Duplicates, ErrorCode, FieldCode, FieldError, Id, RowOutcome, Validate};
use crate::repo::{Table, Upsert, upsert_by};
use crate::sheet::{fields_of, read_row, reveal};

/// No key is longer, in bytes; each has at most 100 characters.
const MAX_KEY: usize = 400;
/// The most errors that are told of a row.
const MOST_ERRORS: usize = 20;

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
        // What cannot be anybody's key is refused with its row.
        let usable =
            |key: &&str| !key.trim().is_empty() && key.len() <= MAX_KEY && !key.contains('\0');
        Some(reveal(cell)).filter(usable)
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
    pub(super) seen: &'a HashMap<String, Earlier>,
}

/// What became of a row.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: RowOutcome,
    pub(super) record: Option<Uuid>,
    /// The record's version before, if it was there, and now.
    pub(super) found: Option<i64>,
    pub(super) version: Option<i64>,
    /// The fields that were changed, as they had been.
    pub(super) before: Option<Value>,
    pub(super) errors: Vec<FieldError>,
}

impl Done {
    fn without_record(outcome: RowOutcome) -> Self {
        let (record, found, version, before) = (None, None, None, None);
        Self { outcome, record, found, version, before, errors: Vec::new() }
    }

    fn failed(mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MOST_ERRORS);
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
    let mut answers =
        transaction.run_each(T::TO_WRITE.into(), &groups, AfterFailure::GoOn).await?.into_iter();

    let mut done = Vec::with_capacity(chunk.records.len());
    for work in work {
        done.push(match work {
            Err(without) => without,
            Ok(work) => match answers.next().expect("each group has an answer") {
                Ok(answered) => work.outcome(taken(chunk), &answered)?,
                Err(error) => Done::failed(refusal(error)?),
            },
        });
    }
    Ok(done)
}

/// Of the statement that finds records by their keys. It is planned each time,
/// because the table may grow much during an import.
const KEYS_TYPES: &[Type] = &[Type::UUID, Type::TEXT_ARRAY];

/// The records that have the keys of the chunk, held until it ends.
async fn existing<T: Table>(
    transaction: &Transaction,
    chunk: &Chunk<'_>,
) -> Result<HashMap<String, Existing<T>>> {
    if chunk.duplicates != Duplicates::Update {
        return Ok(HashMap::new());
    }
    let keys: Vec<&str> = chunk.records.iter().filter_map(|it| it.key(chunk.key)).collect();
    // Put together from the table's own literals.
    let by = upsert_by::<T>(chunk.key)?.key;
    let sql = format!("{} and {by} = any($2) for no key update", T::SELECT);
    let answered = transaction
        .run(Access::write(T::TO_WRITE), &[Call::planned_each_time(&sql, KEYS_TYPES, &[&keys])])
        .await?;
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
    let failed = |errors| Done::failed(errors);
    let seen = key.is_some_and(|key| chunk.seen.contains_key(key));
    if seen && chunk.duplicates == Duplicates::Update {
        let patch: T::Patch = record.read().map_err(|error| failed(vec![error]))?;
        patch.validate().map_err(failed)?;
        return Err(Done::without_record(RowOutcome::Changed));
    }
    if let Some(before) = key.and_then(|key| existing.get(key)) {
        let patch: T::Patch = record.read().map_err(|error| failed(vec![error]))?;
        patch.validate().map_err(failed)?;
        let (id, version) = (before.id, Some(before.version));
        return Ok(Work::Change { id, version, patch, before });
    }
    let new: T::New = record.read().map_err(|error| failed(vec![error]))?;
    new.validate().map_err(failed)?;
    if seen {
        return Err(taken(chunk));
    }
    // What is there is passed over and not run into, which costs less.
    let passes = key.is_some() && chunk.duplicates != Duplicates::Update;
    let by = T::UPSERTS.iter().find(|upsert| passes && upsert.key == chunk.key);
    Ok(Work::Create { id: Id::new(), new, by })
}

/// What becomes of a row whose key is there.
fn taken(chunk: &Chunk<'_>) -> Done {
    match chunk.duplicates {
        Duplicates::Skip => Done::without_record(RowOutcome::Skipped),
        _ => Done::failed(vec![FieldError::new(
            chunk.key,
            FieldCode::Duplicate,
            "is taken by another record",
        )]),
    }
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

    /// `missed` is of an insert that passes over what is there; no other can
    /// miss.
    fn outcome(self, missed: Done, answered: &[Vec<tokio_postgres::Row>]) -> Result<Done> {
        let row = answered.last().and_then(|rows| rows.first());
        let stored = row.map(T::from_row).transpose().map_err(translate)?;
        let Some(stored) = stored else {
            return Ok(missed);
        };
        let (outcome, found, before) = match self {
            Self::Create { .. } => (RowOutcome::Created, None, None),
            Self::Change { before, .. } => {
                let old = differing::<T>(&before.fields, &stored);
                (RowOutcome::Changed, Some(before.version), Some(Value::Object(old)))
            }
        };
        let (record, version) = (Some(*stored.id().as_uuid()), Some(stored.version()));
        Ok(Done { outcome, record, found, version, before, errors: Vec::new() })
    }
}

/// The old values of what is another now, whoever changed it: the row, or a rule
/// of the database that followed it.
fn differing<T: Table>(old: &Map<String, Value>, stored: &T) -> Map<String, Value> {
    let now = serde_json::to_value(stored).expect("wire types always serialise");
    let differs = |field: &&&str| old.get(**field) != now.get(**field);
    let fields = fields_of::<T::New>().iter().filter(differs);
    fields
        .map(|field| ((*field).to_owned(), old.get(*field).cloned().unwrap_or_default()))
        .collect()
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
