//! Who becomes a user by signing in, and who does not.

use serde_json::{Value, json};

use super::*;

/// An address makes nobody a user who exists: neither the provider's word for it
/// nor wanting to register takes their user over.
#[tokio::test]
async fn p5_an_address_takes_nobodys_user_over() {
    let world = World::create().await;
    let victim = world.server.register("ada").await;
    let rows = world.rows().await;
    let mallory = person("mallory-at-corp", "ada@example.com");
    for person in [&mallory, &person("mallory-at-corp", "ADA@Example.com ")] {
        let plain = world.sign_in(person).await;
        assert_eq!(plain.status, 401, "{}", plain.json());
        let registering = world.sign_in_with(person, &registering()).await;
        assert_eq!(registering.status, 401, "{}", registering.json());
    }
    assert_refused(&world.sign_in_with(&mallory, &registering()).await, NOT_LINKED);
    let invite = json!({ "email": "ada@example.com", "role": "admin" });
    let eve = world.server.register("eve").await;
    let invited = world.server.post("/api/invitations", &invite).by(&eve).send().await.json();
    let more = json!({ "invitation": invited["token"] });
    assert_refused(&world.sign_in_with(&mallory, &more).await, NOT_LINKED);
    let now = world.rows().await;
    assert_eq!((now[4], now[2]), (rows[4], rows[2] + 1), "eve is there, and nothing else");

    // Whoever knows the password adds it.
    let linked = world.link(&victim, &mallory).await;
    assert_eq!(linked.status, 201, "{}", linked.json());
    assert_eq!(world.sign_in(&mallory).await.json()["user"]["id"], json!(victim.id));
}

/// Without the provider's word that the address is theirs, nobody becomes a user
/// of it.
#[tokio::test]
async fn an_address_that_nobody_vouches_for_registers_nobody() {
    let world = World::create().await;
    let owner = world.server.register("owner").await;
    let invite = json!({ "email": "ada@example.com", "role": "viewer" });
    let invited = world.server.post("/api/invitations", &invite).by(&owner).send().await.json();
    let rows = world.rows().await;
    let claims = [
        json!({ "email": "ada@example.com" }),
        json!({ "email": "ada@example.com", "email_verified": false }),
        json!({ "email": "ada@example.com", "email_verified": "false" }),
        json!({ "email": "ada", "email_verified": true }),
        json!({ "email_verified": true }),
    ];
    for claims in claims {
        let person = Person { sub: "ada-at-corp", claims };
        for more in [registering(), json!({ "invitation": invited["token"] })] {
            let reply = world.sign_in_with(&person, &more).await;
            assert_refused(&reply, (401, "email_not_verified"));
        }
        assert_refused(&world.sign_in(&person).await, NOT_LINKED);
    }
    assert_eq!(world.rows().await, rows);
    // As some providers write it.
    let claims = json!({ "email": "ada@example.com", "email_verified": "true" });
    world.register(&Person { sub: "ada-at-corp", claims }).await;
}

/// The provider's answer stays good for a while: whoever is new is asked for the
/// name of their account, without going there again.
#[tokio::test]
async fn who_is_new_says_so_afterwards() {
    let world = World::create().await;
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    assert_refused(&world.finish(&body).await, NOT_LINKED);
    let nameless = with(body.clone(), &json!({ "register": { "account_name": "" } }));
    let reply = world.finish(&nameless).await;
    assert_eq!(refused(&reply), (422, "validation_failed".to_owned()));
    assert_eq!(reply.json()["errors"][0]["field"], "register.account_name");
    let wrong_state =
        with(body.clone(), &json!({ "state": "x", "register": { "account_name": "X" } }));
    assert_refused(&world.finish(&wrong_state).await, INVALID);
    let named = json!({ "register": { "account_name": "Engines", "name": "Countess" } });
    let reply = world.finish(&with(body.clone(), &named)).await;
    assert_eq!((reply.status, &reply.json()["user"]["name"]), (200, &json!("Countess")));
    assert_eq!(world.provider.asked("/token"), 1);
    assert_refused(&world.finish(&with(body, &named)).await, INVALID);
}

