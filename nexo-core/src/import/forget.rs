//! Imports that are not needed any more.
//!
//! One may have millions of rows, more than a statement can delete in its time.
//! So it is hidden at once, and its rows go a part at a time.

use std::time::Instant;

use super::SLICE;
use super::state::{DROP_FILE, Does, LOCK, State};
use crate::db::{Access, Call, Database, Executor};
use crate::error::Result;
use crate::model::{Id, Import, Permission};
use crate::tenant::TenantScope;

/// `$2` id.
const HIDE: &str =
    "update nexo.imports set forgotten = true where account_id = $1 and id = $2 and not forgotten";

/// Imports can be undone for 30 days.
pub(super) const HIDE_OLD: &str = "update nexo.imports set forgotten = true
     where account_id = $1 and not forgotten and created_at < now() - interval '30 days'";

/// Files of imports that nobody sees any more, and some of their rows.
pub(super) const SWEEP_FILES: &str = "delete from nexo.import_chunks
     where account_id = $1 and import_id in (
         select id from nexo.imports where account_id = $1 and forgotten limit 5)";
pub(super) const SWEEP_ROWS: &str = "with gone as (
         select account_id, import_id, number from nexo.import_rows
         where account_id = $1 and import_id in (
             select id from nexo.imports where account_id = $1 and forgotten limit 5)
         limit 10000)
     delete from nexo.import_rows r using gone
     where r.account_id = $1 and r.import_id = gone.import_id and r.number = gone.number
     returning r.number";

/// Those that have no rows any more.
pub(super) const SWEEP: &str = "delete from nexo.imports i
     where account_id = $1 and forgotten and not exists (
         select from nexo.import_rows r where r.account_id = $1 and r.import_id = i.id)";

/// Hides an import, and takes away as much of it as can be done at once.
pub(super) async fn forget(database: &Database, scope: &TenantScope, id: Id<Import>) -> Result<()> {
    let transaction = database.transaction(scope).await?;
    let locked =
        transaction.run(Access::write(Permission::ImportRun), &[Call::new(LOCK, &[&id])]).await?;
    State::one(&locked[0])?.permitted(&transaction, Does::Store).await?;
    transaction
        .run(
            Access::write(Permission::ImportRun),
            &[Call::new(HIDE, &[&id]), Call::new(DROP_FILE, &[&id])],
        )
        .await?;
    transaction.commit(String::new).await?;
    let begun = Instant::now();
    loop {
        let calls = [Call::new(SWEEP_ROWS, &[]), Call::new(SWEEP, &[])];
        let swept = database
            .scoped_to_account(scope)
            .run(Access::write(Permission::ImportRun), &calls)
            .await?;
        if swept[0].is_empty() || begun.elapsed() >= SLICE {
            return Ok(());
        }
    }
}
