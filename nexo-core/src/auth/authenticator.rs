//! The authenticator: what it holds, and how a token becomes a scope.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Row;

use super::api_key::ApiKeys;
use super::config::AuthConfig;
use super::keys::{self, KeyRing};
use super::password::{HashingCount, Passwords};
use super::secret::RefreshToken;
use super::token::Tokens;
use crate::db::{Database, Identity, translate};
use crate::error::{Error, Result};
use crate::model::{Account, AuthTokens, ErrorCode, Id, Permissions, Session, TokenType, User};
use crate::people::read_role;
use crate::tenant::{Credential, TenantScope};

/// How old the ring of keys may get before it is read again: the time within
/// which every server knows of a new or a retired key.
const RING_AGE: Duration = Duration::from_secs(60);
/// How often an unknown key may make the ring be read: whoever sends tokens
/// with invented keys must not be able to keep the database busy.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(5);

/// Registers users, logs them in, and turns their tokens into scopes.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    identity: Identity,
    config: AuthConfig,
    passwords: Passwords,
    tokens: Tokens,
    api_keys: ApiKeys,
    ring: RwLock<Arc<KeyRing>>,
    /// When the ring was last read. Whoever reads it again holds the lock from
    /// the query to the exchange, so that an older ring never replaces a newer.
    read_at: Mutex<Instant>,
}

impl Database {
    /// An authenticator on this database, as `nexo_auth`.
    ///
    /// # Errors
    /// A setup error when a stored signing key is broken; `unavailable`.
    pub async fn authenticator(&self, config: AuthConfig) -> Result<Authenticator> {
        // Only the first call in a process counts; a program that has chosen
        // another provider before keeps it.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let identity = self.identity().clone();
        let ring = KeyRing::load(&identity).await?;
        Ok(Authenticator(Arc::new(Inner {
            passwords: Passwords::new(&config)?,
            tokens: Tokens::new(&config.issuer, config.access_ttl),
            api_keys: ApiKeys::new(),
            ring: RwLock::new(Arc::new(ring)),
            read_at: Mutex::new(Instant::now()),
            identity,
            config,
        })))
    }
}

impl Authenticator {
    /// The scope of an access token, or of an API key, which is looked up once
    /// a minute.
    ///
    /// This does not ask whether session or key are still good; every use of
    /// the scope does, in the same round trip as its query.
    ///
    /// # Errors
    /// `token_expired`; `unauthenticated` for any other flaw; `unavailable`.
    pub async fn verify(&self, token: &str) -> Result<TenantScope> {
        if ApiKeys::is_one(token) {
            return self.0.api_keys.verify(self.identity(), token).await;
        }
        self.reload_if_older_than(RING_AGE).await;
        if let Some(scope) = self.0.tokens.recall(self.ring().verifying(), token) {
            return Ok(scope);
        }
        let kid = Tokens::kid(token)?;
        if self.ring().verifying().get(&kid).is_none() {
            // Another server may have made it a moment ago.
            self.reload_if_older_than(UNKNOWN_KEY_PAUSE).await;
        }
        self.0.tokens.verify(self.ring().verifying(), &kid, token)
    }

    /// How busy the hashing of passwords is now.
    #[must_use]
    pub fn hashing(&self) -> HashingCount {
        self.passwords().count()
    }

    /// The public keys, as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.ring().jwks().clone()
    }

    /// The same as the database has them, or had a few seconds ago: for whoever
    /// publishes them to others, who would not know of a key that another server
    /// made or retired.
    pub async fn current_jwks(&self) -> serde_json::Value {
        self.reload_if_older_than(UNKNOWN_KEY_PAUSE).await;
        self.jwks()
    }

    /// Makes a new key, which signs from now on. Older ones go on verifying
    /// until they are retired. Returns its `kid`.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn rotate_signing_key(&self) -> Result<String> {
        let kid = keys::add_key(self.identity()).await?;
        self.reload().await?;
        Ok(kid)
    }

    /// Ends a key: every token that it signed is refused, here at once and by
    /// other servers within a minute.
    ///
    /// # Errors
    /// `not_found` when there is no such key in use; `conflict` when it is the
    /// one that signs.
    pub async fn retire_signing_key(&self, kid: &str) -> Result<()> {
        if self.ring().signing_kid() == kid {
            return Err(Error::new(ErrorCode::Conflict, "this key signs; make a new one first"));
        }
        keys::retire_key(self.identity(), kid).await?;
        self.reload().await
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(super) fn config(&self) -> &AuthConfig {
        &self.0.config
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// The tokens of a session, of whose account a row tells, from column `at`
    /// on: `id, name, role, role_id, permissions`.
    pub(super) fn tokens_for(
        &self,
        session: Id<Session>,
        refresh: &RefreshToken,
        user: User,
        row: &Row,
        at: usize,
    ) -> Result<AuthTokens> {
        let account = row_account(row, at);
        let permissions = Permissions::from_bits(row.get(at + 4));
        let scope =
            TenantScope::of_user(account.id, user.id, Credential::Session(session), permissions);
        self.identity().has_written(account.id);
        Ok(AuthTokens {
            access_token: self.0.tokens.sign(&self.ring(), &scope)?,
            refresh_token: refresh.expose(),
            token_type: TokenType::Bearer,
            expires_in: self.0.tokens.ttl().as_secs(),
            user,
            account,
            role: read_role(row, at + 2).map_err(translate)?,
            permissions,
        })
    }

    pub(super) fn ring(&self) -> Arc<KeyRing> {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One caller at a time does so; the others go on with what there is.
    async fn reload_if_older_than(&self, age: Duration) {
        let Ok(mut read_at) = self.0.read_at.try_lock() else { return };
        if read_at.elapsed() < age {
            return;
        }
        // Seldom, and large: not a part of every request's future.
        if let Err(error) = Box::pin(self.reload_into(&mut read_at)).await {
            tracing::warn!(%error, "the signing keys could not be read again");
            // Not with every request while the database is away.
            let pause = age.saturating_sub(UNKNOWN_KEY_PAUSE);
            *read_at = Instant::now().checked_sub(pause).unwrap_or_else(Instant::now);
        }
    }

    async fn reload(&self) -> Result<()> {
        let mut read_at = self.0.read_at.lock().await;
        self.reload_into(&mut read_at).await
    }

    async fn reload_into(&self, read_at: &mut MutexGuard<'_, Instant>) -> Result<()> {
        let newer = Arc::new(KeyRing::load(self.identity()).await?);
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = newer;
        **read_at = Instant::now();
        Ok(())
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// `id, email, name, created_at, email_verified_at`, from column `at` on.
pub(super) fn row_user(row: &Row, at: usize) -> User {
    User {
        id: row.get(at),
        email: row.get(at + 1),
        name: row.get(at + 2),
        created_at: row.get(at + 3),
        email_verified_at: row.get(at + 4),
    }
}

/// `id, name`, from column `at` on.
pub(super) fn row_account(row: &Row, at: usize) -> Account {
    Account { id: row.get(at), name: row.get(at + 1) }
}
