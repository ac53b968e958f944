//! Adding identities to those one has, and taking them away.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn an_identity_is_added_used_and_taken_away() {
    let world = World::create().await;
    let user = world.server.register("ada").await;
    assert_eq!(world.identities(&user).await, json!({ "data": [], "has_password": true }));
    let corp = person("ada-at-corp", "countess@corp.example.com");
    let linked = world.link(&user, &corp).await;
    assert_eq!(linked.status, 201, "{}", linked.json());
    let identity = linked.json();
    assert_eq!(
        (&identity["provider"], &identity["issuer"], &identity["email"]),
        (&json!("corp"), &json!(world.provider.issuer()), &json!("countess@corp.example.com"))
    );
    assert_eq!(world.identities(&user).await["data"], json!([identity]));
    let signed_in = world.sign_in(&corp).await.json();
    assert_eq!(signed_in["user"]["id"], json!(user.id));
    // It does not show that the user's own address is theirs.
    assert_eq!(signed_in["user"]["email_verified_at"], Value::Null);

    let path = format!("/api/auth/identities/{}", identity["id"].as_str().unwrap());
    assert_eq!(world.server.call("DELETE", &path).by(&user).send().await.status, 204);
    assert_refused(&world.server.call("DELETE", &path).by(&user).send().await, (404, "not_found"));
    assert_refused(&world.sign_in(&corp).await, NOT_LINKED);
    let log = world.server.get("/api/audit?subject=users").by(&user).send().await.json();
    let told = json!({ "identity": { "provider": "corp", "issuer": world.provider.issuer() } });
    assert_eq!((&log["data"][0]["before"], &log["data"][1]["after"]), (&told, &told));
    // Free for somebody else.
    let eve = world.server.register("eve").await;
    assert_eq!(world.link(&eve, &corp).await.status, 201);
}

/// The password is asked for once more, and guesses at it are counted and told.
#[tokio::test]
async fn a11_adding_one_needs_the_password() {
    let world = World::create().await;
    let user = world.server.register("ada").await;
    let start = async |password: Value| {
        let start = json!({ "provider": "corp", "redirect_uri": CALLBACK, "password": password });
        world.server.post("/api/auth/identities/start", &start).by(&user).send().await
    };
    for wrong in [json!("a wrong long password"), Value::Null] {
        let reply = start(wrong).await;
        assert_eq!(refused(&reply), (422, "validation_failed".to_owned()));
        assert_eq!(reply.json()["errors"][0]["field"], "password");
    }
    assert_eq!(world.failures(&user).await, vec![json!({ "for": "password" }); 2]);
    assert_eq!(world.server.rows("nexo.oidc_sign_ins").await, 0);
    let statuses = join_all((0..20).map(|_| start(json!("a wrong long password")))).await;
    assert!(statuses.iter().any(|reply| reply.status == 429));
}

/// Whoever has no password has signed in a moment ago, or signs in again.
#[tokio::test]
async fn who_has_no_password_adds_one_after_signing_in() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
    let path = "/api/auth/identities/start";
    let started = Started::of(&world.server.post(path, &start).by(&user).send().await);
    let second = person("ada-at-home", "ada@home.example.com");
    let back = world.provider.sign_in(&started.page, &second).await;
    let link = finishing(&started, &back);
    let linked = world.server.post("/api/auth/identities", &link).by(&user).send().await;
    assert_eq!(linked.status, 201, "{}", linked.json());

    let age = "update nexo.sessions set created_at = now() - interval '11 minutes'";
    world.server.database.superuser().await.batch_execute(age).await.unwrap();
    let reply = world.server.post(path, &start).by(&user).send().await;
    assert_eq!(refused(&reply), (422, "validation_failed".to_owned()), "{}", reply.json());
    let fresh = User::of(user.email.clone(), &world.sign_in(&second).await);
    assert_eq!(world.server.post(path, &start).by(&fresh).send().await.status, 200);
    // The same sets a first password.
    let first = json!({ "current_password": "", "new_password": PASSWORD });
    let set = async |by: &User| world.server.post("/api/auth/password", &first).by(by).send().await;
    assert_eq!(set(&fresh).await.status, 204);
    assert_eq!(world.identities(&fresh).await["has_password"], Value::Bool(true));
    assert_eq!(set(&fresh).await.status, 422, "from then on it is asked for");
}

