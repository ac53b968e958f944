//! Tokens of any kind, read from anything. For fuzz targets.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::api_key::ApiKeys;
use super::keys::KeyRing;
use super::secret::{Kind, OpaqueToken, RefreshToken};
use super::token::Tokens;
use crate::model::{Account, Id, Permissions, Session, User};
use crate::tenant::{Credential, TenantScope};

const KID: &str = "fuzz";

struct World {
    pair: Ed25519KeyPair,
    ring: KeyRing,
    tokens: Tokens,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let document = pair.to_pkcs8().expect("a document").as_ref().to_vec();
    let ring = KeyRing::new(&[(KID.to_owned(), document)]).expect("a ring");
    World { pair, ring, tokens: Tokens::new("nexo", Duration::from_secs(3600)) }
});

/// Reads a text as every token that there is. What is read writes the same text again;
/// an access token of unknown making is refused, and one that is signed with these
/// claims is good for exactly what they say.
///
/// # Panics
/// When that does not hold.
pub fn token(text: &str) {
    let World { pair, ring, tokens } = &*WORLD;
    let kinds = [
        Kind::Invitation,
        Kind::ApiKey,
        Kind::PasswordReset,
        Kind::EmailVerification,
        Kind::SignIn,
    ];
    for kind in kinds {
        if let Some(read) = OpaqueToken::parse(kind, text) {
            assert_eq!(read.expose(), text);
            assert_eq!(ApiKeys::is_one(text), kind == Kind::ApiKey);
        }
    }
    if let Some(read) = RefreshToken::parse(text) {
        assert_eq!(read.expose(), text);
    }
    if let Ok(kid) = Tokens::kid(text) {
        let is_ours = tokens.verify(ring.verifying(), &kid, text).is_ok();
        assert!(!is_ours || text == signed(pair, &claims_of(text)), "it was never signed");
    }
    let token = signed(pair, text.as_bytes());
    let kid = Tokens::kid(&token);
    if let Ok(scope) = kid.and_then(|kid| tokens.verify(ring.verifying(), &kid, &token)) {
        assert_eq!(tokens.recall(ring.verifying(), &token), Some(scope));
    }
}

/// What to begin with: a good one of each kind, and claims.
#[must_use]
pub fn tokens() -> Vec<String> {
    let World { ring, tokens, .. } = &*WORLD;
    let by = Credential::Session(Id::<Session>::new());
    let scope = TenantScope::of_user(Id::new(), Id::<User>::new(), by, Permissions::ALL);
    let token = tokens.sign(ring, &scope).expect("signed");
    let claims = String::from_utf8(claims_of(&token)).expect("JSON");
    let key = OpaqueToken::generate(Kind::ApiKey, Id::<Account>::new()).expect("random");
    let refresh = RefreshToken::generate(Id::new()).expect("random");
    vec![token, claims, key.expose(), refresh.expose()]
}

fn claims_of(token: &str) -> Vec<u8> {
    let claims = token.split('.').nth(1).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(claims).unwrap_or_default()
}

fn signed(pair: &Ed25519KeyPair, claims: &[u8]) -> String {
    let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{KID}"}}"#);
    let [header, claims] = [header.as_bytes(), claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).as_ref());
    format!("{message}.{signature}")
}
