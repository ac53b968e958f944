//! More at a time than a server takes. What needs handlers of the tests' own is beside
//! the listener, in `src/server/tests/in_flight.rs`.

use nexo_server::{HttpConfig, TrafficLimits};

use crate::harness::TestServer;
use crate::process::eventually;

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_costs_anything() {
    let traffic = TrafficLimits { max_in_flight: Some(2), ..TrafficLimits::off() };
    let config = HttpConfig { traffic, ..HttpConfig::default() };
    let (server, counters) = TestServer::limited(config).await;
    let ada = server.register("ada").await;

    // Two whose bodies do not come.
    let head = "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 2\r\n\r\n";
    let mut slow = [server.wire().await, server.wire().await];
    for wire in &mut slow {
        wire.send(head).await;
    }
    eventually("both are in flight", || counters.in_flight() == 2).await;

    // Good tokens, bad ones and none are not even looked at.
    for token in [ada.token.as_str(), "nonsense"] {
        let reply = server.get("/api/clients").bearer(token).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "overloaded"));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    let mut wire = server.wire().await;
    wire.send(head).await;
    assert_eq!(wire.reply().await.problem(), "overloaded");
    assert_eq!((counters.shed(), counters.in_flight()), (3, 2));
    for path in ["/health", "/ready", "/.well-known/jwks.json"] {
        assert_eq!(server.get(path).send().await.status, 200, "{path}");
    }

    for wire in &mut slow {
        wire.send("{}").await;
        assert_eq!(wire.reply().await.problem(), "invalid_body");
    }
    assert_eq!(counters.in_flight(), 0);
    assert_eq!(server.get("/api/clients").by(&ada).send().await.status, 200);
}
