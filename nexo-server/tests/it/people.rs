//! Roles, members and invitations over HTTP.

use serde_json::json;

use crate::harness::{TestServer, User};

#[tokio::test]
async fn a_role_is_made_given_changed_and_felt_at_once() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let role = json!({
        "name": "Sales", "permissions": ["client:delete"], "inherits": ["viewer"],
    });
    let made =
        server.post("/api/roles", &role).by(&ada).header("idempotency-key", "k1").send().await;
    let sales = made.json();
    let path = format!("/api/roles/{}", sales["id"].as_str().unwrap());
    assert_eq!((made.status, made.header("location")), (201, Some(path.as_str())));
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(sales["permissions"], json!(["client:read", "client:delete"]));
    assert_eq!(sales["inherits"], json!(["viewer"]));
    let again =
        server.post("/api/roles", &role).by(&ada).header("idempotency-key", "k1").send().await;
    assert_eq!((again.json(), again.header("idempotency-replayed")), (sales.clone(), Some("true")));

    let bob = server.join(&ada, "bob", sales["id"].as_str().unwrap()).await;
    let create = json!({ "name": "Babbage" });
    let refused = server.post("/api/clients", &create).by(&bob).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
    assert_eq!(refused.json()["detail"], "your role does not permit it: client:write");
    assert_eq!(server.rows("nexo.clients").await, 0);

    let more = json!({ "permissions": ["client:write"] });
    let patch = server.call("PATCH", &path).by(&ada).header("if-match", "\"1\"").json(&more);
    assert_eq!(patch.send().await.status, 200);
    let patch = server.call("PATCH", &path).by(&ada).header("if-match", "\"1\"").json(&more);
    assert_eq!(patch.send().await.problem(), "version_conflict");
    let stale = server.get("/api/clients").by(&bob).send().await;
    assert_eq!((stale.status, stale.problem().as_str()), (401, "permissions_changed"));
    assert_eq!(stale.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let refresh = json!({ "refresh_token": bob.refresh_token });
    let bob = User::of(bob.email.clone(), &server.post("/api/auth/refresh", &refresh).send().await);
    assert_eq!(server.post("/api/clients", &create).by(&bob).send().await.status, 201);

    let in_use = server.call("DELETE", &path).by(&ada).send().await;
    assert_eq!((in_use.status, in_use.problem().as_str()), (409, "in_use"));
    let member = format!("/api/members/{}", bob.id);
    let changed = server.call("PATCH", &member).by(&ada).json(&json!({ "role": "viewer" }));
    assert_eq!(changed.send().await.json()["role"], "viewer");
    assert_eq!(server.call("DELETE", &path).by(&ada).send().await.status, 204);
    assert_eq!(server.call("DELETE", &member).by(&ada).send().await.status, 204);
    let ended = server.get("/api/clients").by(&bob).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
}

/// P3, P5: what nobody may name is refused with the field, and so is what is
/// beyond the caller.
#[tokio::test]
async fn what_is_wrong_or_beyond_is_refused_by_name() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let boss = server.join(&ada, "boss", "admin").await;
    let me = format!("/api/members/{}", ada.id);
    for (method, path, body, status, code) in [
        (
            "POST",
            "/api/roles",
            json!({ "name": "x", "permissions": ["client:fly"] }),
            400,
            "invalid_body",
        ),
        (
            "POST",
            "/api/roles",
            json!({ "name": "x", "effective": ["client:read"] }),
            400,
            "invalid_body",
        ),
        ("POST", "/api/roles", json!({ "name": "x", "inherits": ["boss"] }), 400, "invalid_body"),
        ("POST", "/api/roles", json!({ "name": "Owner" }), 422, "validation_failed"),
        (
            "POST",
            "/api/roles",
            json!({ "name": "x", "inherits": ["viewer", "viewer"] }),
            422,
            "validation_failed",
        ),
        (
            "POST",
            "/api/roles",
            json!({ "name": "x", "permissions": ["account:admin"] }),
            403,
            "forbidden",
        ),
        (
            "POST",
            "/api/invitations",
            json!({ "email": "x", "role": "viewer" }),
            422,
            "validation_failed",
        ),
        (
            "POST",
            "/api/invitations",
            json!({ "email": "x@example.com", "role": "owner" }),
            403,
            "forbidden",
        ),
        ("PATCH", me.as_str(), json!({ "role": "viewer" }), 403, "forbidden"),
        ("PATCH", me.as_str(), json!({ "role": "viewer", "permissions": [] }), 400, "invalid_body"),
        ("DELETE", me.as_str(), json!(null), 403, "forbidden"),
    ] {
        let call = server.call(method, path).by(&boss);
        let call = if body.is_null() { call } else { call.json(&body) };
        let refused = call.send().await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (status, code),
            "{method} {path} {body}"
        );
    }
    let last = server.call("DELETE", &me).by(&ada).send().await;
    assert_eq!((last.status, last.problem().as_str()), (409, "conflict"));
    for query in ["?limit=0", "?limit=x", "?cursor=x", "?sort=name", "?limit=1&limit=2"] {
        let refused = server.get(&format!("/api/members{query}")).by(&ada).send().await;
        assert_eq!(refused.status, 400, "{query}");
    }
}
