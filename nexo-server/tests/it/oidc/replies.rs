//! J1, J2, J3: answers that are none.

use serde_json::{Value, json};

use super::provider::{CLIENT, SECRET, Sign};
use super::*;

/// What a provider's token has wrong.
type Fault = Box<dyn Fn(&TestProvider)>;

fn claim(name: &'static str, value: impl Into<Value>) -> Fault {
    let value = value.into();
    Box::new(move |provider| {
        let value = value.clone();
        provider.change(move |claims| claims[name] = value.clone());
    })
}

fn without(name: &'static str) -> Fault {
    Box::new(move |provider| {
        provider.change(move |claims| drop(claims.as_object_mut().unwrap().remove(name)));
    })
}

fn signed(sign: Sign) -> Fault {
    Box::new(move |provider| provider.sign(sign.clone()))
}

/// Each is refused with one code, once, and nothing is changed; and where the
/// provider has signed for somebody, the log of their account is told.
#[tokio::test]
async fn j1_j2_j3_a_wrong_answer_changes_nothing_and_is_told() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let now = jiff::Timestamp::now().as_second();
    let faults: Vec<(Fault, Option<&str>)> = vec![
        (claim("nonce", "another"), Some("nonce")),
        (claim("nonce", ""), Some("nonce")),
        (without("nonce"), Some("nonce")),
        (claim("aud", "another"), Some("audience")),
        (claim("aud", json!([])), Some("audience")),
        (claim("aud", json!([CLIENT, "another"])), Some("audience")),
        (claim("azp", "another"), Some("audience")),
        (claim("exp", now - 10), Some("time")),
        (claim("iat", now + 3600), Some("time")),
        (claim("iss", "https://another.example.com"), None),
        (claim("iss", format!("{}/", world.provider.issuer())), None),
        (without("iss"), None),
        (without("aud"), Some("audience")),
        (without("exp"), None),
        (without("iat"), None),
        (without("sub"), None),
        (claim("sub", ""), None),
        (claim("sub", "s".repeat(300)), None),
        (claim("sub", "ada\0at-corp"), None),
        (claim("exp", "soon"), None),
        (claim("exp", 1e308), None),
        (signed(Sign::Nothing("none")), None),
        (signed(Sign::Nothing("None")), None),
        (signed(Sign::Nothing("nOnE")), None),
        (signed(Sign::Nothing("RS256")), None),
        (signed(Sign::Empty), None),
        (signed(Sign::ByAnother), None),
        (signed(Sign::PublicKeyAsSecret), None),
        (signed(Sign::ClientSecret), None),
        (signed(Sign::Header("alg", json!("HS256"))), None),
        (signed(Sign::Header("alg", json!("EdDSA"))), None),
        (signed(Sign::Header("crit", json!(["x"]))), None),
        (signed(Sign::Header("cty", json!("JWT"))), None),
        (signed(Sign::Header("typ", json!("at+jwt"))), None),
    ];
    let (rows, mut log) = (world.rows().await, Vec::new());
    for (at, (fault, tells)) in faults.iter().enumerate() {
        fault(&world.provider);
        let (started, back) = world.go(&ada()).await;
        let body = finishing(&started, &back);
        let reply = world.finish(&body).await;
        assert_eq!(refused(&reply), (401, INVALID.1.to_owned()), "{at}");
        world.provider.behave();
        assert_refused(&world.finish(&body).await, INVALID);
        assert_eq!(world.rows().await, rows, "{at}");
        log.extend(tells.map(|reason| told("corp", reason)));
        let expected: Vec<_> = log.iter().rev().cloned().collect();
        assert_eq!(world.failures(&user).await, expected, "{at}");
    }
    assert_eq!(world.sign_in(&ada()).await.status, 200);
}

/// The same where an identity is added: told to whoever adds it, and to nobody
/// else.
#[tokio::test]
async fn j1_j3_a_wrong_answer_adds_no_identity() {
    let world = World::create().await;
    let (user, eve) = (world.register(&ada()).await, world.server.register("eve").await);
    let rows = world.rows().await;
    let faults: [(Fault, &str); 4] = [
        (claim("nonce", "another"), "nonce"),
        (claim("aud", "another"), "audience"),
        (claim("iss", "https://another.example.com"), "issuer"),
        (signed(Sign::ByAnother), "signature"),
    ];
    let mut log = Vec::new();
    for (fault, reason) in faults {
        fault(&world.provider);
        assert_refused(&world.link(&eve, &person("eve-at-corp", "eve@example.com")).await, INVALID);
        world.provider.behave();
        log.insert(0, told("corp", reason));
        assert_eq!(world.failures(&eve).await, log);
    }
    assert_eq!(world.rows().await, rows);
    assert_eq!(world.failures(&user).await, [] as [Value; 0]);
}

/// RFC 9207: who the browser says that it comes from.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let world = World::create().await;
    world.register(&ada()).await;
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    let asked = world.provider.asked("/token");
    let mixed_up = with(body.clone(), &json!({ "iss": "https://another.example.com" }));
    assert_refused(&world.finish(&mixed_up).await, INVALID);
    assert_eq!(world.provider.asked("/token"), asked, "the other's code goes nowhere");
    let right = with(body, &json!({ "iss": world.provider.issuer() }));
    assert_eq!(world.finish(&right).await.status, 200);
}

/// J6: a key that is not known yet is looked up, a few times a minute; one that is
/// not published is none.
#[tokio::test]
async fn j6_keys_are_rotated() {
    let world = World::create().await;
    world.register(&ada()).await;
    assert_eq!(world.provider.asked("/keys"), 1);
    world.provider.rotate("two", "ES256");
    assert_eq!(world.sign_in(&ada()).await.status, 200);
    assert_eq!(world.sign_in(&ada()).await.status, 200);
    assert_eq!(world.provider.asked("/keys"), 2);
    for sign in ["unknown", "../../../dev/null", "' or 1=1 --", ""] {
        world.provider.sign(Sign::Kid(sign));
        assert_refused(&world.sign_in(&ada()).await, INVALID);
    }
    for _ in 0..8 {
        assert_refused(&world.sign_in(&ada()).await, INVALID);
    }
    assert_eq!(world.provider.asked("/keys"), 1 + 6, "tokens of nobody do not keep it busy");
    world.provider.behave();
    assert_eq!(world.sign_in(&ada()).await.status, 200);
    world.provider.rotate("three", "ES256");
    world.provider.hide_key();
    assert_refused(&world.sign_in(&ada()).await, INVALID);
}

/// What is signed with a secret that both know is refused too, since of a public
/// client everybody knows it.
#[tokio::test]
async fn j1_shared_secrets_sign_nothing() {
    let provider = TestProvider::start().await;
    provider.public_client();
    let world = World::of(provider).await;
    let user = world.register(&ada()).await;
    for sign in [Sign::ClientSecret, Sign::PublicKeyAsSecret, Sign::Nothing("none")] {
        world.provider.sign(sign);
        assert_refused(&world.sign_in(&ada()).await, INVALID);
    }
    world.provider.behave();
    assert_eq!(world.sign_in(&ada()).await.json()["user"]["id"], json!(user.id));
    assert!(!SECRET.is_empty());
}