/// A11: whoever has taken an address that is not theirs, and has added an identity,
/// loses it to a reset that was mailed there; one that the operator has handed out
/// shows nothing of the address.
#[tokio::test]
async fn a11_a_mailed_reset_ends_identities_of_before_the_address_was_shown() {
    let world = World::create().await;
    let thief = world.server.register("ada").await;
    let mallory = person("mallory-at-corp", "mallory@example.com");
    assert_eq!(world.link(&thief, &mallory).await.status, 201);
    let (_, auth) = world.server.database.open_with_auth(nexo_core::AuthConfig::default()).await;
    let of = nexo_core::model::ForgotPassword { email: thief.email.clone() };
    let reset = async |token: String, password: &str| {
        let reset = json!({ "token": token, "password": password });
        world.server.post("/api/auth/password/reset", &reset).send().await.status
    };
    let handed_out = auth.hand_out_password_reset(&of).await.unwrap().unwrap();
    assert_eq!(reset(handed_out, "another long enough phrase").await, 204);
    assert_eq!(world.sign_in(&mallory).await.status, 200);
    let peer = nexo_core::Peer::default();
    let mailed = auth.issue_password_reset(&of, &peer).await.unwrap().unwrap();
    assert_eq!(reset(mailed.token, PASSWORD).await, 204);
    assert_refused(&world.sign_in(&mallory).await, NOT_LINKED);
    // Those that are added afterwards stay.
    let login = json!({ "email": thief.email, "password": PASSWORD });
    let owner = world.server.post("/api/auth/login", &login).send().await;
    let owner = User::of(thief.email.clone(), &owner);
    assert_eq!(world.link(&owner, &ada()).await.status, 201);
    let mailed = auth.issue_password_reset(&of, &peer).await.unwrap().unwrap();
    assert_eq!(reset(mailed.token, "another long enough phrase").await, 204);
    assert_eq!(world.sign_in(&ada()).await.status, 200);
}

/// One person's identity is one user's; also of two who add it at once.
#[tokio::test]
async fn an_identity_has_one_user() {
    let world = World::create().await;
    let (user, eve) = (world.server.register("ada").await, world.server.register("eve").await);
    let mut bodies = Vec::new();
    for by in [&user, &eve] {
        let started = world.start_link(by).await;
        let back = world.provider.sign_in(&started.page, &ada()).await;
        bodies.push((by, finishing(&started, &back)));
    }
    let linking = bodies
        .iter()
        .map(|(by, body)| world.server.post("/api/auth/identities", body).by(by).send());
    let mut statuses: Vec<_> = join_all(linking).await.iter().map(|it| it.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(world.server.rows("nexo.external_identities").await, 1);
}

/// The last way in stays, also of two that are taken away at once.
#[tokio::test]
async fn the_last_way_in_stays() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let remove = async |id: &Value| {
        let path = format!("/api/auth/identities/{}", id.as_str().unwrap());
        world.server.call("DELETE", &path).by(&user).send().await
    };
    let only = world.identities(&user).await["data"][0]["id"].clone();
    assert_refused(&remove(&only).await, (409, "conflict"));

    let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
    let path = "/api/auth/identities/start";
    let started = Started::of(&world.server.post(path, &start).by(&user).send().await);
    let back = world.provider.sign_in(&started.page, &person("home", "a@home.example.com")).await;
    let link = finishing(&started, &back);
    let second = world.server.post("/api/auth/identities", &link).by(&user).send().await.json();
    let both = join_all([&only, &second["id"]].map(remove)).await;
    let mut statuses: Vec<_> = both.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(world.server.rows("nexo.external_identities").await, 1);
}

