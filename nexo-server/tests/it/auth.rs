//! `/api/auth/*`.

use nexo_core::testing::PASSWORD;
use serde_json::json;

use crate::harness::{TestServer, User, assert_snapshot};

#[tokio::test]
async fn registering_answers_with_tokens() {
    let server = TestServer::start().await;
    let request = json!({
        "email": " Ada@Example.com ", "password": PASSWORD, "name": "Ada", "account_name": "Engines",
    });
    assert_snapshot(
        &server.post("/api/auth/register", &request).send().await,
        r#"
        201
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "access_token": "[token]",
          "account": {
            "id": "[id]",
            "name": "Engines"
          },
          "expires_in": 600,
          "permissions": "[all]",
          "refresh_token": "[token]",
          "role": "owner",
          "token_type": "Bearer",
          "user": {
            "created_at": "[time]",
            "email": "ada@example.com",
            "email_verified_at": null,
            "id": "[id]",
            "name": "Ada"
          }
        }
        "#,
    );
    assert_snapshot(
        &server.post("/api/auth/register", &request).send().await,
        r#"
        409
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/problem+json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "code": "email_taken",
          "detail": "the e-mail address is registered already; log in instead",
          "instance": "/api/auth/register",
          "request_id": "[id]",
          "status": 409,
          "timestamp": "[time]",
          "title": "E-mail address taken",
          "type": "urn:nexo:error:email_taken"
        }
        "#,
    );
    assert_eq!(server.rows("nexo.users").await, 1);
    assert_eq!(server.rows("nexo.accounts").await, 1);
}

#[tokio::test]
async fn logging_in_with_a_wrong_password_or_address_says_the_same() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let login = |email: &str, password: &str| {
        server.post("/api/auth/login", &json!({ "email": email, "password": password })).send()
    };
    let good = login("ADA@example.com", PASSWORD).await;
    assert_eq!((good.status, &good.json()["user"]["email"]), (200, &user.email.into()));

    let wrong = login("ada@example.com", "not this one, but another").await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (401, "invalid_credentials"));
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", "\0"),
        ("\0", ""),
    ] {
        let other = login(email, password).await;
        assert_eq!(other.snapshot(), wrong.snapshot(), "{email:?} {password:?}");
    }
}

#[tokio::test]
async fn refreshing_rotates() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let refresh =
        |token: &str| server.post("/api/auth/refresh", &json!({ "refresh_token": token })).send();
    let reply = refresh(&user.refresh_token).await;
    assert_eq!(reply.status, 200);
    let newer = User::of(user.email.clone(), &reply);
    assert_ne!(newer.refresh_token, user.refresh_token);
    assert_eq!(server.get("/api/auth/profile").by(&newer).send().await.status, 200);

    let newest = User::of(user.email.clone(), &refresh(&newer.refresh_token).await);
    // The last but one comes again: somebody else has it too, so all is over.
    let reused = refresh(&user.refresh_token).await;
    assert_eq!((reused.status, reused.problem().as_str()), (401, "invalid_refresh_token"));
    let after = server.get("/api/auth/profile").by(&newest).send().await;
    assert_eq!((after.status, after.problem().as_str()), (401, "session_ended"));
    assert_eq!(after.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));

    for token in ["", "x", &user.token, &"x".repeat(10_000), "nxr_\0", "nxr_é"] {
        let refused = refresh(token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid_refresh_token"));
    }
}

#[tokio::test]
async fn logging_out_takes_effect_at_once() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let login = json!({ "email": user.email, "password": PASSWORD });
    let log_in = || server.post("/api/auth/login", &login).send();
    let here = User::of(user.email.clone(), &log_in().await);
    let there = User::of(user.email.clone(), &log_in().await);

    let reply = server.call("POST", "/api/auth/logout").by(&here).send().await;
    assert_eq!((reply.status, reply.body.len(), reply.header("content-type")), (204, 0, None));
    let ended = server.get("/api/clients").by(&here).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    let refresh = json!({ "refresh_token": here.refresh_token });
    let refused = server.post("/api/auth/refresh", &refresh).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid_refresh_token"));
    assert_eq!(server.get("/api/clients").by(&there).send().await.status, 200);

    assert_eq!(server.call("POST", "/api/auth/logout-all").by(&there).send().await.status, 204);
    for session in [&user, &there] {
        let ended = server.get("/api/auth/profile").by(session).send().await;
        assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    }
}

