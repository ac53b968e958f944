//! Access tokens that are none: each is a 401 with a problem, and no work is
//! done for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{TestServer, User};
use crate::wire::Reply;

/// A token in its parts, to be put together wrongly.
struct Parts {
    header: Value,
    claims: Value,
    signature: String,
}

impl Parts {
    fn of(user: &User) -> Self {
        let parts: Vec<_> = user.token.split('.').collect();
        let json =
            |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        Self { header: json(parts[0]), claims: json(parts[1]), signature: parts[2].to_owned() }
    }

    fn with_header(&self, member: &str, value: impl Into<Value>) -> String {
        let mut header = self.header.clone();
        header[member] = value.into();
        join(&header.to_string(), &self.claims.to_string(), &self.signature)
    }

    fn with_claim(&self, member: &str, value: impl Into<Value>) -> String {
        let mut claims = self.claims.clone();
        claims[member] = value.into();
        join(&self.header.to_string(), &claims.to_string(), &self.signature)
    }
}

fn join(header: &str, claims: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn assert_refused(reply: &Reply, token: &str) {
    assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthenticated"), "{token}");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{token}");
}

#[tokio::test]
async fn tokens_that_are_no_tokens() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let parts = Parts::of(&user);
    let claims = parts.claims.to_string();
    let mut tokens = vec![
        "x".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        user.refresh_token.clone(),
        user.token[..user.token.len() - 2].to_owned(),
        format!("{}A", user.token),
        format!("{}.", user.token),
        format!("{}\u{e9}", user.token),
        user.token.split('.').rev().collect::<Vec<_>>().join("."),
        join(&parts.header.to_string(), &claims, ""),
        // Two values for one name: readers could disagree about which counts.
        join(
            &parts.header.to_string().replacen('{', r#"{"alg":"none","#, 1),
            &claims,
            &parts.signature,
        ),
        "x".repeat(9_000),
    ];
    for alg in ["none", "None", "nOnE", "", "HS256", "HS512", "RS256", "ES256", "eddsa"] {
        tokens.push(parts.with_header("alg", alg));
        tokens.push(join(&json!({ "alg": alg, "typ": "at+jwt" }).to_string(), &claims, ""));
    }
    for kid in ["", "unknown", "../../../dev/null", "' or 1=1 --", "\0", &"k".repeat(5_000)] {
        tokens.push(parts.with_header("kid", kid));
    }
    tokens.push(parts.with_header("kid", Value::Null));
    tokens.push(parts.with_header("kid", 7));
    for (member, value) in [
        ("jku", json!("https://evil.test/jwks.json")),
        ("x5u", json!("https://evil.test/cert.pem")),
        ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" })),
        ("crit", json!(["exp"])),
        ("typ", json!("JWT")),
        ("typ", json!("refresh")),
    ] {
        tokens.push(parts.with_header(member, value));
    }
    for (member, value) in [
        ("exp", json!("tomorrow")),
        ("exp", json!(1e308)),
        ("exp", json!(0)),
        ("exp", Value::Null),
        ("nbf", json!(9_999_999_999_u64)),
        ("iat", json!(9_999_999_999_u64)),
        ("aud", json!("another")),
        ("aud", json!(["nexo"])),
        ("iss", json!("another")),
        ("sub", json!("root")),
        ("account_id", json!(uuid::Uuid::now_v7())),
        ("session_id", json!(uuid::Uuid::now_v7())),
    ] {
        tokens.push(parts.with_claim(member, value));
    }
    for token in tokens {
        let reply =
            server.post("/api/clients", &json!({ "name": "x" })).bearer(&token).send().await;
        assert_refused(&reply, &token);
    }
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn one_authorization_header_of_one_scheme() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let profile = || server.get("/api/auth/profile");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let value = format!("{scheme} {}", user.token);
        assert_eq!(profile().header("authorization", &value).send().await.status, 200);
    }
    for value in ["", "Bearer", "Bearer ", "Basic YWRhOng=", &user.token, "Bearer a b"] {
        assert_refused(&profile().header("authorization", value).send().await, value);
    }
    assert_refused(&profile().by(&user).by(&user).send().await, "twice the same");
    assert_refused(&profile().bearer("x").by(&user).send().await, "a bad and a good one");
    let cookie = profile().header("cookie", &format!("access_token={}", user.token));
    assert_refused(&cookie.send().await, "in a cookie");
    let query = server.get(&format!("/api/auth/profile?access_token={}", user.token));
    assert_refused(&query.send().await, "in the query");
}

#[tokio::test]
async fn a_huge_token_is_refused_before_it_is_read() {
    let server = TestServer::start().await;
    let reply = server.get("/api/clients").bearer(&"x".repeat(20_000)).send().await;
    assert_eq!((reply.status, reply.problem().as_str()), (431, "headers_too_large"));
    // Past what hyper buffers it answers by itself, without a body.
    let reply = server.get("/api/clients").bearer(&"x".repeat(1_000_000)).send().await;
    assert_eq!((reply.status, reply.body.len()), (431, 0));
}
