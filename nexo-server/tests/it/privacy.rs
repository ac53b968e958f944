//! What is known of persons and of the user, over HTTP.

use nexo_core::testing::PASSWORD;
use serde_json::json;

use crate::harness::TestServer;

/// Both path forms tell all, and then forget it.
#[tokio::test]
async fn a_person_is_told_and_forgotten() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let (bob, eve) = (server.join(&ada, "bob", "manager").await, server.register("eve").await);
    let new =
        json!({ "name": "Grace Hopper", "email": "grace@example.com", "notes": "likes clocks" });
    let create = server.post("/api/clients", &new).by(&ada).header("idempotency-key", "k1");
    let made = create.send().await.json();
    let id = made["id"].as_str().unwrap();
    for path in ["/api/crm/clients", "/api/clients"] {
        let told = server.get(&format!("{path}/{id}/personal-data")).by(&ada).send().await;
        assert_eq!((told.status, told.header("cache-control")), (200, Some("no-store")), "{path}");
        let told = told.json();
        assert_eq!((&told["record"], &told["is_complete"]), (&made, &json!(true)));
        assert_eq!(told["answers"][0]["records"], json!([made]));
        assert_eq!(told["history"][0]["after"]["notes"], "likes clocks");
        let refused = server.get(&format!("{path}/{id}/personal-data")).by(&bob).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
        let refused =
            server.post(&format!("{path}/{id}/erase"), &json!({ "confirm": "Grace Hopper" }));
        assert_eq!(refused.by(&bob).send().await.status, 403);
        let foreign =
            server.post(&format!("{path}/{id}/erase"), &json!({ "confirm": "Grace Hopper" }));
        assert_eq!(foreign.by(&eve).send().await.status, 404);
    }
    let path = format!("/api/clients/{id}/erase");
    for (body, status) in [
        (json!({}), 400),
        (json!({ "confirm": "Grace" }), 422),
        (json!({ "confirm": "" }), 422),
        (json!({ "confirm": "Grace Hopper", "reason": "x".repeat(501) }), 422),
        (json!({ "confirm": "Grace Hopper", "account_id": ada.account }), 400),
    ] {
        let refused = server.post(&path, &body).by(&ada).send().await;
        assert_eq!(refused.status, status, "{body}: {}", refused.json());
    }
    for entries in [2, 0] {
        let erased =
            server.post(&path, &json!({ "confirm": "Grace Hopper" })).by(&ada).send().await;
        assert_eq!(erased.status, 200, "{}", erased.json());
        assert_eq!(
            (&erased.json()["entries"], &erased.json()["record"]["name"]),
            (&json!(entries), &json!("Erased client"))
        );
    }
    let again =
        server.post("/api/clients", &new).by(&ada).header("idempotency-key", "k1").send().await;
    assert_eq!((again.status, again.problem().as_str()), (409, "conflict"));
    let history = server.get(&format!("/api/clients/{id}/history")).by(&ada).send().await.json();
    assert_eq!(history["data"][0]["action"], "erase");
    assert!(!history.to_string().contains("Grace"), "{history}");
    assert_eq!(history["data"][1]["erased_by"], history["data"][0]["id"]);
    // Departments, projects and tasks are about no person.
    for collection in ["departments", "projects", "tasks"] {
        let missing =
            server.get(&format!("/api/{collection}/{id}/personal-data")).by(&ada).send().await;
        assert_eq!((missing.status, missing.problem().as_str()), (404, "route_not_found"));
    }
}

/// A user is told what is known of them, and goes; the last owner does not.
#[tokio::test]
async fn a_user_is_told_and_goes() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let bob = server.join(&ada, "bob", "member").await;
    let told = server.get("/api/auth/profile/personal-data").by(&bob).send().await.json();
    assert_eq!(
        (&told["user"]["email"], &told["memberships"][0]["role"]),
        (&json!(bob.email), &json!("member"))
    );
    assert_eq!(told["sessions"].as_array().unwrap().len(), 1);

    let delete = |user, body| server.call("DELETE", "/api/auth/profile").by(user).json(&body);
    let refused = delete(&ada, json!({ "password": PASSWORD })).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    assert!(refused.json()["detail"].as_str().unwrap().starts_with("Engines has no other owner"));
    let refused = delete(&bob, json!({ "password": "not the pass phrase" })).send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "validation_failed"));
    assert_eq!(delete(&bob, json!({})).send().await.status, 400);
    assert_eq!(delete(&bob, json!({ "password": PASSWORD })).send().await.status, 204);
    let ended = server.get("/api/auth/profile").by(&bob).send().await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    let members = server.get("/api/members").by(&ada).send().await.json();
    assert_eq!(members["data"].as_array().unwrap().len(), 1);
    let log = server.get("/api/audit").by(&ada).send().await.json();
    assert!(!log.to_string().contains(&bob.email) && log.to_string().contains(&bob.id), "{log}");
}

/// How long the audit log is kept.
#[tokio::test]
async fn how_long_the_log_is_kept_is_a_setting() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let patch = |body| server.call("PATCH", "/api/settings").by(&ada).json(&body);
    let set = patch(json!({ "audit_retention_days": 365 })).send().await;
    assert_eq!((set.status, &set.json()["audit_retention_days"]), (200, &json!(365)));
    let kept = patch(json!({ "second_factor_required": false })).send().await;
    assert_eq!(kept.json()["audit_retention_days"], 365);
    for days in [json!(29), json!(-1), json!(36_501)] {
        let refused = patch(json!({ "audit_retention_days": days })).send().await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["field"]),
            (422, &json!("audit_retention_days"))
        );
    }
    assert_eq!(patch(json!({ "audit_retention_days": "30" })).send().await.status, 400);
    let cleared = patch(json!({ "audit_retention_days": null })).send().await;
    assert_eq!(cleared.json()["audit_retention_days"], json!(null));
}
