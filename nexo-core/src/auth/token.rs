//! Access tokens: JWTs signed with Ed25519, of exactly one form.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation, decode, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::keys::KeyRing;
use super::public_keys::PublicKeys;
use crate::error::{Error, Result};
use crate::model::{Account, ErrorCode, Id, Permissions, Session, User};
use crate::tenant::{Credential, TenantScope};

/// Longer than any token of ours.
const MAX_BYTES: usize = 8 * 1024;
/// Seconds that the clocks of servers may differ.
const LEEWAY: u64 = 5;
/// Tokens remembered as verified, some 600 bytes each.
const REMEMBERED: usize = 10_000;
/// RFC 9068: what keeps another kind of token from passing for an access token.
const TYPE: &str = "at+jwt";

/// Everything that a header may have. Keys by reference (`jku`, `x5u`, `jwk`)
/// and extensions (`crit`) are refused with every other unknown member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: Id<User>,
    account_id: Id<Account>,
    session_id: Id<Session>,
    /// The mask of what the user may do.
    permissions: i64,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Signs and verifies access tokens, and remembers what it has verified.
pub(super) struct Tokens {
    issuer: String,
    ttl: Duration,
    validation: Validation,
    verified: Cache<Box<str>, Arc<Verified>>,
}

struct Verified {
    scope: TenantScope,
    expires: u64,
    kid: String,
}

impl Tokens {
    pub(super) fn new(issuer: &str, ttl: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[issuer]);
        // Without this, the library accepts a token that lacks them.
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        Self { issuer: issuer.to_owned(), ttl, validation, verified: Cache::new(REMEMBERED) }
    }

    pub(super) fn ttl(&self) -> Duration {
        self.ttl
    }

    pub(super) fn sign(&self, keys: &KeyRing, scope: &TenantScope) -> Result<String> {
        let (Some(user), Some(session)) = (scope.user_id(), scope.session_id()) else {
            return Err(Error::new(ErrorCode::Internal, "only a session has a token"));
        };
        let now = now();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: user,
            account_id: scope.account_id(),
            session_id: session,
            permissions: scope.permissions().bits(),
            iat: now,
            nbf: now,
            exp: now + self.ttl.as_secs(),
        };
        let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(keys.signing_kid().to_owned());
        encode(&header, &claims, keys.signing_key()).map_err(|error| {
            Error::new(ErrorCode::Internal, "no token could be made").because(error)
        })
    }

    /// What was verified before, has not expired since, and whose key is still
    /// in the ring.
    pub(super) fn recall(&self, keys: &PublicKeys, token: &str) -> Option<TenantScope> {
        let verified = self.verified.get(token)?;
        let good = now() < verified.expires + LEEWAY && keys.get(&verified.kid).is_some();
        good.then(|| verified.scope.clone())
    }

    /// The key that the token says it is signed with, if it has our form.
    pub(super) fn kid(token: &str) -> Result<String> {
        if token.len() > MAX_BYTES {
            return Err(refused());
        }
        let header = token.split('.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| refused())?;
        let header: Header = serde_json::from_slice(&json).map_err(|_| refused())?;
        if header.alg != "EdDSA" || header.typ != TYPE {
            return Err(refused());
        }
        Ok(header.kid)
    }

    pub(super) fn verify(&self, keys: &PublicKeys, kid: &str, token: &str) -> Result<TenantScope> {
        let key = keys.get(kid).ok_or_else(refused)?;
        let claims = decode::<Claims>(token, key, &self.validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => {
                    Error::new(ErrorCode::TokenExpired, "the access token has expired; refresh it")
                }
                _ => refused().because(error),
            })?
            .claims;
        if claims.iat > now() + LEEWAY {
            return Err(refused());
        }
        let permissions = Permissions::from_bits(claims.permissions);
        let by = Credential::Session(claims.session_id);
        let scope = TenantScope::of_user(claims.account_id, claims.sub, by, permissions);
        let verified = Verified { scope: scope.clone(), expires: claims.exp, kid: kid.to_owned() };
        self.verified.insert(token.into(), Arc::new(verified));
        Ok(scope)
    }
}

fn refused() -> Error {
    Error::new(ErrorCode::Unauthenticated, "the access token is not valid")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