#[tokio::test]
async fn a_revoked_session_writes_nothing() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    assert_eq!(server.call("POST", "/api/auth/logout").by(&user).send().await.status, 204);
    let create = server.post("/api/clients", &json!({ "name": "Babbage" })).by(&user).send().await;
    assert_eq!((create.status, create.problem().as_str()), (401, "session_ended"));
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn the_profile_is_read_and_changed() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let profile = || server.get("/api/auth/profile").by(&user);
    assert_snapshot(
        &profile().send().await,
        r#"
        200
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "account": {
            "id": "[id]",
            "name": "Engines"
          },
          "permissions": "[all]",
          "role": "owner",
          "user": {
            "created_at": "[time]",
            "email": "ada@example.com",
            "email_verified_at": null,
            "id": "[id]",
            "name": "ada"
          }
        }
        "#,
    );
    let patch = |body| server.call("PATCH", "/api/auth/profile").by(&user).json(&body).send();
    let changed = patch(json!({ "name": "Ada Lovelace" })).await;
    assert_eq!((changed.status, &changed.json()["user"]["name"]), (200, &"Ada Lovelace".into()));
    assert_eq!(profile().send().await.json(), changed.json());

    // P3: nobody promotes or moves themselves.
    for body in [
        json!({ "email": "eve@example.com" }),
        json!({ "id": uuid::Uuid::now_v7() }),
        json!({ "account_id": uuid::Uuid::now_v7() }),
        json!({ "password_hash": "x" }),
        json!({ "role": "owner" }),
    ] {
        let refused = patch(body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid_body"));
    }
    let cleared = patch(json!({ "name": null })).await;
    assert_eq!((cleared.status, cleared.problem().as_str()), (422, "validation_failed"));
    assert_eq!(profile().send().await.json(), changed.json());
}

#[tokio::test]
async fn changing_the_password_ends_other_sessions() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let login = |password: &str| {
        server.post("/api/auth/login", &json!({ "email": "ada@example.com", "password": password }))
    };
    let other = User::of(user.email.clone(), &login(PASSWORD).send().await);
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        server.post("/api/auth/password", &body).by(&user)
    };
    let new = "nine teal badgers whistle";
    let wrong = change("not the current one", new).send().await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (422, "validation_failed"));
    assert_eq!(wrong.json()["errors"][0]["field"], "current_password");
    let weak = change(PASSWORD, "short").send().await;
    assert_eq!((weak.status, weak.problem().as_str()), (422, "validation_failed"));
    assert_eq!(weak.json()["errors"][0]["field"], "new_password");

    assert_eq!(change(PASSWORD, new).send().await.status, 204);
    assert_eq!(server.get("/api/auth/profile").by(&user).send().await.status, 200);
    let ended = server.get("/api/auth/profile").by(&other).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    assert_eq!(login(PASSWORD).send().await.status, 401);
    assert_eq!(login(new).send().await.status, 200);
}

/// The second factor over HTTP, and what is told where it is missing or wrong.
#[tokio::test]
async fn a_second_factor_is_set_up_and_asked_for() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let path = "/api/auth/second-factor";
    let off = server.get(path).by(&ada).send().await.json();
    assert_eq!(off, json!({ "enabled_at": null, "recovery_codes_left": 0 }));
    let wrong = server.post(path, &json!({ "password": "x" })).by(&ada).send().await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (422, "validation_failed"));
    let begun = server.post(path, &json!({ "password": PASSWORD })).by(&ada).send().await;
    assert_eq!(begun.status, 201);
    assert!(begun.json()["uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let guess = json!({ "code": "x" });
    let confirm = server.post(&format!("{path}/confirm"), &guess).by(&ada).send().await;
    assert_eq!((confirm.status, confirm.problem().as_str()), (401, "invalid_code"));
    let on = "update nexo.users set second_factor_at = now()";
    server.database.superuser().await.batch_execute(on).await.unwrap();
    let login = json!({ "email": ada.email, "password": PASSWORD });
    let refused = server.post("/api/auth/login", &login).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "second_factor_required"));
    let guess = json!({ "email": ada.email, "password": PASSWORD, "code": "000000" });
    let refused = server.post("/api/auth/login", &guess).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid_code"));
    for action in ["remove", "recovery-codes"] {
        let proof = json!({ "password": PASSWORD, "code": "000000" });
        let refused = server.post(&format!("{path}/{action}"), &proof).by(&ada).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid_code"));
    }
    assert_eq!(server.get("/api/clients").by(&ada).send().await.status, 200, "her session goes on");
}
