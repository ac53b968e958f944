//! A file in pieces.

use super::state::{Does, LOCK, State, bigint, columns};
use crate::db::{Access, Call, Database, Executor};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, Import, ImportStatus, MAX_PIECE, MIN_PIECE, Permission};
use crate::tenant::TenantScope;

/// `$2` import, `$3` its first byte's place, `$4` the bytes.
pub(super) const ADD: &str = "insert into nexo.import_chunks (account_id, import_id, start, content) values ($1, $2, $3, $4)";

/// `$2` id, `$3` how much has arrived. Text can be read as it is; a workbook
/// becomes text first.
const RECEIVED: &str = concat!(
    "update nexo.imports
     set received = $3::bigint, updated_at = now(),
         length = case when format = 'csv' then $3::bigint else 0 end,
         status = case when $3::bigint = size then 'checking' else status end
     where account_id = $1 and id = $2
     returning ",
    columns!()
);

pub(super) async fn write(
    database: &Database,
    scope: &TenantScope,
    id: Id<Import>,
    offset: u64,
    piece: &[u8],
) -> Result<Import> {
    let transaction = database.transaction(scope).await?;
    let locked =
        transaction.run(Access::write(Permission::ImportRun), &[Call::new(LOCK, &[&id])]).await?;
    let import = State::one(&locked[0])?.permitted(&transaction, Does::Store).await?.import;
    let end = offset.saturating_add(piece.len() as u64);
    if end <= import.received && !piece.is_empty() {
        return Ok(import);
    }
    check(&import, offset, end, piece.len())?;
    let (start, received) = (bigint(offset), bigint(end));
    let answered = transaction
        .run(
            Access::write(Permission::ImportRun),
            &[Call::new(ADD, &[&id, &start, &piece]), Call::new(RECEIVED, &[&id, &received])],
        )
        .await?;
    let state = State::one(&answered[1])?;
    transaction.commit(String::new).await?;
    Ok(state.import)
}

fn check(import: &Import, offset: u64, end: u64, length: usize) -> Result<()> {
    let refused = |code, detail: String| Err(Error::new(code, detail));
    if import.status != ImportStatus::Receiving {
        return refused(ErrorCode::Conflict, "the file has arrived as a whole".to_owned());
    }
    if offset != import.received {
        let detail = format!("the next piece begins at byte {}", import.received);
        return refused(ErrorCode::Conflict, detail);
    }
    if end > import.size {
        let detail = format!("the file was announced with {} bytes", import.size);
        return refused(ErrorCode::BadRequest, detail);
    }
    let least = if end == import.size { 1 } else { MIN_PIECE };
    if !(least..=MAX_PIECE).contains(&length) {
        let detail = "a piece has 64 KiB to 1 MiB; the last one may have less";
        return refused(ErrorCode::BadRequest, detail.to_owned());
    }
    Ok(())
}
