//! The keys that sign and verify access tokens.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::json;

use super::public_keys::PublicKeys;
use crate::db::Plan::Once;
use crate::db::{Call, Identity, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::ErrorCode;

const LOAD: &str = "select kid, private_key from nexo.signing_keys
     where retired_at is null order by created_at desc, kid";
const ADD: &str = "insert into nexo.signing_keys (kid, private_key) values ($1, $2)";
const RETIRE: &str = "update nexo.signing_keys set retired_at = clock_timestamp()
     where kid = $1 and retired_at is null returning kid";

/// Also of a key that is not used any more. `$1` kid.
const LOAD_ONE: &str = "select private_key from nexo.signing_keys where kid = $1";

/// The keys in use: the newest one signs, all of them verify.
pub(super) struct KeyRing {
    signing_kid: String,
    signing: EncodingKey,
    verifying: PublicKeys,
    jwks: serde_json::Value,
}

impl KeyRing {
    /// Reads the ring, and makes the first key if there is none. Two servers
    /// that both do so end with two good keys.
    pub(super) async fn load(identity: &Identity) -> Result<Self> {
        let mut stored = read(identity).await?;
        if stored.is_empty() {
            add_key(identity).await?;
            stored = read(identity).await?;
        }
        Self::new(&stored)
    }

    /// From kids and PKCS #8 documents, the newest first.
    pub(super) fn new(stored: &[(String, Vec<u8>)]) -> Result<Self> {
        let mut verifying = PublicKeys::default();
        let mut published = Vec::new();
        for (kid, document) in stored {
            let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|error| {
                Error::setup(format!(
                    "the signing key {kid:?} is no Ed25519 key; retire or remove it"
                ))
                .because(error)
            })?;
            let public = pair.public_key().as_ref();
            verifying.insert(kid, public);
            published.push(json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": kid, "x": URL_SAFE_NO_PAD.encode(public),
            }));
        }
        let (kid, document) =
            stored.first().ok_or_else(|| Error::setup("there is no signing key"))?;
        Ok(Self {
            signing_kid: kid.clone(),
            signing: EncodingKey::from_ed_der(document),
            verifying,
            jwks: json!({ "keys": published }),
        })
    }

    pub(super) fn signing_kid(&self) -> &str {
        &self.signing_kid
    }

    pub(super) fn signing_key(&self) -> &EncodingKey {
        &self.signing
    }

    pub(super) fn verifying(&self) -> &PublicKeys {
        &self.verifying
    }

    /// The public keys, as RFC 7517 has them.
    pub(super) fn jwks(&self) -> &serde_json::Value {
        &self.jwks
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("signing_kid", &self.signing_kid).finish_non_exhaustive()
    }
}

async fn read(identity: &Identity) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = identity
        .run(Mode::Read, Sight::NONE, &[Call { sql: LOAD, params: &[], plan: Once }])
        .await?;
    Ok(rows[0].iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The public key of this name, in use or not.
pub(super) async fn public_key(identity: &Identity, kid: &str) -> Result<Option<Vec<u8>>> {
    let calls = [Call { sql: LOAD_ONE, params: &[&kid], plan: Once }];
    let rows = identity.run(Mode::Read, Sight::NONE, &calls).await?;
    let document = rows[0].first().map(|row| row.get::<_, Vec<u8>>(0));
    let pair = document.and_then(|document| Ed25519KeyPair::from_pkcs8(&document).ok());
    Ok(pair.map(|pair| pair.public_key().as_ref().to_vec()))
}

/// Makes a key, which signs from the next load of the ring on.
pub(super) async fn add_key(identity: &Identity) -> Result<String> {
    let failed = |_| Error::new(ErrorCode::Internal, "no signing key could be made");
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let document = pair.to_pkcs8().map_err(failed)?;
    let thumb = digest::digest(&digest::SHA256, pair.public_key().as_ref());
    let kid = URL_SAFE_NO_PAD.encode(&thumb.as_ref()[..12]);
    let add = Call { sql: ADD, params: &[&kid, &document.as_ref()], plan: Once };
    identity.run(Mode::Write, Sight::NONE, &[add]).await?;
    Ok(kid)
}

/// Ends a key: what it signed is refused from the next load on.
pub(super) async fn retire_key(identity: &Identity, kid: &str) -> Result<()> {
    let rows = identity
        .run(Mode::Write, Sight::NONE, &[Call { sql: RETIRE, params: &[&kid], plan: Once }])
        .await?;
    if rows[0].is_empty() { Err(Error::not_found()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// J5: what is no full key never gets to sign or verify.
    #[test]
    fn j5_short_or_broken_keys_are_refused() {
        for document in [vec![], vec![7; 16], vec![7; 31], vec![0x30; 48]] {
            let refused = KeyRing::new(&[("k".to_owned(), document)]).expect_err("no key");
            assert!(refused.is_setup(), "{refused}");
        }
        assert!(KeyRing::new(&[]).is_err());
    }
}
