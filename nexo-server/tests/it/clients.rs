//! `/api/clients` and `/api/crm/clients`.

use serde_json::{Value, json};

use crate::harness::{TestServer, assert_snapshot};

#[tokio::test]
async fn the_life_of_a_client() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let created = server
        .post(
            "/api/crm/clients",
            &json!({
                "name": "Babbage & Sons", "kind": "company", "email": "Charles@Babbage.example",
                "phone": "+44 20 7946 0000", "website": "https://babbage.example",
                "address": "1 Dorset Street\nLondon", "status": "active",
                "tags": ["engines", "brass"], "notes": "Owes us a difference engine.",
            }),
        )
        .by(&user)
        .send()
        .await;
    assert_snapshot(
        &created,
        r#"
        201
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/json
        etag: "1"
        location: /api/crm/clients/[id]
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "address": "1 Dorset Street\nLondon",
          "archived_at": null,
          "created_at": "[time]",
          "created_by": "[id]",
          "email": "charles@babbage.example",
          "external_id": null,
          "id": "[id]",
          "kind": "company",
          "name": "Babbage & Sons",
          "notes": "Owes us a difference engine.",
          "owner_id": "[id]",
          "phone": "+44 20 7946 0000",
          "status": "active",
          "tags": [
            "engines",
            "brass"
          ],
          "updated_at": "[time]",
          "version": 1,
          "website": "https://babbage.example"
        }
        "#,
    );
    let location = created.header("location").unwrap().to_owned();
    let short = location.replace("/crm", "");
    let read = server.get(&location).by(&user).send().await;
    assert_eq!((read.status, read.header("etag")), (200, Some("\"1\"")));
    assert_eq!(read.json(), created.json());
    assert_eq!(server.get(&short).by(&user).send().await.json(), created.json());
    let list = server.get("/api/clients").by(&user).send().await;
    assert_eq!(list.json(), json!({ "data": [created.json()], "next_cursor": null }));

    let patch = json!({ "status": "inactive", "notes": null });
    let patched = server
        .call("PATCH", &short)
        .by(&user)
        .body("application/merge-patch+json", patch.to_string())
        .send()
        .await;
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")));
    let mut expected = created.json();
    for (member, value) in [
        ("status", json!("inactive")),
        ("notes", Value::Null),
        ("version", json!(2)),
        ("updated_at", patched.json()["updated_at"].clone()),
    ] {
        expected[member] = value;
    }
    assert_eq!(patched.json(), expected);

    let replaced = server.call("PUT", &short).by(&user).json(&json!({ "name": "Babbage" })).send();
    let replaced = replaced.await;
    assert_eq!((replaced.status, replaced.header("etag")), (200, Some("\"3\"")));
    assert_eq!((&replaced.json()["email"], &replaced.json()["tags"]), (&Value::Null, &json!([])));

    let deleted = server.call("DELETE", &short).by(&user).send().await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        let gone = server.call(method, &short).by(&user).send().await;
        assert_eq!((gone.status, gone.problem().as_str()), (404, "not_found"));
    }
}

#[tokio::test]
async fn a_version_that_has_passed_is_refused() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let created = server.post("/api/clients", &json!({ "name": "a" })).by(&user).send().await;
    let path = created.header("location").unwrap().to_owned();
    let put = |tag: &str, name: &str| {
        let call = server.call("PUT", &path).by(&user).header("if-match", tag);
        call.json(&json!({ "name": name })).send()
    };
    assert_eq!(put("\"1\"", "b").await.status, 200);
    assert_eq!(put("*", "c").await.status, 200);
    for stale in ["\"1\"", "\"4\"", "W/\"3\"", "\"abc\"", "\"\""] {
        let refused = put(stale, "never").await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (412, "version_conflict"),
            "{stale}"
        );
        let patch = server.call("PATCH", &path).by(&user).header("if-match", stale);
        assert_eq!(patch.json(&json!({ "name": "never" })).send().await.status, 412, "{stale}");
        let delete = server.call("DELETE", &path).by(&user).header("if-match", stale);
        assert_eq!(delete.send().await.status, 412, "{stale}");
    }
    for malformed in ["3", "\"3", "\"1\", \"3\"", ""] {
        let refused = put(malformed, "never").await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "bad_request"),
            "{malformed}"
        );
    }
    let missing = format!("/api/clients/{}", uuid::Uuid::now_v7());
    let delete = server.call("DELETE", &missing).by(&user).header("if-match", "\"1\"");
    assert_eq!(delete.send().await.status, 404);
    let kept = server.get(&path).by(&user).send().await;
    assert_eq!((&kept.json()["name"], &kept.json()["version"]), (&"c".into(), &3.into()));
}

