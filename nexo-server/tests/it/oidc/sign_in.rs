//! Who is signed in, and by whose browser.

use futures_util::future::join_all;
use nexo_server::OidcProviders;
use serde_json::{Value, json};

use super::provider::{CALLBACK, person};
use super::*;

#[tokio::test]
async fn somebody_registers_and_is_the_same_user_ever_after() {
    let world = World::create().await;
    let listed = world.server.get("/api/auth/oidc").send().await;
    assert_eq!(listed.json(), json!({ "data": [{ "id": "corp", "name": "Corp SSO" }] }));
    assert_refused(&world.sign_in(&ada()).await, NOT_LINKED);
    assert_eq!(world.rows().await, [0; 5]);

    let first = world.register(&ada()).await;
    let profile = world.server.get("/api/auth/profile").by(&first).send().await.json();
    assert_eq!(
        (&profile["user"]["email"], &profile["user"]["name"]),
        (&json!("ada@example.com"), &json!("Ada L."))
    );
    assert!(profile["user"]["email_verified_at"].is_string(), "{profile}");
    assert_eq!(
        (&profile["account"]["name"], &profile["role"]),
        (&json!("Engines"), &json!("owner"))
    );

    // By issuer and subject alone: with another address they are the same.
    for known in [ada(), person("ada-at-corp", "countess@example.com")] {
        let again = world.sign_in(&known).await;
        assert_eq!(again.status, 200, "{}", again.json());
        assert_eq!(again.json()["user"]["id"], json!(first.id));
        assert_eq!(again.header("cache-control"), Some("no-store"));
    }
    // Asking to register makes nobody a second user.
    assert_eq!(world.register(&ada()).await.id, first.id);
    assert_eq!(world.rows().await, [1, 1, 1, 4, 1]);
    // With another subject somebody else.
    assert_refused(&world.sign_in(&person("eve-at-corp", "ada@example.com")).await, NOT_LINKED);

    let log = world.server.get("/api/audit?subject=sessions").by(&first).send().await.json();
    let entries = log["data"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        assert_eq!(
            (&entry["action"], &entry["after"]),
            (&json!("login"), &json!({ "provider": "corp" }))
        );
    }
    let log = world.server.get("/api/audit?subject=users").by(&first).send().await.json();
    let issuer = world.provider.issuer();
    let linked = json!({ "identity": { "provider": "corp", "issuer": issuer } });
    assert_eq!(log["data"][0]["after"], linked);
    let has = world.identities(&first).await;
    assert_eq!(
        (&has["has_password"], &has["data"][0]["email"]),
        (&json!(false), &json!("ada@example.com"))
    );
    assert!(has["data"][0]["last_used_at"].is_string());
}

/// What goes over the browser or is stored is nothing that anybody could finish
/// the sign-in with.
#[tokio::test]
async fn secrets_stay_where_they_are() {
    let world = World::create().await;
    let (started, back) = world.go(&ada()).await;
    assert!(started.token.starts_with("nxs_") && !started.page.contains(&started.token[4..]));
    let superuser = world.server.database.superuser().await;
    let row = superuser.query_one("select s::text, pkce_verifier from nexo.oidc_sign_ins s", &[]);
    let row = row.await.unwrap();
    let (kept, verifier): (&str, &str) = (row.get(0), row.get(1));
    assert!(!kept.contains(&started.token[30..]) && !kept.contains(&back.state), "{kept}");
    assert!(!started.page.contains(verifier));
    // And it goes when it has been good for a session.
    world.finish(&with(finishing(&started, &back), &registering())).await;
    assert_eq!(world.server.rows("nexo.oidc_sign_ins").await, 0);
}

/// Whoever brings another state back than was sent, as somebody does who was lured
/// to the callback with an attacker's code, is refused, and nothing is changed.
#[tokio::test]
async fn a_foreign_state_is_refused() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let rows = world.rows().await;
    let (mine, my_back) = world.go(&ada()).await;
    let (_, eves_back) = world.go(&person("eve-at-corp", "eve@example.com")).await;
    let asked = world.provider.asked("/token");
    for state in [&*eves_back.state, "", "x", &my_back.state[1..]] {
        let forged = with(finishing(&mine, &eves_back), &json!({ "state": state }));
        assert_refused(&world.finish(&forged).await, INVALID);
    }
    assert_eq!((world.rows().await, world.provider.asked("/token")), (rows, asked));
    // What was begun goes on.
    assert_eq!(world.finish(&finishing(&mine, &my_back)).await.status, 200);

    // Of who adds an identity it is known whose account it is.
    let eve = world.server.register("eve").await;
    let started = world.start_link(&eve).await;
    let forged = finishing(&started, &eves_back);
    let reply = world.server.post("/api/auth/identities", &forged).by(&eve).send().await;
    assert_refused(&reply, INVALID);
    assert_eq!(world.failures(&eve).await, [told("corp", "state")]);
    assert_eq!(world.failures(&user).await, [] as [Value; 0]);
}

