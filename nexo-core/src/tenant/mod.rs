//! The right to query one account's rows.

mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use peer::Peer;

use crate::error::{Error, Result};
use crate::model::{Account, ApiKey, ErrorCode, Id, Permissions, Session, User};

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
    outdated: Outdated,
}

/// Set when the database has refused the scope, so that whoever keeps scopes
/// does not give this one out again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outdated(Option<Arc<AtomicBool>>);

/// Scopes are equal whether or not one of them is out of date.
impl PartialEq for Outdated {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Outdated {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A user, by something that must still be good when the statement runs.
    #[cfg_attr(
        not(feature = "auth"),
        expect(dead_code, reason = "only a verified token makes one")
    )]
    User { user: Id<User>, by: Credential, permissions: Permissions },
    /// A job of the program itself.
    System { reason: &'static str },
}

/// What a user acts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "auth"), expect(dead_code, reason = "only a verified token makes one"))]
pub(crate) enum Credential {
    Session(Id<Session>),
    Key(Id<ApiKey>),
}

impl TenantScope {
    #[cfg(feature = "auth")]
    pub(crate) fn of_user(
        account: Id<Account>,
        user: Id<User>,
        by: Credential,
        permissions: Permissions,
    ) -> Self {
        let outdated = match by {
            Credential::Session(_) => Outdated::default(),
            Credential::Key(_) => Outdated(Some(Arc::default())),
        };
        Self { account, actor: Actor::User { user, by, permissions }, peer: None, outdated }
    }

    pub(crate) fn of_system(account: Id<Account>, reason: &'static str) -> Self {
        let actor = Actor::System { reason };
        Self { account, actor, peer: None, outdated: Outdated::default() }
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

    /// The database has refused what the scope's key is, or what it may.
    pub(crate) fn set_outdated(&self) {
        if let Some(outdated) = &self.outdated.0 {
            outdated.store(true, Ordering::Relaxed);
        }
    }

    #[cfg(feature = "auth")]
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.0.as_ref().is_some_and(|outdated| outdated.load(Ordering::Relaxed))
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

    /// The session of the token; absent for an API key and a system scope.
    #[must_use]
    pub fn session_id(&self) -> Option<Id<Session>> {
        match self.actor {
            Actor::User { by: Credential::Session(session), .. } => Some(session),
            _ => None,
        }
    }

    /// The API key; absent for a session and a system scope.
    #[must_use]
    pub fn key_id(&self) -> Option<Id<ApiKey>> {
        match self.actor {
            Actor::User { by: Credential::Key(key), .. } => Some(key),
            _ => None,
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
        if self.permissions().lack_second_factor() {
            let told = "the account asks for a second factor; set one up";
            return Err(Error::new(ErrorCode::SecondFactorMissing, told));
        }
        if self.key_id().is_some() {
            let told = format!("the API key is not permitted it: {missing}");
            return Err(Error::new(ErrorCode::Forbidden, told));
        }
        Err(Error::forbidden(missing))
    }

    /// Refuses an API key where somebody must have logged in: their password,
    /// their sessions, their membership.
    ///
    /// # Errors
    /// `forbidden`.
    pub(crate) fn require_session(&self) -> Result<()> {
        if self.key_id().is_none() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Forbidden, "an API key cannot do this; log in"))
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
