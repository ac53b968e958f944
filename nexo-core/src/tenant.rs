//! The right to query one account's rows.

use crate::model::{Account, Id, Session, User};

/// Proof that the bearer acts in one account.
///
/// It cannot be made from a bare account id: it comes from a verified token
/// ([`Authenticator::verify`](crate::Authenticator::verify)), or, for jobs
/// without a user, from [`Database::system_scope`](crate::Database::system_scope).
/// It has neither a `Default` nor a `Deserialize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope {
    account: Id<Account>,
    actor: Actor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A user in a session that must be alive when the statement runs.
    #[cfg_attr(
        not(feature = "auth"),
        expect(dead_code, reason = "only a verified token makes one")
    )]
    User { user: Id<User>, session: Id<Session> },
    /// A job of the program itself.
    System { reason: &'static str },
}

impl TenantScope {
    #[cfg(feature = "auth")]
    pub(crate) fn of_session(account: Id<Account>, user: Id<User>, session: Id<Session>) -> Self {
        Self { account, actor: Actor::User { user, session } }
    }

    pub(crate) fn of_system(account: Id<Account>, reason: &'static str) -> Self {
        Self { account, actor: Actor::System { reason } }
    }

    pub(crate) fn actor(&self) -> Actor {
        self.actor
    }

    /// The account whose rows are in reach.
    #[must_use]
    pub fn account_id(&self) -> Id<Account> {
        self.account
    }

    /// The user who acts; absent for a system scope.
    #[must_use]
    pub fn user_id(&self) -> Option<Id<User>> {
        match self.actor {
            Actor::User { user, .. } => Some(user),
            Actor::System { .. } => None,
        }
    }

    /// The session of the token; absent for a system scope.
    #[must_use]
    pub fn session_id(&self) -> Option<Id<Session>> {
        match self.actor {
            Actor::User { session, .. } => Some(session),
            Actor::System { .. } => None,
        }
    }

    /// Why a system scope was opened; absent for a user's.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self.actor {
            Actor::User { .. } => None,
            Actor::System { reason } => Some(reason),
        }
    }
}