#[tokio::test]
async fn a_provider_may_register_nobody() {
    let provider = TestProvider::start().await;
    let mut config = provider.config();
    config["registration"] = json!(false);
    let world = World::with(provider, &json!([config])).await;
    assert_refused(&world.sign_in_with(&ada(), &registering()).await, NOT_LINKED);
    assert_eq!(world.rows().await, [0; 5]);
    // Who is invited is let in all the same.
    let owner = world.server.register("owner").await;
    let joined = join(&world, &owner, &ada(), "ada@example.com").await;
    assert_eq!(joined.status, 200, "{}", joined.json());
}

async fn join(world: &World, by: &User, person: &Person, email: &str) -> Reply {
    let invite = json!({ "email": email, "role": "viewer" });
    let invited = world.server.post("/api/invitations", &invite).by(by).send().await.json();
    world.sign_in_with(person, &json!({ "invitation": invited["token"] })).await
}

#[tokio::test]
async fn an_invitation_is_accepted_by_signing_in() {
    let world = World::create().await;
    let (owner, eve) = (world.server.register("owner").await, world.server.register("eve").await);
    // Only under the address that was invited.
    let reply = join(&world, &owner, &ada(), "bob@example.com").await;
    assert_refused(&reply, (401, "invalid_invitation"));
    let joined = join(&world, &owner, &ada(), "ada@example.com").await;
    assert_eq!(joined.status, 200, "{}", joined.json());
    let body = joined.json();
    assert_eq!((&body["account"]["id"], &body["role"]), (&json!(owner.account), &json!("viewer")));
    assert!(body["user"]["email_verified_at"].is_string());

    // Whoever is a user joins as the user they are, and is in both accounts.
    let again = join(&world, &eve, &ada(), "ada@example.com").await;
    assert_eq!(again.status, 200, "{}", again.json());
    assert_eq!(again.json()["user"]["id"], body["user"]["id"]);
    assert_eq!(again.json()["account"]["id"], json!(eve.account));
    let twice = join(&world, &eve, &ada(), "ada@example.com").await;
    assert_refused(&twice, (409, "conflict"));

    // A used one is none.
    let invite = json!({ "email": "bob@example.com", "role": "viewer" });
    let invited = world.server.post("/api/invitations", &invite).by(&owner).send().await.json();
    let more = json!({ "invitation": invited["token"] });
    let bob = person("bob-at-corp", "bob@example.com");
    assert_eq!(world.sign_in_with(&bob, &more).await.status, 200);
    assert_refused(&world.sign_in_with(&bob, &more).await, (401, "invalid_invitation"));
    assert_refused(
        &world.sign_in_with(&bob, &json!({ "invitation": "nxi_x" })).await,
        (401, "invalid_invitation"),
    );
}

/// A4: by a password, a user without one is answered as anybody is.
#[tokio::test]
async fn a4_without_a_password_none_is_right() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let log_in = async |email: &str, password: &str| {
        let login = json!({ "email": email, "password": password });
        let reply = world.server.post("/api/auth/login", &login).send().await;
        let mut body = reply.json();
        for name in ["request_id", "timestamp"] {
            body.as_object_mut().unwrap().remove(name);
        }
        (reply.status, body)
    };
    let nobody = log_in("nobody@example.com", PASSWORD).await;
    assert_eq!(nobody.0, 401);
    for password in ["", PASSWORD, "nobody's password"] {
        assert_eq!(log_in(&user.email, password).await, nobody);
    }
    // What is stored is of the same kind and cost as any, and no two are the same.
    let other = world.register(&person("eve-at-corp", "eve@example.com")).await;
    let superuser = world.server.database.superuser().await;
    let hashes = superuser.query("select password_hash from nexo.users", &[]).await.unwrap();
    let hashes: Vec<&str> = hashes.iter().map(|row| row.get(0)).collect();
    assert!(hashes.iter().all(|it| it.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_ne!(hashes[0], hashes[1]);
    assert_ne!(other.id, user.id);

    // What is handed out sets one; then it is right.
    let (_, auth) = world.server.database.open_with_auth(nexo_core::AuthConfig::default()).await;
    let of = nexo_core::model::ForgotPassword { email: user.email.clone() };
    let token = auth.hand_out_password_reset(&of).await.unwrap().unwrap();
    let reset = json!({ "token": token, "password": PASSWORD });
    assert_eq!(world.server.post("/api/auth/password/reset", &reset).send().await.status, 204);
    assert_eq!(log_in(&user.email, PASSWORD).await.0, 200);
    let again = world.sign_in(&ada()).await;
    let again = User::of(user.email.clone(), &again);
    assert_eq!(world.identities(&again).await["has_password"], Value::Bool(true));
}
