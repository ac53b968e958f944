//! The second factor of whoever signs in through a provider.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::*;

/// A user who has an identity and a second factor; what the app shows, and codes
/// for when it is lost.
struct Guarded {
    user: User,
    uri: String,
    codes: Vec<String>,
}

async fn guarded(world: &World) -> Guarded {
    let user = world.server.register("ada").await;
    assert_eq!(world.link(&user, &ada()).await.status, 201);
    let set_up = json!({ "password": PASSWORD });
    let path = "/api/auth/second-factor";
    let set_up = world.server.post(path, &set_up).by(&user).send().await.json();
    let secret = set_up["secret"].as_str().unwrap().to_owned();
    let confirm = json!({ "code": code(&secret) });
    let path = "/api/auth/second-factor/confirm";
    let codes = world.server.post(path, &confirm).by(&user).send().await.json();
    let codes: Vec<Value> = codes["recovery_codes"].as_array().unwrap().clone();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    Guarded { user, uri: secret, codes }
}

fn code(secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).with_account_name("x".to_owned());
    totp.build().unwrap().generate_current().to_string()
}

/// It is asked for after the provider's answer was verified, which is good until
/// then: the provider is asked once. Wrong codes are told.
#[tokio::test]
async fn the_second_factor_is_asked_for_here_too() {
    let world = World::create().await;
    let Guarded { user, uri, codes } = guarded(&world).await;
    let (rows, asked) = (world.rows().await, world.provider.asked("/token"));
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    assert_refused(&world.finish(&body).await, (401, "second_factor_required"));
    assert_refused(&world.finish(&body).await, (401, "second_factor_required"));
    // The code that the app has confirmed by was used.
    for wrong in ["000000", "x", &code(&uri)] {
        let with_code = with(body.clone(), &json!({ "second_factor_code": wrong }));
        assert_refused(&world.finish(&with_code).await, (401, "invalid_code"));
    }
    assert_eq!(world.rows().await, rows);
    let with_code = with(body.clone(), &json!({ "second_factor_code": codes[0] }));
    let wrong_state = with(with_code.clone(), &json!({ "state": "x" }));
    assert_refused(&world.finish(&wrong_state).await, INVALID);
    let reply = world.finish(&with_code).await;
    assert_eq!((reply.status, &reply.json()["user"]["id"]), (200, &json!(user.id)));
    assert_eq!(world.provider.asked("/token"), asked + 1);
    // Neither the token nor the code is good twice.
    assert_refused(&world.finish(&with_code).await, INVALID);
    let used = json!({ "second_factor_code": codes[0] });
    assert_refused(&world.sign_in_with(&ada(), &used).await, (401, "invalid_code"));
    let signed_in = User::of(user.email.clone(), &reply);
    // That one was used is found where it is taken, which is not told.
    assert_eq!(world.failures(&signed_in).await, vec![json!({ "for": "code" }); 3]);
}

/// A5: codes are guessed as seldom here as where the password was shown, by the
/// same count.
#[tokio::test]
async fn a5_codes_are_throttled() {
    let world = World::create().await;
    let Guarded { user, codes, .. } = guarded(&world).await;
    let (started, back) = world.go(&ada()).await;
    let body = with(finishing(&started, &back), &json!({ "second_factor_code": "000000" }));
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(world.finish(&body).await.status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10], 429);
    let login = json!({ "email": user.email, "password": PASSWORD, "code": codes[0] });
    let reply = world.server.post("/api/auth/login", &login).send().await;
    assert_refused(&reply, (429, "too_many_requests"));
}

/// An identity that was taken away while the code was asked for signs nobody in.
#[tokio::test]
async fn what_was_taken_away_meanwhile_signs_nobody_in() {
    let world = World::create().await;
    let Guarded { user, codes, .. } = guarded(&world).await;
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    assert_refused(&world.finish(&body).await, (401, "second_factor_required"));
    let identity = world.identities(&user).await["data"][0]["id"].clone();
    let path = format!("/api/auth/identities/{}", identity.as_str().unwrap());
    assert_eq!(world.server.call("DELETE", &path).by(&user).send().await.status, 204);
    let with_code = with(body, &json!({ "second_factor_code": codes[0] }));
    assert_refused(&world.finish(&with_code).await, NOT_LINKED);
}
