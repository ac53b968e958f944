//! One step of an import: read some rows, store them, and move on, in one
//! transaction.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::importing::table_of;
use super::rows::{Chunk, Done, Record};
use super::source::{Found, Source};
use super::state::{DROP_FILE, LOCK, State, bigint, columns};
use super::{check, is_blank, undo, workbook};
use crate::db::{Access, Call, Database, Executor, Transaction, translate};
use crate::error::{Error, Result};
use crate::model::{Duplicates, ErrorCode, Import, ImportStatus, Permission, RowOutcome};
use crate::sheet::CsvReader;
use crate::tenant::TenantScope;

/// The most rows of a transaction, and the bytes after which it has enough.
const ROWS: usize = 500;
const BYTES: u64 = 256 * 1024;

/// `$2` import, `$3` keys: those that rows before have stored a record by, and
/// the last of these rows that would undo something.
const SEEN: &str = "select distinct on (key) key, number, record_id, version from nexo.import_rows
     where account_id = $1 and import_id = $2 and key = any($3) and outcome in ('created', 'changed')
     order by key, record_id is null, number desc";

/// The types of [`SEEN`]. It is planned each time: a plan that was made while
/// the table was empty would go on to compare each of its rows with each key.
const SEEN_TYPES: &[Type] = &[Type::UUID, Type::UUID, Type::TEXT_ARRAY];

/// `$2` import, then a list for each column.
const KEEP_ROWS: &str = "insert into nexo.import_rows
         (account_id, import_id, number, outcome, key, record_id, version, before, errors)
     select $1, $2, * from unnest($3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::jsonb[],
         $9::jsonb[])";

/// `$2` import, `$3` rows, `$4` versions, `$5` what was changed again: of rows
/// whose record nobody else has touched since, so that they undo this too.
const JOIN_ROWS: &str = "update nexo.import_rows r
     set version = again.version,
         before = case when r.outcome = 'changed' then again.before || r.before end
     from unnest($3::bigint[], $4::bigint[], $5::jsonb[]) as again (number, version, before)
     where r.account_id = $1 and r.import_id = $2 and r.number = again.number";
const JOIN_TYPES: &[Type] =
    &[Type::UUID, Type::UUID, Type::INT8_ARRAY, Type::INT8_ARRAY, Type::JSONB_ARRAY];

/// `$2` id, `$3` place, `$4` its row, `$5` whether the file ends there, `$6` to
/// `$9` how many rows were created, changed, skipped and failed.
const MOVE: &str = concat!(
    "update nexo.imports
     set position = $3, next_row = $4, status = case when $5 then 'done' else status end,
         processed = processed + $6::bigint + $7::bigint + $8::bigint + $9::bigint, created = created + $6,
         changed = changed + $7, skipped = skipped + $8, failed = failed + $9, updated_at = now()
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

/// Does the next step of an import that is not at its end.
pub(super) async fn step(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    source: &mut Source,
) -> Result<State> {
    match state.import.status {
        ImportStatus::Checking if state.length == 0 => {
            workbook::to_text(database, scope, state).await
        }
        ImportStatus::Checking => check::look(database, scope, state, source).await,
        ImportStatus::Importing => rows(database, scope, state, source).await,
        ImportStatus::Undoing => undo::step(database, scope, state).await,
        ImportStatus::Receiving
        | ImportStatus::Done
        | ImportStatus::Failed
        | ImportStatus::Undone => Ok(state.clone()),
    }
}

async fn rows(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    source: &mut Source,
) -> Result<State> {
    let columns = state.columns();
    let Some(read) = read(database, scope, state, &columns, source).await? else {
        return state.after(database, scope).await;
    };
    let import = &state.import;
    let table = table_of(&import.collection).ok_or_else(Error::not_found)?;

    let transaction = database.transaction(scope).await?;
    let seen = match begin(&transaction, state, &read.records).await? {
        Begun::Here(seen) => seen,
        Begun::Elsewhere(state) => return Ok(*state),
    };
    let none = HashMap::new();
    let chunk = Chunk {
        records: &read.records,
        duplicates: import.duplicates,
        key: &import.key,
        seen: if import.dry_run { &seen } else { &none },
    };
    let done = (table.import.store)(&transaction, &chunk).await?;
    let transaction = if import.dry_run {
        // Without what was done in it, and back to where it was.
        drop(transaction);
        let again = database.transaction(scope).await?;
        if let Begun::Elsewhere(state) = begin(&again, state, &[]).await? {
            return Ok(*state);
        }
        again
    } else {
        transaction
    };
    keep(transaction, state, &read, done, &seen).await
}

/// Some rows of the file.
struct Read<'a> {
    records: Vec<Record<'a>>,
    position: u64,
    next_row: u64,
    ended: bool,
}

