//! The right to query one account's rows.

mod peer;

use std::sync::Arc;

pub use peer::Peer;

use crate::error::{Error, Result};
use crate::model::{Account, Id, Permissions, Session, User};

/// Proof that the bearer acts in one account.
///
/// It cannot be made from a bare account id: it comes from a verified token
/// ([`Authenticator::verify`](crate::Authenticator::verify)), or, for jobs
/// without a user, from [`Database::system_scope`](crate::Database::system_scope).
/// It has neither a `Default` nor a `Deserialize`.
///
/// A query without a scope does not build. This does:
///
/// ```no_run
/// # use nexo_core::{Repository, Result, TenantScope, model::{Client, Id}};
/// async fn read(clients: Repository<Client>, scope: &TenantScope, id: Id<Client>) -> Result<Client> {
///     clients.get(scope, id).await
/// }
/// ```
///
/// and these do not: without the scope,
///
/// ```compile_fail,E0061
/// # use nexo_core::{Repository, Result, TenantScope, model::{Client, Id}};
/// async fn read(clients: Repository<Client>, scope: &TenantScope, id: Id<Client>) -> Result<Client> {
///     clients.get(id).await
/// }
/// ```
///
/// with an account's id in its place,
///
/// ```compile_fail,E0308
/// # use nexo_core::{Repository, Result, TenantScope, model::{Account, Client, Id}};
/// async fn read(clients: Repository<Client>, account: &Id<Account>, id: Id<Client>) -> Result<Client> {
///     clients.get(account, id).await
/// }
/// ```
///
/// with a scope made from nothing,
///
/// ```compile_fail,E0277
/// # use nexo_core::TenantScope;
/// fn default<T: Default>() -> T { T::default() }
/// let scope: TenantScope = default();
/// ```
///
/// or from what a caller sent,
///
/// ```compile_fail,E0277
/// # use nexo_core::TenantScope;
/// let scope: TenantScope = serde_json::from_str("{}").unwrap();
/// ```
///
/// or from its parts:
///
/// ```compile_fail,E0451
/// # use nexo_core::{TenantScope, model::{Account, Id}};
/// # fn actor<T>() -> T { unreachable!() }
/// let scope = TenantScope { account: Id::<Account>::new(), actor: actor() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope {
    account: Id<Account>,
    actor: Actor,
    peer: Option<Arc<Peer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A user in a session that must be alive when the statement runs.
    #[cfg_attr(
        not(feature = "auth"),
        expect(dead_code, reason = "only a verified token makes one")
    )]
    User { user: Id<User>, session: Id<Session>, permissions: Permissions },
    /// A job of the program itself.
    System { reason: &'static str },
}

impl TenantScope {
    #[cfg(feature = "auth")]
    pub(crate) fn of_session(
        account: Id<Account>,
        user: Id<User>,
        session: Id<Session>,
        permissions: Permissions,
    ) -> Self {
        Self { account, actor: Actor::User { user, session, permissions }, peer: None }
    }

    pub(crate) fn of_system(account: Id<Account>, reason: &'static str) -> Self {
        Self { account, actor: Actor::System { reason }, peer: None }
    }

    /// The same scope for a request from there, which the audit log then tells.
    #[must_use]
    pub fn seen_from(mut self, peer: Peer) -> Self {
        self.peer = Some(Arc::new(peer));
        self
    }

    /// Where the request of the scope comes from, as far as that was said.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_deref()
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

    /// What the bearer may do; a system scope may do everything.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        match self.actor {
            Actor::User { permissions, .. } => permissions,
            Actor::System { .. } => Permissions::ALL,
        }
    }

    /// Refuses what the bearer may not do.
    ///
    /// # Errors
    /// `forbidden`, naming what is missing.
    pub(crate) fn require(&self, needed: Permissions) -> Result<()> {
        let missing = needed.without(self.permissions());
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::forbidden(missing))
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
