//! The repository of one kind of record.

use std::fmt;
use std::marker::PhantomData;

use super::batch;
use super::export::Export;
use super::keyed::Keyed;
use super::operations;
use super::table::Table;
use crate::db::{Database, IdempotencyKey};
use crate::error::Result;
use crate::model::{Batch, BatchResult, Id, ListParams, Page, SheetFormat};
use crate::tenant::TenantScope;

/// The records of one kind, of the account of whichever scope is given.
///
/// Each call is one transaction in one round trip. A record of another account
/// is *not found*, exactly as one that does not exist.
///
/// Every method fails with `session_ended` when the session of the scope is no
/// longer alive, and with `unavailable` or `overloaded` when the database is.
pub struct Repository<T> {
    database: Database,
    entity: PhantomData<fn() -> T>,
}

impl<T: Table> Repository<T> {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, entity: PhantomData }
    }

    /// The writes that create or move records, done once for this key.
    #[must_use]
    pub fn once<'a>(&'a self, key: &'a IdempotencyKey) -> Keyed<'a, T> {
        Keyed { database: &self.database, key, entity: PhantomData }
    }

    /// Creates a record.
    ///
    /// # Errors
    /// `validation_failed` with every field that was refused.
    pub async fn create(&self, scope: &TenantScope, new: &T::New) -> Result<T> {
        operations::create(&self.database.scoped(scope), new).await
    }

    /// Does up to [`MAX_BATCH`](crate::model::MAX_BATCH) operations, in one
    /// transaction: all of them or none, or each that can be done. It takes two
    /// round trips, and up to four more where operations fail.
    ///
    /// # Errors
    /// `invalid_body` for none or too many operations; in an atomic batch that
    /// of the first operation which cannot be done, whose fields are told by
    /// their path.
    pub async fn batch(&self, scope: &TenantScope, batch: &Batch<T>) -> Result<BatchResult<T>> {
        let work = async |transaction: &_| batch::run(transaction, batch).await;
        Ok(self.database.once(scope, None, work).await?.into_inner())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, scope: &TenantScope, id: Id<T>) -> Result<T> {
        operations::get(&self.database.scoped(scope), id).await
    }

    /// Reads one page of records.
    ///
    /// # Errors
    /// `invalid_query` for a limit or an order that does not exist,
    /// `invalid_cursor` for a cursor of another list.
    pub async fn list(&self, scope: &TenantScope, params: &ListParams<T>) -> Result<Page<T>> {
        operations::list(&self.database.scoped(scope), params).await
    }

    /// Writes all rows of a list to a file, of these fields or, if none is
    /// named, of all. The file comes in pieces while it is written, so that
    /// memory does not grow with it.
    ///
    /// # Errors
    /// As [`list`](Self::list); `invalid_query` for a field that does not
    /// exist, and for a limit, a cursor, a count or an expansion: a file has
    /// all rows and nothing else.
    pub async fn export(
        &self,
        scope: &TenantScope,
        params: ListParams<T>,
        format: SheetFormat,
        fields: &[String],
    ) -> Result<Export<T>> {
        Export::begin(self.database.clone(), scope.clone(), params, format, fields).await
    }

    /// Replaces a record's whole content; what is absent becomes empty.
    ///
    /// # Errors
    /// `not_found`; `version_conflict` when a version is expected and the
    /// record has another; `validation_failed`.
    pub async fn replace(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        new: &T::New,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::replace(&self.database.scoped(scope), id, new, expected_version).await
    }

    /// Changes some fields of a record.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub async fn patch(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        patch: &T::Patch,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::patch(&self.database.scoped(scope), id, patch, expected_version).await
    }

    /// Takes a record out of lists; what refers to it goes on to. Archiving an
    /// archived one changes nothing but its version.
    ///
    /// # Errors
    /// `not_found`; `version_conflict` as in [`replace`](Self::replace).
    pub async fn archive(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::set_archived(&self.database.scoped(scope), id, true, expected_version).await
    }

    /// Puts an archived record back into lists.
    ///
    /// # Errors
    /// As [`archive`](Self::archive).
    pub async fn restore(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        expected_version: Option<i64>,
    ) -> Result<T> {
        operations::set_archived(&self.database.scoped(scope), id, false, expected_version).await
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// `not_found`; `version_conflict` as in [`replace`](Self::replace);
    /// `in_use` when other records refer to it: then it can be archived.
    pub async fn delete(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        expected_version: Option<i64>,
    ) -> Result<()> {
        operations::delete(&self.database.scoped(scope), id, expected_version).await
    }
}

impl<T> Clone for Repository<T> {
    fn clone(&self) -> Self {
        Self { database: self.database.clone(), entity: PhantomData }
    }
}

impl<T> fmt::Debug for Repository<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").finish_non_exhaustive()
    }
}
