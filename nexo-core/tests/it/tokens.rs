//! Access tokens: controls J1 to J8. Forged tokens are signed with the real
//! key of the database, so that each is refused for its own flaw alone.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexo_core::model::ErrorCode;
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator};
use serde_json::{Value, json};

/// The real key, and the parts of a real token.
struct Forge {
    _test: TestDatabase,
    authenticator: Authenticator,
    kid: String,
    key: Ed25519KeyPair,
    claims: Value,
    tenant: Tenant,
}

impl Forge {
    async fn new() -> Self {
        let test = TestDatabase::create().await;
        let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let tenant = Tenant::register(&authenticator).await;
        let row = test
            .superuser()
            .await
            .query_one("select kid, private_key from nexo.signing_keys", &[])
            .await
            .expect("a key");
        let key = Ed25519KeyPair::from_pkcs8(row.get(1)).expect("the real key");
        let payload = tenant.tokens.access_token.split('.').nth(1).expect("claims");
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64"));
        Self {
            _test: test,
            authenticator,
            kid: row.get(0),
            key,
            claims: claims.expect("json"),
            tenant,
        }
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    fn sign_text(&self, header: &str, claims: &str) -> String {
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    fn with_header(&self, member: &str, value: Value) -> String {
        let mut header = self.header();
        header[member] = value;
        self.sign(&header, &self.claims)
    }

    fn with_claim(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.sign(&self.header(), &claims)
    }

    fn without_claim(&self, claim: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().expect("an object").remove(claim);
        self.sign(&self.header(), &claims)
    }

    async fn refuses(&self, token: &str, why: &str) {
        let error = self.authenticator.verify(token).await.expect_err(why);
        assert_eq!(error.code(), ErrorCode::Unauthenticated, "{why}: {error:?}");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// What the forge makes without a flaw is accepted: the other tests refuse
/// for the flaw, not for the forgery.
#[tokio::test]
async fn the_forge_makes_good_tokens() {
    let forge = Forge::new().await;
    let scope = forge.authenticator.verify(&forge.sign(&forge.header(), &forge.claims)).await;
    assert_eq!(scope.expect("good"), forge.tenant.scope);
}

#[tokio::test]
async fn j1_no_other_algorithm_passes() {
    let forge = Forge::new().await;
    for algorithm in [
        "none", "None", "nOnE", "", "HS256", "HS512", "RS256", "ES256", "PS256", "eddsa", "Ed25519",
    ] {
        forge.refuses(&forge.with_header("alg", json!(algorithm)), algorithm).await;
    }
    let good = forge.sign(&forge.header(), &forge.claims);
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#),
        message.split('.').nth(1).expect("claims")
    );
    forge.refuses(&unsigned, "unsigned").await;
    forge.refuses(&format!("{message}."), "empty signature").await;
    forge.refuses(message, "no signature").await;
    forge.refuses(&format!("{message}.{}", &signature[..80]), "short signature").await;
    forge.refuses(&format!("{good}.{signature}"), "four parts").await;

    // HMAC with the public key as its secret.
    let mut header = forge.header();
    header["alg"] = json!("HS256");
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(forge.claims.to_string())
    );
    let secret =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, forge.key.public_key().as_ref());
    let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&secret, message.as_bytes()).as_ref());
    forge.refuses(&format!("{message}.{tag}"), "HMAC with the public key").await;

    // Another's key under our kid, and claims changed under our signature.
    let stranger = Ed25519KeyPair::generate().expect("a key");
    let message = good.rsplit_once('.').expect("parts").0;
    let signature = URL_SAFE_NO_PAD.encode(stranger.sign(message.as_bytes()).as_ref());
    forge.refuses(&format!("{message}.{signature}"), "a stranger's signature").await;
    let parts: Vec<&str> = good.split('.').collect();
    let mut claims = forge.claims.clone();
    claims["account_id"] = json!("01890000-0000-7000-8000-000000000000");
    let changed = URL_SAFE_NO_PAD.encode(claims.to_string());
    forge.refuses(&format!("{}.{changed}.{}", parts[0], parts[2]), "changed claims").await;
}

#[tokio::test]
async fn j2_keys_come_from_the_ring_alone() {
    let forge = Forge::new().await;
    let long = "k".repeat(1 << 20);
    for kid in ["unknown", "../../etc/passwd", "' or '1'='1", "", "\0", long.as_str()] {
        forge.refuses(&forge.with_header("kid", json!(kid)), "kid").await;
    }
    for kid in [json!(null), json!(7), json!([forge.kid.clone()])] {
        forge.refuses(&forge.with_header("kid", kid), "kid").await;
    }
    forge
        .refuses(&forge.sign(&json!({ "alg": "EdDSA", "typ": "at+jwt" }), &forge.claims), "no kid")
        .await;
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(forge.key.public_key().as_ref()) });
    for (member, value) in [
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("jwk", jwk),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        forge.refuses(&forge.with_header(member, value), member).await;
    }
    let twice = format!(r#"{{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"{}"}}"#, forge.kid);
    forge.refuses(&forge.sign_text(&twice, &forge.claims.to_string()), "alg twice").await;
}