/// A row of before: its number, its record and the version it has left.
#[derive(Debug)]
pub(super) struct Earlier {
    number: i64,
    made: Option<(Uuid, i64)>,
}

/// `None` when the file is gone.
async fn read<'a>(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    columns: &'a [String],
    source: &mut Source,
) -> Result<Option<Read<'a>>> {
    let (import, begun) = (&state.import, state.position);
    let mut reader = CsvReader::new(state.delimiter.unwrap_or(b','));
    let mut read =
        Read { records: Vec::new(), position: begun, next_row: state.next_row, ended: false };
    // A row sees what the rows before it have stored only in another chunk.
    let apart = looks_back(import);
    let mut keys = HashSet::new();
    while read.records.len() < ROWS && read.position - begun < BYTES {
        let found = source.read(database, scope, &mut reader, state, read.position).await?;
        let length = match found {
            Found::Record(length) => length,
            Found::Blank { bytes, lines } => {
                read.position += bytes;
                read.next_row += lines;
                continue;
            }
            Found::End => {
                read.ended = true;
                break;
            }
            Found::Gone => return Ok(None),
            Found::Fault(_) => {
                let told = "the file was read before and cannot be read now";
                return Err(Error::new(ErrorCode::Internal, told));
            }
        };
        if !is_blank(&reader) {
            let used = columns.iter().zip(reader.cells()).filter(|(field, _)| !field.is_empty());
            let cells = used.map(|(field, cell)| (field.as_str(), cell.to_owned())).collect();
            let record = Record { number: read.next_row, cells };
            let key = record.key(&import.key).filter(|_| apart);
            if key.is_some_and(|key| !keys.insert(key.to_owned())) {
                break;
            }
            read.records.push(record);
        }
        read.position += length;
        read.next_row += 1;
    }
    Ok(Some(read))
}

/// Whether rows are told what became of those before them with the same key. If
/// not, the records themselves tell it.
fn looks_back(import: &Import) -> bool {
    import.dry_run || import.duplicates == Duplicates::Update
}

/// How a transaction of an import begins.
enum Begun {
    /// Nobody else goes on with it, and these keys were there before.
    Here(HashMap<String, Earlier>),
    /// It went on since.
    Elsewhere(Box<State>),
}

