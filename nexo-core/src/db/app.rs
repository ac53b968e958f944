//! The connections of `nexo_app`, and what was written by them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::{Object, Pool};

use super::pool::acquire;
use crate::error::Result;
use crate::model::{Account, Id};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pool: Pool,
    written: Written,
}

/// The accounts whose audit log has entries that may not be sealed yet.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<HashSet<Id<Account>>>>);

impl App {
    pub(super) fn new(pool: Pool, written: Written) -> Self {
        Self { pool, written }
    }

    pub(super) async fn acquire(&self) -> Result<Object> {
        acquire(&self.pool).await
    }

    pub(crate) fn written(&self) -> &Written {
        &self.written
    }
}

impl Written {
    /// To be told after the write was kept: before that there is nothing to seal.
    pub(crate) fn add(&self, account: Id<Account>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account);
    }

    pub(crate) fn take(&self) -> HashSet<Id<Account>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
