//! Verifying tokens where none are signed.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::api_key::ApiKeys;
use super::public_keys::PublicKeys;
use super::token::Tokens;
use crate::db::{Database, Identity};
use crate::error::{Error, Result};
use crate::model::ErrorCode;
use crate::tenant::TenantScope;

/// Turns tokens into scopes with keys that another process publishes: for a
/// server that does not log anybody in, and so has no use for the keys that
/// sign.
///
/// It fetches nothing by itself: whoever has it gives it the key set of
/// [`Authenticator::jwks`](crate::Authenticator::jwks), and again when that may
/// have changed. Cheap to clone.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    issuer: String,
    tokens: Tokens,
    api_keys: ApiKeys,
    /// Where API keys are looked up.
    identity: Option<Identity>,
    keys: Keys,
}

/// Shared by all verifiers that were made from one.
type Keys = Arc<RwLock<Option<Arc<PublicKeys>>>>;

impl TokenVerifier {
    /// One that knows access tokens alone, of this
    /// [`AuthConfig::issuer`](crate::AuthConfig::issuer). It has no keys yet.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        Self::of(issuer.to_owned(), None, Keys::default())
    }

    /// The same, and it knows this database's API keys too. Both have the keys
    /// that either of them is given.
    #[must_use]
    pub fn with_api_keys(&self, database: &Database) -> Self {
        Self::of(self.0.issuer.clone(), Some(database.identity().clone()), self.0.keys.clone())
    }

    fn of(issuer: String, identity: Option<Identity>, keys: Keys) -> Self {
        // Nothing is signed here, so nothing lives for any time.
        let tokens = Tokens::new(&issuer, Duration::ZERO);
        Self(Arc::new(Inner { issuer, tokens, api_keys: ApiKeys::new(), identity, keys }))
    }

    /// Takes these keys from now on, and no others.
    ///
    /// # Errors
    /// A setup error when this is no key set or has no key of ours; the keys
    /// that there are stay.
    pub fn trust(&self, jwks: &serde_json::Value) -> Result<()> {
        let newer = Arc::new(PublicKeys::from_jwks(jwks)?);
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(newer);
        Ok(())
    }

    /// Whether it was given keys yet.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys().is_some()
    }

    /// Whether this looks like an access token of a key that is not known here:
    /// it may have been made a moment ago.
    #[must_use]
    pub fn lacks_key_of(&self, token: &str) -> bool {
        !Self::is_api_key(token)
            && Tokens::kid(token)
                .is_ok_and(|kid| self.keys().is_none_or(|keys| keys.get(&kid).is_none()))
    }

    /// Whether this says of itself that it is an API key.
    #[must_use]
    pub fn is_api_key(token: &str) -> bool {
        ApiKeys::is_one(token)
    }

    /// The scope of an access token or an API key, as
    /// [`Authenticator::verify`](crate::Authenticator::verify) gives it.
    ///
    /// # Errors
    /// `token_expired`; `unauthenticated` for any other flaw, and for an API key
    /// where there is no database; `unavailable`, also before there are keys.
    pub async fn verify(&self, token: &str) -> Result<TenantScope> {
        if ApiKeys::is_one(token) {
            let identity = self.0.identity.as_ref().ok_or_else(Error::bad_key)?;
            return self.0.api_keys.verify(identity, token).await;
        }
        let keys = self.keys().ok_or_else(|| {
            Error::new(ErrorCode::Unavailable, "the keys of access tokens are not known yet")
        })?;
        if let Some(scope) = self.0.tokens.recall(&keys, token) {
            return Ok(scope);
        }
        let kid = Tokens::kid(token)?;
        self.0.tokens.verify(&keys, &kid, token)
    }

    /// The scope of an access token that was verified before, if it has not expired
    /// since and its key is still known: most tokens, and without reading them again.
    #[must_use]
    pub fn recall(&self, token: &str) -> Option<TenantScope> {
        self.0.tokens.recall(&*self.keys()?, token)
    }

    fn keys(&self) -> Option<Arc<PublicKeys>> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("has_keys", &self.has_keys()).finish_non_exhaustive()
    }
}
