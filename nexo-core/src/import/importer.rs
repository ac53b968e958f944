//! What can be done with imports.

use std::fmt;
use std::time::Instant;

use super::columns::{check_names, refused};
use super::forget::{HIDE_OLD, SWEEP, SWEEP_FILES, SWEEP_ROWS, forget};
use super::importing::table_of;
use super::report::{self, ReportFile};
use super::source::Source;
use super::state::{Does, GET, State, bigint, columns};
use super::{PAUSE, SLICE, step, undo, upload};
use crate::db::{Access, Call, Database, Executor, IdempotencyKey, Once, translate};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, Id, Import, ImportReport, ImportStatus, Imports, NewImport, Permission, Validate,
};
use crate::repo::registered;
use crate::tenant::TenantScope;

/// `$2` id, `$3` creator, then the content.
const INSERT: &str = concat!(
    "insert into nexo.imports (account_id, id, created_by, collection, format, size, file_name, mapping, duplicates,
         key, dry_run)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     returning ",
    columns!()
);

/// `$2` collections.
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from nexo.imports where account_id = $1 and not forgotten and collection = any($2)
     order by created_at desc, id desc limit 100"
);

/// One after the other begins an import of an account, so that the limits hold.
const TURN: &str =
    "select pg_advisory_xact_lock(hashtextextended('nexo.imports ' || $1::uuid::text, 0))::text";

/// The files that are not done with; a workbook's text may be longer than it.
const HELD: &str =
    "select count(*), coalesce(sum(greatest(size, length)), 0)::bigint from nexo.imports
     where account_id = $1 and not forgotten and status in ('receiving', 'checking', 'importing')";

/// How many imports of an account may be under way, and their bytes.
const MOST_UNDER_WAY: i64 = 20;
const MOST_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// The imports of the account of whichever scope is given.
///
/// An import is created, its file is [written](Self::write) in pieces, and it
/// is [advanced](Self::advance) until it is done. Each call may come from
/// another process, and be repeated: a piece that has arrived is not stored
/// twice, a row that was imported is not imported again.
///
/// Every method fails with `not_found` for an import that the account does not
/// have, with `forbidden` for one of records that the scope may not read, or
/// store, and with `session_ended` when the session of the scope is no longer
/// alive.
#[derive(Clone)]
pub struct Importer {
    database: Database,
}

impl Importer {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins an import, once for its key if there is one.
    ///
    /// # Errors
    /// `validation_failed` for a collection, a field or a key that does not
    /// exist, or a size out of range; `conflict` when too many are under way.
    pub async fn create(
        &self,
        scope: &TenantScope,
        new: &NewImport,
        key: Option<&IdempotencyKey>,
    ) -> Result<Once<Import>> {
        new.validate().map_err(Error::invalid)?;
        check_names(new)?;
        if let Some(table) = table_of(&new.collection) {
            self.database
                .scoped_to_account(scope)
                .permit((table.to_write | table.to_read).with(Permission::ImportRun))
                .await?;
        }
        self.database
            .once_in_account(scope, key, async |transaction| {
                let first = [TURN, HIDE_OLD, SWEEP_FILES, SWEEP_ROWS, SWEEP, HELD];
                let first = first.map(|sql| Call::new(sql, &[]));
                let answered =
                    transaction.run(Access::write(Permission::ImportRun), &first).await?;
                let held = answered[5].first().ok_or_else(Error::not_found)?;
                let count: i64 = held.try_get(0).map_err(translate)?;
                let bytes: i64 = held.try_get(1).map_err(translate)?;
                let size = bigint(new.size);
                if count >= MOST_UNDER_WAY || bytes.saturating_add(size) > MOST_BYTES {
                    return Err(Error::new(
                        ErrorCode::Conflict,
                        "at most 20 imports and 2 GiB may be under way; finish or delete some",
                    ));
                }
                let (id, creator) = (Id::<Import>::new(), scope.user_id());
                let mapping = serde_json::to_value(&new.mapping).expect("names serialise");
                let params: [&(dyn tokio_postgres::types::ToSql + Sync); 10] = [
                    &id,
                    &creator,
                    &new.collection,
                    &new.format,
                    &size,
                    &new.file_name,
                    &mapping,
                    &new.duplicates,
                    &new.key,
                    &new.dry_run,
                ];
                let made = transaction
                    .run(Access::write(Permission::ImportRun), &[Call::new(INSERT, &params)])
                    .await?;
                Ok(State::one(&made[0])?.import)
            })
            .await
    }

