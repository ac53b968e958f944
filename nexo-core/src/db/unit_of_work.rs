//! Several statements in one transaction.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::Row;

use super::alive::{Alive, explain};
use super::app::App;
use super::connection::Connection;
use super::flush::{Access, Call, Mode, enqueue, prepare, send};
use super::reach::Reach;
use super::scoped::{Executor, bind, opening};
use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, ListParams, Page, Permissions};
use crate::repo::{Table, operations};
use crate::tenant::TenantScope;

/// A transaction in a scope: all of its changes are kept, or none.
///
/// Without [`commit`](Self::commit) nothing is kept, also when it is dropped
/// in the middle. A statement that the database refused ends the unit: later
/// ones fail, and so does the commit.
///
/// Whether the session is alive and may what its token says is asked when the
/// unit begins; a unit that has begun goes on. Keep it short.
pub struct UnitOfWork {
    app: App,
    connection: Connection,
    scope: TenantScope,
    open: bool,
    /// Statements that were begun and have not succeeded: failed, still
    /// running, or left by their caller, who cannot know what became of them.
    unsettled: AtomicUsize,
}

impl UnitOfWork {
    pub(super) async fn begin(app: &App, scope: &TenantScope) -> Result<Self> {
        let reach = Reach::of_records(scope, Permissions::NONE);
        let connection = app.acquire(reach, scope.account_id()).await?;
        let alive = Alive::of(scope);
        let asked = alive.as_ref().map(Alive::params);
        let asked = alive.as_ref().zip(asked.as_ref());
        let asked: Vec<_> =
            asked.iter().map(|(alive, asked)| Call::new(alive.sql, *asked)).collect();
        let asked = prepare(&connection, &asked).await?;
        let unit = Self {
            app: app.clone(),
            connection,
            scope: scope.clone(),
            open: true,
            unsettled: AtomicUsize::new(0),
        };

        let opening = opening(scope, reach, Mode::Write);
        let opened = send(app.latency(), &unit.connection, Some(&opening), &asked, None).await;
        opened.map_err(|failed| explain(scope, failed))?;
        Ok(unit)
    }

    /// Keeps all changes.
    ///
    /// # Errors
    /// When a statement of the unit had failed, or the database cannot commit;
    /// nothing is kept then. When the connection broke while committing, it is
    /// not known whether the changes were kept; the error is then
    /// `unavailable`.
    pub async fn commit(mut self) -> Result<()> {
        // COMMIT of a failed transaction rolls back and answers success.
        if self.unsettled.load(Ordering::Relaxed) > 0 {
            return Err(Error::new(
                ErrorCode::Conflict,
                "a statement of the unit of work failed or was abandoned; nothing was kept",
            ));
        }
        self.open = false;
        let commit = self.connection.batch_execute("COMMIT");
        let kept = self.connection.under_way(commit).await;
        self.app.written().add(self.scope.account_id());
        kept.map_err(translate)
    }

    /// Drops all changes. The same happens when the unit is dropped.
    pub fn rollback(self) {}

    /// Creates a record.
    ///
    /// # Errors
    /// As [`Repository::create`](crate::Repository::create).
    pub async fn create<T: Table>(&self, new: &T::New) -> Result<T> {
        operations::create(self, new).await
    }

    /// Reads a record, as this unit has left it.
    ///
    /// # Errors
    /// As [`Repository::get`](crate::Repository::get).
    pub async fn get<T: Table>(&self, id: Id<T>) -> Result<T> {
        operations::get(self, id).await
    }

    /// Reads a page of records.
    ///
    /// # Errors
    /// As [`Repository::list`](crate::Repository::list).
    pub async fn list<T: Table>(&self, params: &ListParams<T>) -> Result<Page<T>> {
        operations::list(self, params).await
    }

    /// Replaces a record's content.
    ///
    /// # Errors
    /// As [`Repository::replace`](crate::Repository::replace).
    pub async fn replace<T: Table>(
        &self,
        id: Id<T>,
        new: &T::New,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::replace(self, id, new, expected_version).await
    }

    /// Changes some fields of a record.
    ///
    /// # Errors
    /// As [`Repository::patch`](crate::Repository::patch).
    pub async fn patch<T: Table>(
        &self,
        id: Id<T>,
        patch: &T::Patch,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::patch(self, id, patch, expected_version).await
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// As [`Repository::delete`](crate::Repository::delete).
    pub async fn delete<T: Table>(&self, id: Id<T>, expected_version: Option<i64>) -> Result<()> {
        operations::delete(self, id, expected_version).await
    }
}

impl Executor for UnitOfWork {
    fn scope(&self) -> &TenantScope {
        &self.scope
    }

    async fn run(&self, access: Access, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.permit(access.needs).await?;
        self.unsettled.fetch_add(1, Ordering::Relaxed);
        let account = self.scope.account_id();
        let bound = bind(&account, calls);
        let calls: Vec<Call<'_>> = bound.iter().map(|(call, params)| call.with(params)).collect();
        let ready = prepare(&self.connection, &calls).await?;
        let rows = send(self.app.latency(), &self.connection, None, &ready, None)
            .await
            .map_err(|failed| translate(failed.error))?;
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        Ok(rows)
    }

    async fn refuse(&self, forbidden: Error) -> Error {
        // The token was asked about when the unit began.
        forbidden
    }
}

impl Drop for UnitOfWork {
    fn drop(&mut self) {
        // Queued before whatever the connection's next user sends.
        if self.open {
            enqueue(self.connection.batch_execute("ROLLBACK"));
        }
    }
}

impl std::fmt::Debug for UnitOfWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnitOfWork").field("scope", &self.scope).finish_non_exhaustive()
    }
}