/// J4: a token of a sign-in is one browser's, good once, and nothing else; and
/// nothing else is one.
#[tokio::test]
async fn j4_a_sign_in_token_is_one_browsers_and_good_once() {
    let world = World::create().await;
    let user = world.register(&ada()).await;
    let (mine, my_back) = world.go(&ada()).await;
    // Another browser's, with the state and code of this one.
    let others = world.start().await;
    assert_refused(&world.finish(&finishing(&others, &my_back)).await, INVALID);
    let done = finishing(&mine, &my_back);
    assert_eq!(world.finish(&done).await.status, 200);
    let asked = world.provider.asked("/token");
    assert_refused(&world.finish(&done).await, INVALID);
    // A code that was tried is not tried again, also where it failed.
    let failed = with(
        finishing(&others, &my_back),
        &json!({ "state": state_of(&others.page), "code": "code-0" }),
    );
    assert_refused(&world.finish(&failed).await, INVALID);
    assert_refused(&world.finish(&failed).await, INVALID);
    assert_eq!(world.provider.asked("/token"), asked + 1);

    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    let bare = &started.token[4..];
    for token in [
        "",
        "x",
        "nxs_",
        &user.refresh_token,
        &user.token,
        &format!("nxr_{bare}"),
        &format!("nxi_{bare}"),
        &format!("nxs_{}", &user.refresh_token[4..]),
    ] {
        let reply = world.finish(&with(body.clone(), &json!({ "sign_in_token": token }))).await;
        assert_refused(&reply, INVALID);
    }
    for token in [&started.token, &format!("nxr_{bare}")] {
        let refresh = json!({ "refresh_token": token });
        assert_eq!(world.server.post("/api/auth/refresh", &refresh).send().await.status, 401);
        let reply = world.server.get("/api/clients").bearer(token).send().await;
        assert_refused(&reply, (401, "unauthenticated"));
    }
    // Who adds an identity signs nobody in by it, and the other way round.
    let eve = world.server.register("eve").await;
    let linking = world.start_link(&eve).await;
    let linked = world.provider.sign_in(&linking.page, &ada()).await;
    assert_refused(&world.finish(&finishing(&linking, &linked)).await, INVALID);
    for by in [&eve, &user] {
        let reply = world.server.post("/api/auth/identities", &body).by(by).send().await;
        assert_refused(&reply, INVALID);
    }
    let reply = world.server.post("/api/auth/identities", &finishing(&linking, &linked));
    assert_refused(&reply.by(&user).send().await, INVALID);

    let superuser = world.server.database.superuser().await;
    let expire = "update nexo.oidc_sign_ins set expires_at = now() - interval '1 second'";
    superuser.batch_execute(expire).await.unwrap();
    assert_refused(&world.finish(&body).await, INVALID);
    // And what is over is swept by whoever comes next.
    world.start().await;
    assert_eq!(world.server.rows("nexo.oidc_sign_ins").await, 1);
}

fn state_of(page: &str) -> String {
    let state = page.split_once("state=").unwrap().1;
    state.split('&').next().unwrap().to_owned()
}

/// F15, A7: of many at once with one token, one gets a session, and the provider is
/// shown the code once.
#[tokio::test]
async fn f15_of_many_at_once_one_is_signed_in() {
    let world = World::create().await;
    world.register(&ada()).await;
    let (rows, asked) = (world.rows().await, world.provider.asked("/token"));
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    let replies = join_all((0..8).map(|_| world.finish(&body))).await;
    let good = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(good, 1, "{:?}", replies.iter().map(|it| it.status).collect::<Vec<_>>());
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_refused(reply, INVALID);
    }
    assert_eq!(world.provider.asked("/token"), asked + 1);
    assert_eq!(world.rows().await[3], rows[3] + 1);

    // The same of those who register: one user, one account.
    let eve = person("eve-at-corp", "eve@example.com");
    let (started, back) = world.go(&eve).await;
    // The answer is verified, and nobody is signed in yet.
    assert_refused(&world.finish(&finishing(&started, &back)).await, NOT_LINKED);
    let body = with(finishing(&started, &back), &registering());
    let replies = join_all((0..8).map(|_| world.finish(&body))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    let now = world.rows().await;
    assert_eq!((now[0], now[1], now[4]), (rows[0] + 1, rows[1] + 1, rows[4] + 1));
}

