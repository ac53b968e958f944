//! API keys over HTTP, and members who are held out or leave.

use serde_json::{Value, json};

use crate::harness::{TestServer, User};

/// Makes a key, and gives its id and its secret.
async fn key(server: &TestServer, by: &User, permissions: &[&str]) -> (String, String) {
    let new = json!({ "name": "Web shop", "permissions": permissions });
    let made = server.post("/api/keys", &new).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.json());
    let text = |field: &str| made.json()[field].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(&*format!("/api/keys/{}", text("id"))));
    (text("id"), text("secret"))
}

#[tokio::test]
async fn a_key_stands_in_for_a_token_until_it_is_revoked() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let (id, secret) = key(&server, &ada, &["client:write"]).await;
    let create = json!({ "name": "Babbage" });
    let made = server.post("/api/clients", &create).bearer(&secret).send().await;
    assert_eq!((made.status, &made.json()["created_by"]), (201, &json!(ada.id)));
    let refused = server.get("/api/tasks").bearer(&secret).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
    for (method, path) in [("POST", "/api/keys"), ("POST", "/api/auth/logout-all")] {
        let call = server.call(method, path).bearer(&secret);
        let new = json!({ "name": "x", "permissions": ["client:read"] });
        let refused = if path == "/api/keys" { call.json(&new).send() } else { call.send() }.await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
        assert_eq!(refused.json()["detail"], "an API key cannot do this; log in");
    }

    let path = format!("/api/keys/{id}");
    let shown = server.get(&path).by(&ada).send().await.json();
    assert_eq!(shown["permissions"], json!(["client:read", "client:write"]));
    assert_eq!(shown["effective"], shown["permissions"]);
    assert_eq!((&shown["user_id"], &shown["name"]), (&json!(ada.id), &json!("Web shop")));
    assert!(shown["last_used_at"].is_string() && shown.get("secret").is_none(), "{shown}");
    let all = server.get("/api/keys").by(&ada).send().await.json();
    assert_eq!(all["data"], json!([shown]));

    assert_eq!(server.call("DELETE", &path).by(&ada).send().await.status, 204);
    for _ in 0..2 {
        let refused = server.post("/api/clients", &create).bearer(&secret).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthenticated"));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(server.rows("nexo.clients").await, 1);
    let told = server.get("/api/audit?subject=clients").by(&ada).send().await.json();
    assert_eq!(
        (&told["data"][0]["key_id"], &told["data"][0]["session_id"]),
        (&json!(id), &Value::Null)
    );
}

/// Of a key whose member may less, the first request says so and does nothing;
/// the next goes on with what is left.
#[tokio::test]
async fn a_key_follows_its_member() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let bob = server.join(&ada, "bob", "admin").await;
    let (_, secret) = key(&server, &bob, &["client:write", "task:read"]).await;
    assert_eq!(server.get("/api/clients").bearer(&secret).send().await.status, 200);
    let member = format!("/api/members/{}", bob.id);
    let down = json!({ "role": "viewer" });
    assert_eq!(server.call("PATCH", &member).by(&ada).json(&down).send().await.status, 200);
    let create = json!({ "name": "Babbage" });
    let stale = server.post("/api/clients", &create).bearer(&secret).send().await;
    assert_eq!((stale.status, stale.problem().as_str()), (401, "permissions_changed"));
    assert_eq!(
        stale.json()["detail"],
        "what the API key may do has changed; send the request again"
    );
    let refused = server.post("/api/clients", &create).bearer(&secret).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
    assert_eq!(server.get("/api/tasks").bearer(&secret).send().await.status, 200);
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_by_name() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let boss = server.join(&ada, "boss", "admin").await;
    let reads = json!(["client:read"]);
    for (body, status, code) in [
        (json!({ "name": "x" }), 400, "invalid_body"),
        (json!({ "name": "x", "permissions": ["client:fly"] }), 400, "invalid_body"),
        (json!({ "name": "x", "permissions": reads, "user_id": ada.id }), 400, "invalid_body"),
        (json!({ "name": "x", "permissions": reads, "token_hash": "x" }), 400, "invalid_body"),
        (json!({ "name": "", "permissions": reads }), 422, "validation_failed"),
        (json!({ "name": "x", "permissions": [] }), 422, "validation_failed"),
        (json!({ "name": "x", "permissions": ["key:manage"] }), 422, "validation_failed"),
        (
            json!({ "name": "x", "permissions": reads, "expires_at": "2020-01-01T00:00:00Z" }),
            422,
            "validation_failed",
        ),
        (json!({ "name": "x", "permissions": ["account:admin"] }), 403, "forbidden"),
    ] {
        let refused = server.post("/api/keys", &body).by(&boss).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (status, code), "{body}");
    }
    assert_eq!(server.rows("nexo.api_keys").await, 0);
    for text in ["nxk_", "nxk_AAAA", &format!("nxk_{}", "A".repeat(64))] {
        let refused = server.get("/api/clients").bearer(text).send().await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (401, "unauthenticated"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_member_is_held_out_let_in_and_leaves() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let bob = server.join(&ada, "bob", "viewer").await;
    let member = format!("/api/members/{}", bob.id);
    let set = async |disabled: bool| {
        let patch = json!({ "disabled": disabled });
        server.call("PATCH", &member).by(&ada).json(&patch).send().await.json()
    };
    let held = set(true).await;
    assert!(held["disabled_at"].is_string() && held["permissions"] == json!([]), "{held}");
    assert_eq!(held["role"], "viewer");
    let ended = server.get("/api/clients").by(&bob).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    let login = json!({ "email": bob.email, "password": nexo_core::testing::PASSWORD });
    let refused = server.post("/api/auth/login", &login).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid_credentials"));
    assert_eq!(set(false).await["disabled_at"], Value::Null);
    let bob = User::of(bob.email, &server.post("/api/auth/login", &login).send().await);

    let last = server.call("POST", "/api/auth/leave").by(&ada).send().await;
    assert_eq!((last.status, last.problem().as_str()), (409, "conflict"));
    assert_eq!(server.call("POST", "/api/auth/leave").by(&bob).send().await.status, 204);
    let ended = server.get("/api/clients").by(&bob).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    assert_eq!(server.get(&member).by(&ada).send().await.status, 404);
}
