//! What holds for every request, whatever it asks for.

use nexo_core::testing::PASSWORD;
use nexo_server::HttpConfig;
use serde_json::json;

use crate::harness::{TestServer, assert_snapshot};

#[tokio::test]
async fn request_ids_come_back() {
    let server = TestServer::start().await;
    let given = server.get("/nothing").header("x-request-id", "trace.42_a-b").send().await;
    assert_eq!(given.header("x-request-id"), Some("trace.42_a-b"));
    assert_eq!(given.json()["request_id"], "trace.42_a-b");
    for odd in ["", "two words", "a/b", "<script>", &"x".repeat(65)] {
        let reply = server.get("/ready").header("x-request-id", odd).send().await;
        let id: uuid::Uuid = reply.header("x-request-id").unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let server = TestServer::start().await;
    assert_snapshot(
        &server.get("/api/cleints?q=secret").send().await,
        r#"
        404
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/problem+json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "code": "route_not_found",
          "detail": "there is nothing at this path",
          "instance": "/api/cleints",
          "request_id": "[id]",
          "status": 404,
          "timestamp": "[time]",
          "title": "Route not found",
          "type": "urn:nexo:error:route_not_found"
        }
        "#,
    );
    for path in [
        "/",
        "//",
        "/api",
        "/api/",
        "/api/clients/",
        "/api//clients",
        "/API/clients",
        "/api/clients/a/b",
        "/../etc/passwd",
        "/%2e%2e/",
        "/api/clients%2f",
        "/\u{e9}",
        "/health/",
        "/.env",
    ] {
        let reply = server.get(path).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (404, "route_not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_connection_carries_many_requests() {
    let server = TestServer::start().await;
    let mut wire = server.wire().await;
    let get = "GET /health HTTP/1.1\r\nhost: a\r\n\r\n";
    let missing = "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n";
    let head = "HEAD /health HTTP/1.1\r\nhost: a\r\n\r\n";
    wire.send(format!("{get}{missing}{head}{get}")).await;
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(wire.reply().await.status, 404);
    assert_eq!(wire.reply_to_head().await.status, 200);
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn a_body_is_asked_for_only_if_it_will_be_read() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let body = json!({ "name": "Babbage" }).to_string();
    let head = |token: &str| {
        format!(
            "POST /api/clients HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        )
    };
    let mut wire = server.wire().await;
    wire.send(head("nonsense")).await;
    assert_eq!(wire.reply().await.status, 401);

    let mut wire = server.wire().await;
    wire.send(head(&user.token)).await;
    wire.until_continue().await;
    wire.send(&body).await;
    assert_eq!(wire.reply().await.status, 201);
}

#[tokio::test]
async fn a_caller_that_breaks_off_leaves_nothing() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    for sent in [0, 1, 8] {
        let body = &r#"{"name":"Babbage"}"#[..sent];
        let mut wire = server.wire().await;
        wire.send(format!(
            "POST /api/clients HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 18\r\n\r\n{body}",
            user.token
        ))
        .await;
    }
    assert_eq!(server.get("/api/clients").by(&user).send().await.json()["data"], json!([]));
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_calls() {
    let seen = async |trusted: &[&str]| {
        let config = HttpConfig {
            trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            ..HttpConfig::default()
        };
        let server = TestServer::with(config).await;
        let body = json!({
            "email": "ada@example.com", "password": PASSWORD, "name": "Ada", "account_name": "A",
        });
        let reply = server
            .post("/api/auth/register", &body)
            .header("x-forwarded-for", "203.0.113.1, 198.51.100.7")
            .header("x-real-ip", "203.0.113.2")
            .header("forwarded", "for=203.0.113.3")
            .header("user-agent", "tests/1.0")
            .send()
            .await;
        assert_eq!(reply.status, 201);
        let sql = "select ip::text, user_agent from nexo.sessions";
        let row = server.database.superuser().await.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(1), "tests/1.0");
        row.get::<_, String>(0)
    };
    assert!(seen(&[]).await.starts_with("127.0.0.1"));
    assert!(seen(&["10.0.0.0/8"]).await.starts_with("127.0.0.1"));
    assert!(seen(&["127.0.0.0/8"]).await.starts_with("198.51.100.7"));
}
