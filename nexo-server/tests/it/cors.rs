//! Calls from pages of other origins.

use nexo_server::HttpConfig;

use crate::contract::without_database;
use crate::harness::{Call, TestServer};

#[tokio::test]
async fn other_origins_are_allowed_one_by_one() {
    let origins = ["https://app.example.com", "http://localhost:3000"];
    let config = HttpConfig {
        cors_origins: origins.map(|origin| origin.parse().unwrap()).to_vec(),
        ..HttpConfig::default()
    };
    let server = TestServer::with(config).await;
    let user = server.register("ada").await;
    for origin in origins {
        let preflight = server
            .call("OPTIONS", "/api/clients")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type")
            .send()
            .await;
        assert_eq!(preflight.status, 204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
        assert_eq!(
            preflight.header("access-control-allow-methods"),
            Some("GET, HEAD, OPTIONS, POST")
        );
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains("authorization") && allowed.contains("content-type"));

        let get = server.get("/api/clients").by(&user).header("origin", origin).send().await;
        assert_eq!((get.status, get.header("access-control-allow-origin")), (200, Some(origin)));
        // A refusal is for the page to read, too.
        let refused = server.get("/api/clients").header("origin", origin).send().await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin));
    }
    for origin in [
        "https://evil.test",
        "null",
        "*",
        "https://app.example.com.evil.test",
        "https://APP.example.com",
        "http://app.example.com",
        "https://app.example.com:444",
    ] {
        for method in ["OPTIONS", "GET"] {
            let reply = server
                .call(method, "/api/clients")
                .by(&user)
                .header("origin", origin)
                .header("access-control-request-method", "GET")
                .send()
                .await;
            assert_eq!(reply.header("access-control-allow-origin"), None, "{method} {origin}");
            assert_eq!(reply.header("vary"), Some("origin"));
        }
    }
    for reply in [
        server.get("/health").header("origin", origins[0]).send().await,
        server.call("OPTIONS", "/health").header("origin", origins[0]).send().await,
    ] {
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}

/// What a page needs to call this server well, it can send and see; and nothing
/// goes by itself.
#[tokio::test]
async fn p7_pages_send_and_see_the_headers_of_the_interface() {
    let origin = "https://app.example.com";
    let config =
        HttpConfig { cors_origins: vec![origin.parse().unwrap()], ..HttpConfig::default() };
    let address = without_database(config).await;
    let list = |text: Option<&str>| -> Vec<String> {
        text.unwrap_or_default().split(", ").map(str::to_owned).collect()
    };
    let preflight = Call::to(address, "OPTIONS", "/api/clients/1")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .send()
        .await;
    assert_eq!(
        list(preflight.header("access-control-allow-headers")),
        [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "traceparent",
            "tracestate",
            "x-request-id",
        ]
    );
    assert_eq!(preflight.header("access-control-expose-headers"), None);
    assert_eq!(preflight.header("access-control-max-age"), Some("600"));
    let reply = Call::to(address, "GET", "/health").header("origin", origin).send().await;
    assert_eq!(
        list(reply.header("access-control-expose-headers")),
        [
            "allow",
            "content-disposition",
            "etag",
            "idempotency-replayed",
            "location",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "retry-after",
            "x-request-id",
        ]
    );
    for reply in [preflight, reply] {
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert_eq!(reply.header("vary"), Some("origin"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn without_configuration_no_origin_is_allowed() {
    let server = TestServer::start().await;
    let reply = server.get("/health").header("origin", "https://app.example.com").send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
}
