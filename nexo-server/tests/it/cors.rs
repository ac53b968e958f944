//! Calls from pages of other origins.

use nexo_server::HttpConfig;

use crate::harness::TestServer;

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

#[tokio::test]
async fn without_configuration_no_origin_is_allowed() {
    let server = TestServer::start().await;
    let reply = server.get("/health").header("origin", "https://app.example.com").send().await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
}
