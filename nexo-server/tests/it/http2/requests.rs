//! Requests that are well-formed and nothing else, over both protocols.

use nexo_server::{HttpConfig, TrafficLimits};

use super::{Http2, Protocol, server, trusting};
use crate::harness::TestServer;
use crate::rate_limits::{PUBLIC, passed, quota};

#[tokio::test]
async fn j7_one_authorization_header_of_one_scheme() {
    let server = server().await;
    let user = server.register("ada").await;
    let profile = || server.get("/api/auth/profile");
    for protocol in Protocol::ALL {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let value = format!("{scheme} {}", user.token);
            let reply = protocol.send(profile().header("authorization", &value)).await;
            assert_eq!(reply.status, 200, "{protocol:?} {scheme}");
        }
        let mut refused = vec![
            profile(),
            profile().by(&user).by(&user),
            profile().bearer("x").by(&user),
            profile().by(&user).bearer("x"),
            profile().bearer(&"x".repeat(9_000)),
            profile().header("cookie", &format!("access_token={}", user.token)),
            server.get(&format!("/api/auth/profile?access_token={}", user.token)),
        ];
        for value in ["", "Bearer", "Bearer ", "Basic YWRhOng=", &user.token, "Bearer a b"] {
            refused.push(profile().header("authorization", value));
        }
        for call in refused {
            let reply = protocol.send(call).await;
            let seen = (reply.status, reply.problem());
            assert_eq!(seen, (401, "unauthenticated".to_owned()), "{protocol:?}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{protocol:?}");
        }
        let reply = protocol.send(profile().bearer(&"x".repeat(20_000))).await;
        assert_eq!((reply.status, reply.problem().as_str()), (431, "headers_too_large"));
        let twice = r#"{"email":"ada@example.com","email":"eve@example.com","password":"a"}"#;
        let call = server.call("POST", "/api/auth/login").body("application/json", twice);
        let reply = protocol.send(call).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid_body"));
    }
}

#[tokio::test]
async fn p8_a_fault_of_the_server_tells_nothing_but_its_request() {
    let server = server().await;
    let user = server.register("ada").await;
    // What the server takes for granted is not there.
    let superuser = server.database.superuser().await;
    superuser.batch_execute("alter table nexo.clients rename to gone").await.unwrap();
    for protocol in Protocol::ALL {
        let call = server.get("/api/clients").by(&user).header("x-request-id", "lost-1");
        let reply = protocol.send(call).await;
        assert_eq!((reply.status, reply.problem().as_str()), (500, "internal"), "{protocol:?}");
        assert_eq!(reply.json()["request_id"], "lost-1");
        let told = String::from_utf8(reply.body.clone()).unwrap();
        for inside in ["nexo.", "gone", "relation", "42P01", "SQL", "select", "panicked"] {
            assert!(!told.contains(inside), "{protocol:?}: {inside} in {told}");
        }
        // A name that could forge a line of the log is none.
        let call = server.get("/api/clients").by(&user).header("x-request-id", "a b\u{e9}");
        let reply = protocol.send(call).await;
        assert_eq!(reply.status, 500);
        let id: uuid::Uuid = reply.header("x-request-id").unwrap().parse().unwrap();
        assert_eq!(reply.json()["request_id"], id.to_string());
    }
}

/// Over one connection, as a proxy has them.
#[tokio::test]
async fn h4_exactly_100_of_250_requests_pass_whoever_brings_them() {
    let traffic = TrafficLimits { per_ip: quota("100/60s"), ..TrafficLimits::off() };
    let config = HttpConfig { traffic, ..HttpConfig::default() };
    let (server, _) = TestServer::limited(trusting(config)).await;
    let connection = Http2::connect(server.address).await;
    let flood = async |forwarded: &dyn Fn(usize) -> String| {
        let calls = (0..250).map(|number| {
            let call = server.get(PUBLIC).header("x-forwarded-for", &forwarded(number));
            connection.call(call)
        });
        let replies = futures_util::future::join_all(calls).await;
        passed(&replies.into_iter().map(Result::unwrap).collect::<Vec<_>>())
    };
    // What stands left of the proxy's own word was invented, and so was the rest.
    assert_eq!(flood(&|number| format!("198.51.100.{number}, 203.0.113.9")).await, 100);
    let call = server.get(PUBLIC).header("x-forwarded-for", "203.0.113.9");
    let call = call.header("forwarded", "for=192.0.2.1").header("x-real-ip", "192.0.2.1");
    let reply = connection.call(call).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (429, "too_many_requests"));
    assert!(reply.header("retry-after").is_some());
    // Another caller of the same connection has requests of their own.
    assert_eq!(flood(&|_| "203.0.113.10".to_owned()).await, 100);
    // All addresses of a /64 are one caller.
    assert_eq!(flood(&|number| format!("2001:db8::{number:x}")).await, 100);
}