/// P1: another's identity is as missing as any, and none is seen.
#[tokio::test]
async fn p1_identities_are_their_users_own() {
    let world = World::create().await;
    let owner = world.server.register("owner").await;
    let bob = world.server.join(&owner, "bob", "admin").await;
    let identity = world.link(&owner, &ada()).await.json();
    assert_eq!(world.identities(&bob).await["data"], json!([]));
    let mine = identity["id"].as_str().unwrap().to_owned();
    for id in [&*mine, &uuid::Uuid::now_v7().to_string(), "7", "not-a-uuid", "%00"] {
        let path = format!("/api/auth/identities/{id}");
        let reply = world.server.call("DELETE", &path).by(&bob).send().await;
        assert_refused(&reply, (404, "not_found"));
    }
    assert_eq!(world.sign_in(&ada()).await.json()["user"]["id"], json!(owner.id));
}

/// R2, R12: the database shows nexo_auth a user's identities, or the one that a
/// sign-in names whose token is shown, and lets it change the user's alone.
#[tokio::test]
async fn r2_the_database_shows_identities_to_their_user() {
    let world = World::create().await;
    let (owner, eve) = (world.server.register("owner").await, world.server.register("eve").await);
    assert_eq!(world.link(&owner, &ada()).await.status, 201);
    // Two that are under way; the first has been verified and names the identity.
    let guard = "update nexo.users set second_factor_at = now(), second_factor_secret = decode(repeat('00', 20), 'hex')";
    world.server.database.superuser().await.batch_execute(guard).await.unwrap();
    let (started, back) = world.go(&ada()).await;
    let reply = world.finish(&finishing(&started, &back)).await;
    assert_refused(&reply, (401, "second_factor_required"));
    world.start().await;
    let superuser = world.server.database.superuser().await;
    let ids = superuser.query("select id::text from nexo.oidc_sign_ins order by created_at", &[]);
    let ids: Vec<String> = ids.await.unwrap().iter().map(|row| row.get(0)).collect();

    let auth = world.server.database.as_auth().await;
    let nobody = uuid::Uuid::now_v7().to_string();
    let sights = [
        (format!("nexo.user_id = '{}'", owner.id), [1, 0], 1),
        (format!("nexo.user_id = '{}'", eve.id), [0, 0], 0),
        (format!("nexo.sign_in_id = '{}'", ids[0]), [1, 1], 0),
        (format!("nexo.sign_in_id = '{}'", ids[1]), [0, 1], 0),
        (format!("nexo.sign_in_id = '{nobody}'"), [0, 0], 0),
        ("nexo.user_id = ''".to_owned(), [0, 0], 0),
    ];
    for (sight, seen, changed) in sights {
        auth.batch_execute(&format!("begin; set local {sight}")).await.unwrap();
        for (table, seen) in ["external_identities", "oidc_sign_ins"].iter().zip(seen) {
            let rows = auth.query(&format!("select from nexo.{table}"), &[]).await.unwrap();
            assert_eq!(rows.len(), seen, "{sight} {table}");
        }
        for change in [
            "update nexo.external_identities set last_used_at = now()",
            "delete from nexo.external_identities",
        ] {
            assert_eq!(auth.execute(change, &[]).await.unwrap(), changed, "{sight} {change}");
        }
        auth.batch_execute("rollback").await.unwrap();
    }
    let steal = format!(
        "begin; set local nexo.sign_in_id = '{}'; set local nexo.user_id = '{}';
         insert into nexo.external_identities (id, user_id, issuer, subject, provider)
         values (gen_random_uuid(), '{}', 'https://id.example.com', 'x', 'corp')",
        ids[0], eve.id, owner.id
    );
    let denied = auth.batch_execute(&steal).await.unwrap_err();
    assert_eq!(denied.code().map(|code| code.code()), Some("42501"));
    auth.batch_execute("rollback").await.unwrap();
    for fixed in ["user_id = gen_random_uuid()", "subject = 'x'", "issuer = 'x'"] {
        let change = format!("update nexo.external_identities set {fixed}");
        let denied = auth.batch_execute(&change).await.unwrap_err();
        assert_eq!(denied.code().map(|code| code.code()), Some("42501"));
    }
}
