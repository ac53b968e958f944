//! The connections of `nexo_app`, and what was written by them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};

use super::pool::acquire;
use crate::error::Result;
use crate::model::{Account, Id, User};
use crate::tenant::TenantScope;

/// How often the audit log is told the same refusal of the same scope: nobody
/// who may nothing is to fill it.
const REFUSALS: Duration = Duration::from_secs(60);
/// Refusals that are remembered.
const REMEMBERED: usize = 10_000;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pool: Pool,
    written: Written,
    refusals: Arc<Mutex<HashMap<Refusal, Instant>>>,
}

/// Whose, and what.
type Refusal = (Id<Account>, Option<Id<User>>, String);

/// The accounts whose audit log has entries that may not be sealed yet.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<HashSet<Id<Account>>>>);

impl App {
    pub(super) fn new(pool: Pool, written: Written) -> Self {
        Self { pool, written, refusals: Arc::default() }
    }

    pub(super) async fn acquire(&self) -> Result<Object> {
        acquire(&self.pool).await
    }

    /// Whether the audit log is to be told of it: not if it was a moment ago.
    pub(super) fn is_new_refusal(&self, scope: &TenantScope, detail: &str) -> bool {
        let refusal = (scope.account_id(), scope.user_id(), detail.to_owned());
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.get(&refusal).is_some_and(|at| at.elapsed() < REFUSALS) {
            return false;
        }
        if refusals.len() >= REMEMBERED {
            refusals.retain(|_, at| at.elapsed() < REFUSALS);
        }
        if refusals.len() < REMEMBERED {
            refusals.insert(refusal, Instant::now());
        }
        true
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