async fn begin(transaction: &Transaction, state: &State, records: &[Record<'_>]) -> Result<Begun> {
    let (id, import) = (state.id(), &state.import);
    let keys = records.iter().filter(|_| looks_back(import));
    let keys: Vec<&str> = keys.filter_map(|it| it.key(&import.key)).collect();
    let (lock, wanted): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
        ([&id], [&id, &keys]);
    let mut calls = vec![Call::new(LOCK, &lock)];
    if !keys.is_empty() {
        calls.push(Call::planned_each_time(SEEN, SEEN_TYPES, &wanted));
    }
    let answered = transaction.run(Access::write(Permission::ImportRun), &calls).await?;
    let now = State::one(&answered[0])?;
    if !now.is_at(state) {
        return Ok(Begun::Elsewhere(Box::new(now)));
    }
    let seen = answered.iter().skip(1).flatten().map(|row| {
        let (record, version) = (row.try_get::<_, Option<_>>(2)?, row.try_get::<_, Option<_>>(3)?);
        Ok((row.try_get(0)?, Earlier { number: row.try_get(1)?, made: record.zip(version) }))
    });
    Ok(Begun::Here(seen.collect::<Result<_, _>>().map_err(translate)?))
}

async fn keep(
    transaction: Transaction,
    state: &State,
    read: &Read<'_>,
    done: Vec<Done>,
    seen: &HashMap<String, Earlier>,
) -> Result<State> {
    let (id, import) = (state.id(), &state.import);
    let mut rows = Rows::default();
    let mut again = (Vec::new(), Vec::new(), Vec::new());
    for (record, mut done) in read.records.iter().zip(done) {
        let key = record.key(&import.key);
        let earlier = key.and_then(|key| seen.get(key));
        if let (Some(earlier), Some(version)) = (earlier, done.version)
            // Nobody else has written in between: the earlier row can undo both.
            && earlier.made.is_some() && earlier.made == done.record.zip(done.found)
        {
            again.0.push(earlier.number);
            again.1.push(version);
            again.2.push(done.before.take());
            done.record = None;
        }
        if import.dry_run {
            done.record = None;
        }
        rows.push(record.number, key, done);
    }
    let (place, row) = (bigint(read.position), bigint(read.next_row));
    let [created, changed, skipped, failed] = rows.counts();
    let moved: [&(dyn ToSql + Sync); 8] =
        [&id, &place, &row, &read.ended, &created, &changed, &skipped, &failed];
    let kept: [&(dyn ToSql + Sync); 8] = [
        &id,
        &rows.numbers,
        &rows.outcomes,
        &rows.keys,
        &rows.records,
        &rows.versions,
        &rows.befores,
        &rows.errors,
    ];
    let joined: [&(dyn ToSql + Sync); 4] = [&id, &again.0, &again.1, &again.2];
    let one: [&(dyn ToSql + Sync); 1] = [&id];
    let mut calls = vec![Call::new(MOVE, &moved), Call::new(KEEP_ROWS, &kept)];
    if !again.0.is_empty() {
        calls.push(Call::planned_each_time(JOIN_ROWS, JOIN_TYPES, &joined));
    }
    if read.ended {
        calls.push(Call::new(DROP_FILE, &one));
    }
    let answered = transaction.run(Access::write(Permission::ImportRun), &calls).await?;
    let state = State::one(&answered[0])?;
    transaction.commit(String::new).await?;
    Ok(state)
}

/// Rows by column, as they are stored.
#[derive(Default)]
struct Rows<'a> {
    numbers: Vec<i64>,
    outcomes: Vec<RowOutcome>,
    keys: Vec<Option<&'a str>>,
    records: Vec<Option<Uuid>>,
    versions: Vec<Option<i64>>,
    befores: Vec<Option<serde_json::Value>>,
    errors: Vec<Option<serde_json::Value>>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, number: u64, key: Option<&'a str>, done: Done) {
        self.numbers.push(bigint(number));
        self.outcomes.push(done.outcome);
        self.keys.push(key);
        self.records.push(done.record);
        self.versions.push(done.version);
        self.befores.push(done.before);
        self.errors.push(
            (!done.errors.is_empty())
                .then(|| serde_json::to_value(&done.errors).expect("wire types always serialise")),
        );
    }

    /// Created, changed, skipped and failed.
    fn counts(&self) -> [i64; 4] {
        use RowOutcome::{Changed, Created, Failed, Skipped};
        let count = |outcome| self.outcomes.iter().filter(|it| **it == outcome).count() as u64;
        [Created, Changed, Skipped, Failed].map(|outcome| bigint(count(outcome)))
    }
}