#[tokio::test]
async fn an_unchanged_client_is_not_sent_again() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let created = server.post("/api/clients", &json!({ "name": "a" })).by(&user).send().await;
    let path = created.header("location").unwrap();
    let get = |tag: &str| server.get(path).by(&user).header("if-none-match", tag).send();
    let same = get("\"7\", \"1\"").await;
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some("\"1\"")));
    assert_eq!(get("\"2\"").await.status, 200);

    let head = server.call("HEAD", path).by(&user).send().await;
    let length = created.header("content-length");
    assert_eq!((head.status, head.header("content-length")), (200, length));
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    for name in ["d", "b", "e", "a", "c"] {
        let created = server.post("/api/clients", &json!({ "name": name })).by(&user).send().await;
        assert_eq!(created.status, 201);
    }
    let names = async |query: &str| {
        let (mut names, mut cursor) = (String::new(), None::<String>);
        loop {
            let cursor_query = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let path = format!("/api/clients?{query}{cursor_query}");
            let page = server.get(&path).by(&user).send().await;
            assert_eq!(page.status, 200, "{}", page.json());
            for client in page.json()["data"].as_array().unwrap() {
                names.push_str(client["name"].as_str().unwrap());
            }
            names.push('|');
            match page.json()["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break names,
            }
        }
    };
    assert_eq!(names("sort=name&limit=2").await, "ab|cd|e|");
    assert_eq!(names("limit=3&sort=-name").await, "edc|ba|");
    assert_eq!(names("sort=created_at").await, "dbeac|");
    assert_eq!(names("").await, "caebd|");
    assert_eq!(names("sort=name&limit=5").await, "abcde|");
}

#[tokio::test]
async fn any_text_comes_back_as_it_went() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let texts = [
        "O'Brien \"& <b>Sons</b>\" \\ %_; drop table x; --",
        "Ünïcödé 漢字 हिन्दी العربية עברית",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u{301} and \u{e9} stay apart",
        "\u{202e}right to left\u{202c}",
        "\u{feff}\u{200b}invisible",
        "line\r\nbreaks\tand tabs",
        "\u{10ffff}\u{fffd}\u{ffff}",
    ];
    for text in texts {
        let body = json!({ "name": text, "notes": text, "address": text, "tags": [text] });
        let created = server.post("/api/clients", &body).by(&user).send().await;
        assert_eq!(created.status, 201, "{text:?}: {}", created.json());
        let read = server.get(created.header("location").unwrap()).by(&user).send().await.json();
        for value in [&read["name"], &read["notes"], &read["address"], &read["tags"][0]] {
            assert_eq!(value, text);
        }
    }
    // Control characters only hurt whoever shows or exports the text.
    for text in ["nul\0", "soh\u{1}", "escape\u{1b}[2J", "delete\u{7f}", "c1\u{85}"] {
        let refused = server.post("/api/clients", &json!({ "name": text })).by(&user).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "validation_failed"));
    }
    // The same characters, written as escapes.
    let escaped = r#"{"name":"\ud83d\ude00 \u00e9"}"#;
    let created = server.call("POST", "/api/clients").by(&user).body("application/json", escaped);
    assert_eq!(created.send().await.json()["name"], "\u{1f600} \u{e9}");
}

#[tokio::test]
async fn what_the_server_decides_cannot_be_given() {
    let server = TestServer::start().await;
    let (user, other) = (server.register("ada").await, server.register("eve").await);
    let profile = server.get("/api/auth/profile").by(&other).send().await.json();
    let created = server.post("/api/clients", &json!({ "name": "a" })).by(&user).send().await;
    let path = created.header("location").unwrap().to_owned();
    for (member, value) in [
        ("id", json!(uuid::Uuid::now_v7())),
        ("account_id", profile["account"]["id"].clone()),
        ("created_by", profile["user"]["id"].clone()),
        ("created_at", json!("2000-01-01T00:00:00Z")),
        ("updated_at", json!("2000-01-01T00:00:00Z")),
        ("version", json!(99)),
        ("role", json!("owner")),
        ("owner", profile["user"]["id"].clone()),
        ("password_hash", json!("x")),
        ("__proto__", json!({})),
    ] {
        let mut body = json!({ "name": "b" });
        body[member] = value;
        for (method, path) in [("POST", "/api/clients"), ("PUT", &path), ("PATCH", &path)] {
            let refused = server.call(method, path).by(&user).json(&body).send().await;
            let seen = (refused.status, refused.problem());
            assert_eq!(seen, (400, "invalid_body".to_owned()), "{method} {member}");
        }
    }
    assert_eq!(server.rows("nexo.clients").await, 1);
    assert_eq!(server.get(&path).by(&user).send().await.json(), created.json());
}
