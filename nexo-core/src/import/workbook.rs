//! A workbook becomes text, which is then read like any other.

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio_postgres::types::ToSql;

use super::check;
use super::place;
use super::state::{DROP_FILE, LOCK, State, bigint, columns};
use super::upload::ADD;
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, FieldCode, FieldError, Permission};
use crate::sheet::{CsvWriter, MAX_RECORD, XlsxError, XlsxFault, XlsxLimits, read_xlsx};
use crate::tenant::TenantScope;

/// `$2` import: its whole file, which is small enough.
const FILE: &str = "select content from nexo.import_chunks
     where account_id = $1 and import_id = $2
     order by start";

/// `$2` id, `$3` the length of the text.
const BECAME_TEXT: &str = concat!(
    "update nexo.imports set length = $3, delimiter = ',', updated_at = now()
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

/// The sheet and its text, each. What is more takes longer than a request may.
const LIMITS: XlsxLimits =
    XlsxLimits { sheet: 256 * 1024 * 1024, row: MAX_RECORD, ..XlsxLimits::DEFAULT };
/// As much text is stored at once.
const PIECE: usize = 512 * 1024;

/// One workbook at a time is unpacked: it may need all of the memory that the
/// limits grant.
static TURN: Semaphore = Semaphore::const_new(1);

/// Stores the text of the first sheet in the place of the workbook.
pub(super) async fn to_text(
    database: &Database,
    scope: &TenantScope,
    state: &State,
) -> Result<State> {
    let turn = TURN.acquire().await.expect("it is never closed");
    let id = state.id();
    let transaction = database.transaction(scope).await?;
    let one: [&(dyn ToSql + Sync); 1] = [&id];
    let first = [Call::new(LOCK, &one), Call::new(FILE, &one)];
    let answered = transaction.run(Access::write(Permission::ImportRun), &first).await?;
    let now = State::one(&answered[0])?;
    if !now.is_at(state) || now.length != state.length {
        return Ok(now);
    }
    let mut file = Vec::with_capacity(usize::try_from(state.import.size).unwrap_or_default());
    for row in &answered[1] {
        file.extend_from_slice(row.try_get(0).map_err(translate)?);
    }
    drop(answered);
    transaction.run(Access::write(Permission::ImportRun), &[Call::new(DROP_FILE, &one)]).await?;

    // If this future is dropped, the reader finds that nobody takes its pieces;
    // until then it is still its turn.
    let (send, mut pieces) = mpsc::channel::<Vec<u8>>(2);
    let reading = spawn_blocking(move || {
        let _turn = turn;
        read(&file, &send)
    });
    let mut length = 0;
    while let Some(piece) = pieces.recv().await {
        let start = bigint(length);
        let params: [&(dyn ToSql + Sync); 3] = [&id, &start, &piece];
        transaction.run(Access::write(Permission::ImportRun), &[Call::new(ADD, &params)]).await?;
        length += piece.len() as u64;
    }
    let read = reading.await.map_err(|error| {
        Error::new(ErrorCode::Internal, "the workbook could not be read").because(error)
    })?;
    let fault = match read {
        Ok(()) => None,
        Err(XlsxError::Fault(fault)) => Some(fault),
        Err(XlsxError::Row(ended)) => Some(ended),
    };
    if let Some(fault) = fault {
        drop(transaction);
        return check::fail(database, scope, state, vec![told(fault)]).await;
    }
    let length = bigint(length);
    let became: [&(dyn ToSql + Sync); 2] = [&id, &length];
    let answered = transaction
        .run(Access::write(Permission::ImportRun), &[Call::new(BECAME_TEXT, &became)])
        .await?;
    let state = State::one(&answered[0])?;
    transaction.commit(String::new).await?;
    Ok(state)
}

/// Gives the rows as text; each has at least the columns of the first that has
/// any.
fn read(file: &[u8], send: &mpsc::Sender<Vec<u8>>) -> Result<(), XlsxError<XlsxFault>> {
    let mut text = Text { csv: CsvWriter::default(), left: LIMITS.sheet, send };
    let mut columns = 0;
    read_xlsx(file, &LIMITS, |cells| {
        if columns == 0 {
            columns = cells.len();
        }
        // A blank row is one all the same: the rows after it keep their numbers.
        let missing = if cells.is_empty() { 1 } else { columns.saturating_sub(cells.len()) };
        text.csv.row(cells.iter().map(String::as_str).chain(std::iter::repeat_n("", missing)));
        text.give(PIECE)
    })?;
    if columns == 0 {
        // Never nothing: a workbook without a row is told as a file without one.
        text.csv.row([""]);
    }
    text.give(1).map_err(XlsxError::Row)
}

/// Text on its way to the database.
struct Text<'a> {
    csv: CsvWriter,
    left: u64,
    send: &'a mpsc::Sender<Vec<u8>>,
}

impl Text<'_> {
    /// Sends what is written if it is as much.
    fn give(&mut self, least: usize) -> Result<(), XlsxFault> {
        if self.csv.len() < least {
            return Ok(());
        }
        let written = self.csv.take();
        self.left = self.left.checked_sub(written.len() as u64).ok_or(XlsxFault::TooLarge)?;
        for piece in written.chunks(PIECE) {
            // Nobody waits for them any more: whatever is answered is lost.
            self.send.blocking_send(piece.to_vec()).map_err(|_| XlsxFault::TooLarge)?;
        }
        Ok(())
    }
}

fn told(fault: XlsxFault) -> FieldError {
    let field = match (fault.row(), fault.column()) {
        (Some(row), Some(column)) => place(row.into(), column),
        (Some(row), None) => format!("row {row}"),
        _ => "file".to_owned(),
    };
    let code = match fault {
        XlsxFault::TooLarge
        | XlsxFault::TooManyParts
        | XlsxFault::TooManyRows { .. }
        | XlsxFault::TooManyColumns { .. } => FieldCode::TooMany,
        XlsxFault::TooLong { .. } => FieldCode::TooLong,
        _ => FieldCode::InvalidFormat,
    };
    FieldError::new(field, code, format!("cannot be imported: {fault}"))
}