#[tokio::test]
async fn j3_every_claim_is_needed_and_typed() {
    let forge = Forge::new().await;
    for claim in ["iss", "aud", "sub", "account_id", "session_id", "iat", "nbf", "exp"] {
        forge.refuses(&forge.without_claim(claim), claim).await;
        for value in [json!(null), json!([]), json!({}), json!(""), json!(true), json!(-1)] {
            forge
                .refuses(&forge.with_claim(claim, value.clone()), &format!("{claim} {value}"))
                .await;
        }
    }
    for (claim, value) in [
        ("exp", json!(1e308)),
        ("exp", json!((now() + 600).to_string())),
        ("nbf", json!(now() + 60)),
        ("iat", json!(now() + 60)),
        ("iss", json!("somebody else")),
        ("aud", json!("somebody else")),
        ("aud", json!(["nexo"])),
        ("sub", json!("ada@example.com")),
        ("account_id", json!("1' or '1'='1")),
        ("admin", json!(true)),
    ] {
        forge.refuses(&forge.with_claim(claim, value.clone()), &format!("{claim} {value}")).await;
    }
    let exp_twice =
        forge.claims.to_string().replacen('{', &format!("{{\"exp\":{},", now() + 9_999), 1);
    forge.refuses(&forge.sign_text(&forge.header().to_string(), &exp_twice), "exp twice").await;

    let past = forge.with_claim("exp", json!(now() - 6));
    let expired = forge.authenticator.verify(&past).await.expect_err("expired");
    assert_eq!(expired.code(), ErrorCode::TokenExpired);
}

/// J4: no other secret of ours passes for an access token.
#[tokio::test]
async fn j4_other_kinds_of_token_are_refused() {
    let forge = Forge::new().await;
    forge.refuses(&forge.tenant.tokens.refresh_token, "a refresh token").await;
    for typ in ["JWT", "refresh+jwt", "AT+JWT", ""] {
        forge.refuses(&forge.with_header("typ", json!(typ)), typ).await;
    }
    let mut header = forge.header();
    header.as_object_mut().expect("an object").remove("typ");
    forge.refuses(&forge.sign(&header, &forge.claims), "no typ").await;
}

/// J6: an old and a new key verify together; a retired one does not, also for
/// a token that was verified before.
#[tokio::test]
async fn j6_keys_rotate_and_retire() {
    let forge = Forge::new().await;
    let authenticator = &forge.authenticator;
    let old = forge.tenant.tokens.access_token.clone();
    authenticator.verify(&old).await.expect("remembered");
    assert_eq!(
        authenticator.retire_signing_key(&forge.kid).await.expect_err("it signs").code(),
        ErrorCode::Conflict
    );
    let kid = authenticator.rotate_signing_key().await.expect("rotated");
    let new = Tenant::register(authenticator).await.tokens.access_token;
    authenticator.verify(&old).await.expect("the old key still verifies");
    authenticator.verify(&new).await.expect("the new key signs");
    let published = authenticator.jwks();
    let kids: Vec<_> =
        published["keys"].as_array().expect("keys").iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, [&json!(kid), &json!(forge.kid)]);

    authenticator.retire_signing_key(&forge.kid).await.expect("retired");
    forge.refuses(&old, "signed by a retired key").await;
    authenticator.verify(&new).await.expect("not retired");
    assert_eq!(authenticator.jwks()["keys"].as_array().map(Vec::len), Some(1));
    assert!(authenticator.retire_signing_key(&forge.kid).await.expect_err("gone").is_not_found());
}

/// J7: shapes that could confuse a parser.
#[tokio::test]
async fn j7_odd_shapes_are_refused() {
    let forge = Forge::new().await;
    let good = &forge.tenant.tokens.access_token;
    let padded = format!("{good}=");
    let huge = format!("{}.{}.{}", "A".repeat(4_000), "A".repeat(4_000), "A".repeat(4_000));
    for token in [
        "",
        ".",
        "..",
        "a.b.c",
        " ",
        "\0",
        &padded,
        &huge,
        &good.replace('.', ".."),
        &format!(" {good}"),
    ] {
        forge.refuses(token, token).await;
    }
}

/// J8: the published Ed25519 vector of RFC 8037 (A.4) is a good signature over
/// text that is no token of ours.
#[tokio::test]
async fn j8_a_published_vector_is_no_token_of_ours() {
    let forge = Forge::new().await;
    let vector = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    forge.refuses(vector, "RFC 8037 A.4").await;
}