/// What is begun at one server is finished at another.
#[tokio::test]
async fn f15_two_servers_on_one_database() {
    let world = World::create().await;
    world.register(&ada()).await;
    let config = json!([world.provider.config()]).to_string();
    let other = world.server.second(OidcProviders::from_json(&config).unwrap()).await;
    let (started, back) = world.go(&ada()).await;
    let body = finishing(&started, &back);
    let done = crate::harness::Call::to(other, "POST", "/api/auth/oidc/finish").json(&body);
    assert_eq!(done.send().await.status, 200);
    assert_refused(&world.finish(&body).await, INVALID);
}

#[tokio::test]
async fn the_browser_comes_back_to_where_the_operator_says() {
    let world = World::create().await;
    let start = async |redirect_uri: &str| {
        let start = json!({ "provider": "corp", "redirect_uri": redirect_uri });
        world.server.post("/api/auth/oidc/start", &start).send().await
    };
    for wrong in [
        "",
        "https://evil.example.com/callback",
        "https://app.example.com/callback/",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/callback#x",
        "https://app.example.com:8443/callback",
        "https://app.example.com@evil.example.com/callback",
        "http://app.example.com/callback",
        "HTTPS://app.example.com/callback",
        "http://127.0.0.1:8080/other",
        "http://127.0.0.1:8080/callback?x=1",
        "http://x@127.0.0.1:8080/callback",
        "http://127.0.0.2:8080/callback",
        "http://127.1:8080/callback",
        "https://127.0.0.1:8080/callback",
        "http://localhost:8080/callback",
    ] {
        let reply = start(wrong).await;
        assert_eq!(refused(&reply), (422, "validation_failed".to_owned()), "{wrong}");
        assert_eq!(reply.json()["errors"][0]["field"], "redirect_uri", "{wrong}");
    }
    for right in [CALLBACK, "http://127.0.0.1/callback", "http://127.0.0.1:51004/callback"] {
        let started = Started::of(&start(right).await);
        let back = world.provider.sign_in(&started.page, &ada()).await;
        assert_refused(&world.finish(&finishing(&started, &back)).await, NOT_LINKED);
    }
    let unknown = json!({ "provider": "other", "redirect_uri": CALLBACK });
    let reply = world.server.post("/api/auth/oidc/start", &unknown).send().await;
    assert_eq!(refused(&reply), (422, "validation_failed".to_owned()));
    assert_eq!(reply.json()["errors"][0]["field"], "provider");
}

/// A5: beginning again and again without an end has to wait; who is signed in
/// takes theirs back.
#[tokio::test]
async fn a5_beginning_is_throttled() {
    let world = World::create().await;
    world.register(&ada()).await;
    for batch in 0..30 {
        for reply in join_all((0..10).map(|_| world.try_start())).await {
            assert_eq!(reply.status, 200, "{batch}");
        }
    }
    let reply = world.try_start().await;
    assert_refused(&reply, (429, "too_many_requests"));
    assert!(reply.header("retry-after").is_some());
    // Those who log in by a password are not held up by it.
    world.server.register("eve").await;
}

/// Disabled there: answered as a log-in is, and told.
#[tokio::test]
async fn a10_who_is_disabled_is_not_signed_in() {
    let world = World::create().await;
    let owner = world.server.register("owner").await;
    let bob = world.server.join(&owner, "bob", "member").await;
    let bobs = person("bob-at-corp", "bob@corp.example.com");
    assert_eq!(world.link(&bob, &bobs).await.status, 201);
    let disable = json!({ "disabled": true });
    let path = format!("/api/members/{}", bob.id);
    assert_eq!(
        world.server.call("PATCH", &path).json(&disable).by(&owner).send().await.status,
        200
    );
    let rows = world.rows().await;
    assert_refused(&world.sign_in(&bobs).await, (401, "invalid_credentials"));
    let there = json!({ "account_id": owner.account });
    assert_refused(&world.sign_in_with(&bobs, &there).await, (401, "invalid_credentials"));
    assert_eq!(world.rows().await, rows);
    assert_eq!(world.failures(&owner).await, vec![told("corp", "account"); 2]);
    let enable = json!({ "disabled": false });
    world.server.call("PATCH", &path).json(&enable).by(&owner).send().await;
    assert_eq!(world.sign_in(&bobs).await.status, 200);
    // P1: not to an account of others.
    let eve = world.server.register("eve").await;
    let theirs = json!({ "account_id": eve.account });
    assert_refused(&world.sign_in_with(&bobs, &theirs).await, (401, "invalid_credentials"));
}
