//! The keys that verify access tokens, from wherever they come.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::error::{Error, Result};

/// Keys by their `kid`.
#[derive(Default)]
pub(super) struct PublicKeys(HashMap<String, DecodingKey>);

/// A JSON Web Key Set (RFC 7517), as far as it matters here.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    r#use: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x: String,
}

impl PublicKeys {
    pub(super) fn insert(&mut self, kid: &str, public: &[u8]) {
        self.0.insert(kid.to_owned(), DecodingKey::from_ed_der(public));
    }

    pub(super) fn get(&self, kid: &str) -> Option<&DecodingKey> {
        self.0.get(kid)
    }

    /// What was published. Keys of other kinds are passed over, as RFC 7517 has
    /// it; a set without any of ours is refused, because nobody publishes one.
    pub(super) fn from_jwks(jwks: &serde_json::Value) -> Result<Self> {
        let set = KeySet::deserialize(jwks)
            .map_err(|error| Error::setup("what was published is no key set").because(error))?;
        let mut keys = Self::default();
        for key in set.keys.iter().filter(|key| key.is_ours()) {
            let public = URL_SAFE_NO_PAD.decode(&key.x).ok().filter(|public| public.len() == 32);
            let public = public.ok_or_else(|| {
                Error::setup(format!("the published key {:?} is no Ed25519 key", key.kid))
            })?;
            keys.insert(&key.kid, &public);
        }
        if keys.0.is_empty() {
            return Err(Error::setup("the published key set has no key that signs access tokens"));
        }
        Ok(keys)
    }
}

impl Key {
    fn is_ours(&self) -> bool {
        self.kty == "OKP"
            && self.crv == "Ed25519"
            && !self.kid.is_empty()
            && self.r#use.as_deref().is_none_or(|used| used == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == "EdDSA")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// J2, J5: only whole Ed25519 keys for signatures, by name.
    #[test]
    fn j5_only_our_kind_of_key_is_taken() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let key = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x});
        let keys = PublicKeys::from_jwks(&json!({"keys": [
            key("a"),
            {"kty": "oct", "kid": "b", "k": "AAAA"},
            {"kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB"},
            {"kty": "OKP", "crv": "X25519", "kid": "d", "x": x},
            {"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": x, "use": "enc"},
            {"kty": "OKP", "crv": "Ed25519", "kid": "f", "x": x, "alg": "HS256"},
            {"kty": "OKP", "crv": "Ed25519", "x": x},
        ]}));
        let keys = keys.expect("a key of ours");
        assert!(keys.get("a").is_some());
        assert_eq!(keys.0.len(), 1);
        for refused in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": [{"kty": "oct", "kid": "b", "k": "AAAA"}]}),
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AAAA"}]}),
            json!("<html>"),
        ] {
            assert!(PublicKeys::from_jwks(&refused).is_err(), "{refused}");
        }
    }
}
