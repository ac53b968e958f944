//! The connections of `nexo_app`, and what was written by them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::latency::Latency;
use super::pool::{Connections, PoolCount};
use super::reach::Reach;
use crate::error::Result;
use crate::model::{Account, Id};
use crate::tenant::{Actor, Credential, TenantScope};

/// How often the audit log is told the same refusal of the same scope: nobody
/// who may nothing is to fill it.
const REFUSALS: Duration = Duration::from_secs(60);
/// Refusals that are remembered.
const REMEMBERED: usize = 10_000;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pool: Connections,
    /// The same, for those who see only some records: plans are made for one role,
    /// and to change it on a connection makes each of them anew.
    limited: Connections,
    written: Written,
    latency: Arc<Latency>,
    refusals: Arc<Mutex<HashMap<Refusal, Instant>>>,
}

/// Whose, by what they act, and what.
type Refusal = (Id<Account>, Option<Credential>, String);

fn refusal(scope: &TenantScope, detail: &str) -> Refusal {
    let by = match scope.actor() {
        Actor::User { by, .. } => Some(by),
        Actor::System { .. } => None,
    };
    (scope.account_id(), by, detail.to_owned())
}

/// The accounts whose audit log has entries that may not be sealed yet.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<HashSet<Id<Account>>>>);

impl App {
    pub(super) fn new(pool: Connections, limited: Connections, written: Written) -> Self {
        Self { pool, limited, written, latency: Arc::default(), refusals: Arc::default() }
    }

    /// A connection for work in the account.
    pub(super) async fn acquire(&self, reach: Reach, account: Id<Account>) -> Result<Connection> {
        self.connections(reach).acquire_for(*account.as_uuid()).await
    }

    pub(super) fn connections(&self, reach: Reach) -> &Connections {
        if reach.is_limited() { &self.limited } else { &self.pool }
    }

    /// Whether the audit log is to be told of it: not if it was a moment ago.
    pub(super) fn is_new_refusal(&self, scope: &TenantScope, detail: &str) -> bool {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let told = refusals.get(&refusal(scope, detail));
        told.is_none_or(|at| at.elapsed() >= REFUSALS)
    }

    /// That it was told.
    pub(super) fn told_refusal(&self, scope: &TenantScope, detail: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() >= REMEMBERED {
            refusals.retain(|_, at| at.elapsed() < REFUSALS);
        }
        if refusals.len() < REMEMBERED {
            refusals.insert(refusal(scope, detail), Instant::now());
        }
    }

    pub(super) fn pools(&self) -> [PoolCount; 2] {
        [self.pool.count(), self.limited.count()]
    }

    /// How long flushes take.
    pub(super) fn latency(&self) -> &Latency {
        &self.latency
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
