//! The question that comes first in a user's transaction: is what they act by
//! still good?

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::flush::FlushError;
use super::sqlstate::translate;
use crate::error::Error;
use crate::model::{Account, Id, User};
use crate::tenant::{Actor, Credential, TenantScope};

/// Fails with a division by zero when the session is not alive, and with the
/// logarithm of zero when it has other permissions than the token says, which
/// aborts the transaction and with it every statement of the same flush.
///
/// It stands inline because the same expression inside of a function halves
/// the throughput.
const SESSION_IS_ALIVE: &str = "select 1 / count(*), ln(count(*) filter (where permissions = $4)) from nexo.sessions \
     where account_id = $1 and id = $2 and user_id = $3 and revoked_at is null and expires_at > now()";

/// The same of an API key.
const KEY_IS_GOOD: &str = "select 1 / count(*), ln(count(*) filter (where effective = $4)) from nexo.api_keys \
     where account_id = $1 and id = $2 and user_id = $3 and expires_at > now()";

/// The statement and its parameters. Its row says nothing.
pub(super) struct Alive {
    pub(super) sql: &'static str,
    account: Id<Account>,
    by: Uuid,
    user: Id<User>,
    permissions: i64,
}

impl Alive {
    /// Absent for a system scope.
    pub(super) fn of(scope: &TenantScope) -> Option<Self> {
        let Actor::User { user, by, permissions } = scope.actor() else { return None };
        let (sql, by) = match by {
            Credential::Session(session) => (SESSION_IS_ALIVE, *session.as_uuid()),
            Credential::Key(key) => (KEY_IS_GOOD, *key.as_uuid()),
        };
        Some(Self { sql, account: scope.account_id(), by, user, permissions: permissions.bits() })
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.account, &self.by, &self.user, &self.permissions]
    }
}

/// A failure of a flush whose first call asks this.
pub(super) fn explain(scope: &TenantScope, failed: FlushError) -> Error {
    let (is_key, first) = (scope.key_id().is_some(), failed.position == 1);
    match failed.error.code() {
        Some(&SqlState::DIVISION_BY_ZERO) if first => {
            scope.set_outdated();
            if is_key { Error::bad_key() } else { Error::session_ended() }
        }
        Some(&SqlState::INVALID_ARGUMENT_FOR_LOG) if first => {
            scope.set_outdated();
            Error::permissions_changed(is_key)
        }
        _ => translate(failed.error),
    }
}