    /// Adds a piece of the file, which begins at this byte. A piece that was
    /// added before changes nothing.
    ///
    /// # Errors
    /// `bad_request` unless the piece has 64 KiB to 1 MiB, the last one less;
    /// `conflict` when it does not begin where the last one ended.
    pub async fn write(
        &self,
        scope: &TenantScope,
        id: Id<Import>,
        offset: u64,
        piece: &[u8],
    ) -> Result<Import> {
        patiently(|| upload::write(&self.database, scope, id, offset, piece)).await
    }

    /// Works on the import for about two seconds and tells how far it is; to be
    /// called until its status is final. What was done stays done, whatever
    /// happens to the caller.
    ///
    /// # Errors
    /// `conflict` while the file is not complete; `validation_failed`, naming
    /// row and column, when the file cannot be imported: nothing of it was.
    pub async fn advance(&self, scope: &TenantScope, id: Id<Import>) -> Result<Import> {
        let begun = Instant::now();
        let mut state = self
            .state(scope, id)
            .await?
            .permitted(&self.database.scoped_to_account(scope), Does::Store)
            .await?;
        if state.import.status == ImportStatus::Receiving {
            let detail = format!(
                "{} of {} bytes have arrived; send the rest first",
                state.import.received, state.import.size
            );
            return Err(Error::new(ErrorCode::Conflict, detail));
        }
        let mut source = Source::default();
        while !state.import.status.is_final() && begun.elapsed() < SLICE {
            match step::step(&self.database, scope, &state, &mut source).await {
                Ok(next) => state = next,
                // Somebody else goes on with it, or with the same records.
                Err(error) if is_collision(&error) => {
                    tokio::time::sleep(PAUSE).await;
                    state = self.state(scope, id).await?;
                }
                Err(error) => return Err(error),
            }
        }
        match state.import.status {
            ImportStatus::Failed => Err(refused(state.import.errors)),
            _ => Ok(state.import),
        }
    }

    /// Takes the whole import back, as [`advance`](Self::advance) does in
    /// slices: records that it created are deleted, fields that it changed get
    /// their values back. What others have changed since, or refer to, is kept
    /// and reported.
    ///
    /// # Errors
    /// `conflict` when there is nothing to take back.
    pub async fn undo(&self, scope: &TenantScope, id: Id<Import>) -> Result<Import> {
        patiently(|| undo::begin(&self.database, scope, id)).await?;
        self.advance(scope, id).await
    }

    /// Reads an import.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, scope: &TenantScope, id: Id<Import>) -> Result<Import> {
        Ok(self
            .state(scope, id)
            .await?
            .permitted(&self.database.scoped_to_account(scope), Does::Tell)
            .await?
            .import)
    }

    /// The latest imports, of collections that the scope may read.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(&self, scope: &TenantScope) -> Result<Imports> {
        let may = scope.permissions();
        let readable = registered().into_iter().filter(|table| may.contain(table.to_read.into()));
        let readable: Vec<&str> = readable.map(|table| table.collection).collect();
        let access = Access::read(Permission::ImportRun);
        let scoped = self.database.scoped_to_account(scope);
        let rows = scoped.run(access, &[Call::new(LIST, &[&readable])]).await?;
        let data = rows[0].iter().map(|row| Ok(State::read(row)?.import));
        Ok(Imports { data: data.collect::<Result<_, _>>().map_err(translate)? })
    }

    /// Forgets an import and its file. Records that it made stay, and it can no
    /// longer be undone.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete(&self, scope: &TenantScope, id: Id<Import>) -> Result<()> {
        patiently(|| forget(&self.database, scope, id)).await
    }

    /// The rows that were refused or, after an undo, kept; those after this
    /// row.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn report(
        &self,
        scope: &TenantScope,
        id: Id<Import>,
        after: u64,
    ) -> Result<ImportReport> {
        report::page(&self.database, scope, id, after).await
    }

    /// The whole report as a CSV file, in pieces.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn report_file(&self, scope: &TenantScope, id: Id<Import>) -> Result<ReportFile> {
        ReportFile::begin(self.database.clone(), scope.clone(), id).await
    }

    async fn state(&self, scope: &TenantScope, id: Id<Import>) -> Result<State> {
        State::one(
            &self
                .database
                .scoped_to_account(scope)
                .run(Access::read(Permission::ImportRun), &[Call::new(GET, &[&id])])
                .await?[0],
        )
    }
}

/// Tries again for a while what collides with a step that somebody else does,
/// without holding a connection meanwhile.
async fn patiently<R, F>(work: impl Fn() -> F) -> Result<R>
where
    F: Future<Output = Result<R>>,
{
    let begun = Instant::now();
    loop {
        match work().await {
            Err(error) if is_collision(&error) && begun.elapsed() < 2 * SLICE => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

fn is_collision(error: &Error) -> bool {
    error.code() == ErrorCode::Conflict && error.retry_after().is_some()
}

impl fmt::Debug for Importer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importer").finish_non_exhaustive()
    }
}
