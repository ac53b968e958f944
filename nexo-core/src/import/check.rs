//! The first look at a file: nothing of it is imported before all of it can be
//! read.

use tokio_postgres::types::ToSql;

use super::columns::Wanted;
use super::importing::table_of;
use super::source::{Found, Source};
use super::state::{DROP_FILE, LOCK, State, bigint, columns};
use super::{is_blank, place};
use crate::db::{Access, Call, Database, Executor};
use crate::error::{Error, Result};
use crate::model::{FieldCode, FieldError, Permission};
use crate::sheet::{BOM, CsvFault, CsvReader, detect_delimiter};
use crate::tenant::TenantScope;

/// How many bytes are looked at before the place is kept.
const STRETCH: u64 = 8 * 1024 * 1024;
/// The most places that are told.
const MOST_ERRORS: usize = 20;

/// `$2` id, `$3` separator, `$4` columns, `$5` place, `$6` its row, `$7` rows
/// so far, `$8` whether the file ends here: then rows are imported from `$9` on,
/// which is row `$10`.
const LOOKED: &str = concat!(
    "update nexo.imports
     set delimiter = $3, columns = $4, updated_at = now(), total = $7,
         position = case when $8 then $9::bigint else $5::bigint end,
         next_row = case when $8 then $10::bigint else $6::bigint end,
         first_position = $9::bigint, first_row = $10::bigint,
         status = case when $8 then 'importing' else status end
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

/// `$2` id, `$3` why, `$4` where.
const FAILED: &str = concat!(
    "update nexo.imports set status = 'failed', detail = $3, errors = $4, updated_at = now()
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

/// Looks at a stretch of the file.
pub(super) async fn look(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    source: &mut Source,
) -> Result<State> {
    match stretch(database, scope, state, source).await? {
        Some(Ok(looked)) => keep(database, scope, state, looked).await,
        Some(Err(errors)) => fail(database, scope, state, errors).await,
        None => state.after(database, scope).await,
    }
}

/// Where a look has got to.
struct Looked {
    delimiter: u8,
    columns: Vec<String>,
    position: u64,
    next_row: u64,
    first_position: u64,
    first_row: u64,
    total: u64,
    ended: bool,
}

/// `None` when the file is gone.
async fn stretch(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    source: &mut Source,
) -> Result<Option<Result<Looked, Vec<FieldError>>>> {
    let begun = state.position;
    let delimiter = match state.delimiter {
        Some(delimiter) => delimiter,
        None => {
            if !source.fill(database, scope, state, 0).await? {
                return Ok(None);
            }
            if source.from(0).starts_with(&[0xff, 0xfe])
                || source.from(0).starts_with(&[0xfe, 0xff])
            {
                let message = "is UTF-16; save the file as CSV in UTF-8";
                return Ok(Some(Err(vec![FieldError::new(
                    "row 1, column 1",
                    FieldCode::InvalidFormat,
                    message,
                )])));
            }
            detect_delimiter(source.from(0))
        }
    };
    let mut looked = Looked {
        delimiter,
        columns: state.columns(),
        position: begun,
        next_row: state.next_row,
        first_position: state.first_position,
        first_row: state.first_row,
        total: state.import.total.unwrap_or(0),
        ended: false,
    };
    if begun == 0 && source.from(0).starts_with(BOM) {
        looked.position = BOM.len() as u64;
    }
    let mut reader = CsvReader::new(delimiter);
    let mut errors = Vec::new();
    while looked.position - begun < STRETCH && errors.len() < MOST_ERRORS {
        let found = source.read(database, scope, &mut reader, state, looked.position).await?;
        let row = looked.next_row;
        match found {
            Found::End => {
                looked.ended = true;
                break;
            }
            Found::Gone => return Ok(None),
            Found::Fault(fault) => {
                errors.push(told(fault, row));
                break;
            }
            Found::Blank { bytes, lines } => {
                looked.position += bytes;
                looked.next_row += lines;
            }
            Found::Record(length) => {
                looked.position += length;
                looked.next_row += 1;
                if is_blank(&reader) {
                    continue;
                }
                if looked.columns.is_empty() {
                    match wanted(state)?.columns(row, reader.cells()) {
                        Ok(columns) => looked.columns = columns,
                        Err(mut all) => {
                            all.truncate(MOST_ERRORS);
                            return Ok(Some(Err(all)));
                        }
                    }
                    looked.first_position = looked.position;
                    looked.first_row = looked.next_row;
                } else {
                    looked.total += 1;
                    errors.extend(ragged(&reader, row, looked.columns.len()));
                }
            }
        }
    }
    if looked.ended && looked.columns.is_empty() && errors.is_empty() {
        let message = "must have the names of the columns; the file has no row";
        errors.push(FieldError::new("row 1", FieldCode::Required, message));
    }
    Ok(Some(if errors.is_empty() { Ok(looked) } else { Err(errors) }))
}

fn wanted(state: &State) -> Result<Wanted<'_>> {
    let import = &state.import;
    let table = table_of(&import.collection).ok_or_else(Error::not_found)?;
    Ok(Wanted {
        names: (table.import.names)(),
        mapping: &state.mapping,
        duplicates: import.duplicates,
        key: &import.key,
    })
}

/// A row with fewer or more cells than the heading: likely a separator that
/// should have stood between quotes, so that nothing of the row can be trusted.
fn ragged(reader: &CsvReader, row: u64, columns: usize) -> Option<FieldError> {
    let cells = reader.cells().len();
    if cells == columns {
        return None;
    }
    let message = format!("has {cells} cells where the heading has {columns}");
    let at = place(row, cells.min(columns));
    let code = if cells > columns { FieldCode::TooMany } else { FieldCode::Required };
    Some(FieldError::new(at, code, message))
}

fn told(fault: CsvFault, row: u64) -> FieldError {
    let (at, code, message) = match fault {
        CsvFault::TooLong { column } => {
            (place(row, column), FieldCode::TooLong, "makes the row longer than 1 MiB")
        }
        CsvFault::Unclosed { column } => {
            (place(row, column), FieldCode::InvalidFormat, "opens a quote that never closes")
        }
        CsvFault::TooManyColumns => {
            (format!("row {row}"), FieldCode::TooMany, "has more than 1,000 columns")
        }
        CsvFault::NotUtf8 { column } => (
            place(row, column),
            FieldCode::InvalidCharacter,
            "is not UTF-8; save the file as CSV in UTF-8",
        ),
    };
    FieldError::new(at, code, message)
}

async fn keep(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    looked: Looked,
) -> Result<State> {
    let id = state.id();
    let delimiter = char::from(looked.delimiter).to_string();
    let (place, row, total) =
        (bigint(looked.position), bigint(looked.next_row), bigint(looked.total));
    let first = (bigint(looked.first_position), bigint(looked.first_row));
    let params: [&(dyn ToSql + Sync); 9] =
        [&id, &delimiter, &looked.columns, &place, &row, &total, &looked.ended, &first.0, &first.1];
    put(database, scope, state, &[Call::new(LOOKED, &params)]).await
}

/// Ends an import of which nothing can be stored.
pub(super) async fn fail(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    errors: Vec<FieldError>,
) -> Result<State> {
    let detail = super::columns::refused(errors.clone()).to_string();
    let errors = serde_json::to_value(&errors).expect("wire types always serialise");
    let id = state.id();
    put(
        database,
        scope,
        state,
        &[Call::new(FAILED, &[&id, &detail, &errors]), Call::new(DROP_FILE, &[&id])],
    )
    .await
}

/// Runs the calls, of which the first gives the import, unless somebody else
/// went on with it.
async fn put(
    database: &Database,
    scope: &TenantScope,
    state: &State,
    calls: &[Call<'_>],
) -> Result<State> {
    let transaction = database.transaction(scope).await?;
    let locked = transaction
        .run(Access::write(Permission::ImportRun), &[Call::new(LOCK, &[&state.id()])])
        .await?;
    let now = State::one(&locked[0])?;
    if !now.is_at(state) {
        return Ok(now);
    }
    let answered = transaction.run(Access::write(Permission::ImportRun), calls).await?;
    let state = State::one(&answered[0])?;
    transaction.commit(String::new).await?;
    Ok(state)
}
