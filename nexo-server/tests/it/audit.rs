//! The audit log over HTTP.

use serde_json::{Value, json};

use crate::harness::TestServer;

/// Whoever reads finds the request that it was, and what changed.
#[tokio::test]
async fn a_change_is_found_with_its_request() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let create = server.post("/api/clients", &json!({ "name": "Acme" })).by(&ada);
    let made = create.header("x-request-id", "make-7").header("user-agent", "curl/8").send().await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/clients/{id}");
    let patch = server.call("PATCH", &path).by(&ada).json(&json!({ "name": "Acme Ltd" }));
    assert_eq!(patch.send().await.status, 200);
    assert_eq!(server.call("DELETE", &path).by(&ada).send().await.status, 204);

    let history = server.get(&format!("{path}/history?limit=2")).by(&ada).send().await.json();
    let actions: Vec<&str> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["delete", "update"]);
    assert_eq!(history["data"][1]["before"], json!({ "name": "Acme" }));
    assert_eq!(history["data"][1]["after"], json!({ "name": "Acme Ltd" }));
    let next = format!("{path}/history?cursor={}", history["next_cursor"].as_str().unwrap());
    let first = server.get(&next).by(&ada).send().await.json();
    let [created] = &first["data"].as_array().unwrap()[..] else { panic!("{first}") };
    assert_eq!(first["next_cursor"], Value::Null);
    for (member, expected) in [
        ("action", "create"),
        ("subject", "clients"),
        ("record_id", &id),
        ("user_id", &ada.id),
        ("user_name", "ada"),
        ("request_id", "make-7"),
        ("user_agent", "curl/8"),
        ("ip", "127.0.0.1"),
    ] {
        assert_eq!(created[member], expected, "{member}");
    }

    let query = format!("/api/audit?subject=clients&action=create&user_id={}", ada.id);
    let found = server.get(&query).by(&ada).send().await.json();
    assert_eq!(found["data"], json!([created]));
}

/// Bad input is refused by name, and reaches no other account.
#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    for (query, told) in [
        ("account_id=7", "unknown parameter"),
        ("user_id=7", "user_id must be an id"),
        ("action=steal", "action must be one of: create update"),
        ("from=yesterday", "from must be a time"),
        ("limit=0", "limit must be a number from 1 to 200"),
        ("limit=%2B5", "limit must be a number from 1 to 200"),
        ("limit=5&limit=6", "the parameter limit is given twice"),
        ("cursor=7", "cursor must be an id"),
        ("subject=a%00b", "subject must be text"),
    ] {
        let refused = server.get(&format!("/api/audit?{query}")).by(&ada).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid_query"), "{query}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{query}: {detail}");
    }
    let all = server.get(&format!("/api/audit?user_id={}", ada.id)).by(&eve).send().await;
    assert_eq!((all.status, all.json()["data"].clone()), (200, json!([])));
    let own = server.get("/api/audit").by(&eve).send().await.json();
    assert!(own["data"].as_array().unwrap().iter().all(|entry| entry["user_id"] == eve.id));
}

/// Reports as JSON and as files.
#[tokio::test]
async fn reports_are_told_and_downloaded() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let bob = server.join(&ada, "bob", "viewer").await;
    let made = server.post("/api/clients", &json!({ "name": "Acme" })).by(&ada).send().await.json();
    let path = format!("/api/clients/{}/access", made["id"].as_str().unwrap());
    let access = server.get(&path).by(&ada).send().await.json();
    let who: Vec<&Value> =
        access["data"].as_array().unwrap().iter().map(|it| &it["user_id"]).collect();
    assert_eq!(who.len(), 2);
    assert!(who.contains(&&json!(ada.id)) && who.contains(&&json!(bob.id)), "{access}");
    assert_eq!(server.get(&path).by(&bob).send().await.status, 403);

    for (path, name, line) in [
        (format!("{path}?format=csv"), "access.csv", "bob"),
        ("/api/audit/export?topic=permissions".to_owned(), "audit.csv", "create,members"),
    ] {
        let file = server.get(&path).by(&ada).send().await;
        assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        assert!(file.header("content-disposition").unwrap().contains(name), "{path}");
        let text = String::from_utf8(file.body.clone()).unwrap();
        assert!(text.contains(line), "{text}");
    }
    for query in ["format=pdf", "format=csv&format=csv", "limit=1"] {
        for path in ["/api/audit/export", &*path] {
            let refused = server.get(&format!("{path}?{query}")).by(&ada).send().await;
            assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid_query"));
        }
    }
    let refused = server.get("/api/audit?topic=secrets").by(&ada).send().await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("permissions"), "it names them");
}
