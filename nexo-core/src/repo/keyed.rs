//! Writes that are done once for their key.

use std::fmt;

use super::table::Table;
use super::{batch, operations};
use crate::db::{Database, IdempotencyKey, Once};
use crate::error::Result;
use crate::model::{Batch, BatchResult, Id};
use crate::tenant::TenantScope;

/// The writes of a [`Repository`](crate::Repository), each done once for its
/// key: asking again gives what was answered the first time.
///
/// The key is kept in the transaction of the write, so there is never one
/// without the other. It costs a second round trip, because what is kept is
/// the answer.
///
/// Every method fails, besides for the reasons of the plain one, with
/// `idempotency_key_reused` when the key was used for another request. A
/// request that fails uses up no key.
pub struct Keyed<'a, T> {
    pub(super) database: &'a Database,
    pub(super) key: &'a IdempotencyKey,
    pub(super) entity: std::marker::PhantomData<fn() -> T>,
}

impl<T: Table> Keyed<'_, T> {
    /// Creates a record.
    ///
    /// # Errors
    /// As [`Repository::create`](crate::Repository::create).
    pub async fn create(&self, scope: &TenantScope, new: &T::New) -> Result<Once<T>> {
        self.database
            .once(scope, Some(self.key), async |transaction| {
                operations::create(transaction, new).await
            })
            .await
    }

    /// Does many operations.
    ///
    /// # Errors
    /// As [`Repository::batch`](crate::Repository::batch).
    pub async fn batch(
        &self,
        scope: &TenantScope,
        batch: &Batch<T>,
    ) -> Result<Once<BatchResult<T>>> {
        self.database
            .once(scope, Some(self.key), async |transaction| batch::run(transaction, batch).await)
            .await
    }

    /// Takes a record out of lists.
    ///
    /// # Errors
    /// As [`Repository::archive`](crate::Repository::archive).
    pub async fn archive(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        expected_version: Option<i64>,
    ) -> Result<Once<T>> {
        self.set_archived(scope, id, true, expected_version).await
    }

    /// Puts an archived record back into lists.
    ///
    /// # Errors
    /// As [`Repository::restore`](crate::Repository::restore).
    pub async fn restore(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        expected_version: Option<i64>,
    ) -> Result<Once<T>> {
        self.set_archived(scope, id, false, expected_version).await
    }

    async fn set_archived(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        archived: bool,
        expected_version: Option<i64>,
    ) -> Result<Once<T>> {
        self.database
            .once(scope, Some(self.key), async |transaction| {
                operations::set_archived(transaction, id, archived, expected_version).await
            })
            .await
    }
}

impl<T> fmt::Debug for Keyed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("key", &self.key).finish_non_exhaustive()
    }
}
