//! Well-formed input with values that cannot be: refused by name, and nothing
//! stored.

use serde_json::{Value, json};

use crate::harness::{TestServer, User, assert_snapshot};

#[tokio::test]
async fn values_that_the_model_refuses() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let long = "x".repeat(10_001);
    for (body, field, code) in [
        (json!({ "name": "" }), "name", "required"),
        (json!({ "name": " \u{a0}\t" }), "name", "required"),
        (json!({ "name": "x".repeat(201) }), "name", "too_long"),
        (json!({ "name": "a\0b" }), "name", "invalid_character"),
        (json!({ "name": "a", "email": "nobody" }), "email", "invalid_format"),
        (json!({ "name": "a", "email": "a@b@c" }), "email", "invalid_format"),
        (json!({ "name": "a", "email": "a\r\nBcc: x@y.z" }), "email", "invalid_format"),
        (json!({ "name": "a", "phone": "call me" }), "phone", "invalid_format"),
        (json!({ "name": "a", "website": "javascript:alert(1)" }), "website", "invalid_format"),
        (json!({ "name": "a", "website": "ftp://a" }), "website", "invalid_format"),
        (json!({ "name": "a", "address": "x".repeat(501) }), "address", "too_long"),
        (json!({ "name": "a", "notes": long }), "notes", "too_long"),
        (json!({ "name": "a", "notes": "\0" }), "notes", "invalid_character"),
        (json!({ "name": "a", "tags": vec!["t"; 51] }), "tags", "too_many"),
        (json!({ "name": "a", "tags": ["a", "a"] }), "tags[1]", "duplicate"),
        (json!({ "name": "a", "tags": [""] }), "tags[0]", "required"),
        (json!({ "name": "a", "tags": ["\0"] }), "tags[0]", "invalid_character"),
    ] {
        let reply = server.post("/api/clients", &body).by(&user).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (422, "validation_failed"), "{field}");
        let errors = &reply.json()["errors"];
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&field.into(), &code.into()));
    }
    let several = json!({ "name": "", "email": "nobody", "tags": ["a", "a"] });
    assert_snapshot(
        &server.post("/api/clients", &several).by(&user).send().await,
        r#"
        422
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/problem+json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "code": "validation_failed",
          "detail": "3 fields were refused",
          "errors": [
            {
              "code": "required",
              "field": "name",
              "message": "must not be empty"
            },
            {
              "code": "invalid_format",
              "field": "email",
              "message": "must be an e-mail address"
            },
            {
              "code": "duplicate",
              "field": "tags[1]",
              "message": "stands twice"
            }
          ],
          "instance": "/api/clients",
          "request_id": "[id]",
          "status": 422,
          "timestamp": "[time]",
          "title": "Validation failed",
          "type": "urn:nexo:error:validation_failed"
        }
        "#,
    );
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn registrations_that_cannot_be() {
    let server = TestServer::start().await;
    let good = json!({
        "email": "ada@example.com", "password": "seven mauve otters juggle",
        "name": "Ada", "account_name": "Engines",
    });
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    for (member, value) in [
        ("email", json!("ada")),
        ("email", json!("ada@example.com\0")),
        ("email", json!("x".repeat(300))),
        ("password", json!("")),
        ("password", json!("short")),
        ("password", json!("aaaaaaaaaaaaaaaaaaaa")),
        ("name", json!("")),
        ("name", json!("a\0")),
        ("account_name", json!(" ")),
        ("account_name", json!("x".repeat(201))),
    ] {
        let reply = server.post("/api/auth/register", &with(member, value)).send().await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (422, "validation_failed"),
            "{member}"
        );
        assert_eq!(reply.json()["errors"][0]["field"], member);
    }
    for (member, value) in [
        ("email", Value::Null),
        ("password", json!(123_456_789_012_345_u64)),
        ("role", json!("owner")),
        ("account_id", json!(uuid::Uuid::now_v7())),
        ("password_hash", json!("x")),
    ] {
        let reply = server.post("/api/auth/register", &with(member, value)).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid_body"), "{member}");
    }
    for path in ["/api/auth/register", "/api/auth/login", "/api/auth/refresh"] {
        let reply = server.post(path, &json!({})).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid_body"), "{path}");
    }
    for table in ["nexo.users", "nexo.accounts", "nexo.sessions"] {
        assert_eq!(server.rows(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn queries_and_cursors() {
    let server = TestServer::start().await;
    let (user, other) = (server.register("ada").await, server.register("eve").await);
    for name in ["a", "b", "c"] {
        for owner in [&user, &other] {
            server.post("/api/clients", &json!({ "name": name })).by(owner).send().await;
        }
    }
    let list =
        |query: &str, user: &User| server.get(&format!("/api/clients?{query}")).by(user).send();
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=1.5",
        "limit=1&limit=2",
        "limit=18446744073709551616",
        "sort=",
        "sort=-",
        "sort=notes",
        "sort=name;drop%20table",
        "sort=account_id",
        "sort=name&sort=name",
        "offset=10",
        "page=2",
        "LIMIT=1",
        "limit[]=1",
        "q%00=1",
        "&=&",
        "cursor=a&cursor=b",
    ] {
        let reply = list(query, &user).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid_query"), "{query}");
    }
    let first = list("limit=1&sort=name", &user).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(list(&format!("limit=1&sort=name&cursor={cursor}"), &user).await.status, 200);
    let cut = &cursor[..cursor.len() - 1];
    let mut bad = vec![
        (String::new(), "sort=name"),
        ("x".to_owned(), "sort=name"),
        ("%00".to_owned(), "sort=name"),
        ("%ff".to_owned(), "sort=name"),
        ("../../etc/passwd".to_owned(), "sort=name"),
        ("0".repeat(5_000), "sort=name"),
        (cut.to_owned(), "sort=name"),
        (format!("{cursor}A"), "sort=name"),
        // Good, but of another order.
        (cursor.to_owned(), "sort=-name"),
        (cursor.to_owned(), "sort=created_at"),
        (cursor.to_owned(), ""),
    ];
    let foreign = list("limit=1&sort=name", &other).await.json();
    bad.push((foreign["next_cursor"].as_str().unwrap().to_owned(), "sort=name"));
    for (cursor, order) in bad {
        let reply = list(&format!("cursor={cursor}&{order}"), &user).await;
        let seen = (reply.status, reply.problem());
        assert_eq!(seen, (400, "invalid_cursor".to_owned()), "{cursor} {order}");
    }
}
