//! Bodies that nobody should send, over both protocols.

use std::time::Duration;

use nexo_server::HttpConfig;

use super::{Http2, Protocol, request, server, trusting};
use crate::harness::TestServer;

const JSON: &str = "application/json";

#[tokio::test]
async fn h6_bodies_that_are_no_clients() {
    let server = server().await;
    let user = server.register("ada").await;
    let deep =
        |depth| format!(r#"{{"name":"a","tags":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    for protocol in Protocol::ALL {
        for (name, body) in [
            ("empty", Vec::new()),
            ("no JSON", b"{".to_vec()),
            ("10,000 deep", deep(10_000).into()),
            ("never closed", "[".repeat(500_000).into()),
            ("1e400", br#"{"name":1e400}"#.to_vec()),
            ("a name twice", br#"{"name":"a","name":"b"}"#.to_vec()),
            ("no UTF-8", b"{\"name\":\"\xff\xfe\"}".to_vec()),
            ("half a pair", br#"{"name":"\ud800"}"#.to_vec()),
            ("an unknown name", br#"{"name":"a","role":"owner"}"#.to_vec()),
        ] {
            let call = server.call("POST", "/api/clients").by(&user).body(JSON, body);
            let reply = protocol.send(call).await;
            let seen = (reply.status, reply.problem());
            assert_eq!(seen, (400, "invalid_body".to_owned()), "{protocol:?} {name}");
            assert!(reply.body.len() < 1_000, "{protocol:?} {name}: the answer repeats the body");
        }
        let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(10 * 1024 * 1024));
        let call = server.call("POST", "/api/clients").by(&user).body(JSON, large);
        let reply = protocol.send(call).await;
        assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
        let nul = server.call("POST", "/api/clients").by(&user).body(JSON, r#"{"name":"\u0000"}"#);
        let reply = protocol.send(nul).await;
        assert_eq!((reply.status, reply.problem().as_str()), (422, "validation_failed"));
        let text = server.call("POST", "/api/clients").by(&user).body("text/plain", "{}");
        assert_eq!(protocol.send(text).await.problem(), "unsupported_media_type", "{protocol:?}");
    }
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn h3_bodies_that_are_too_large() {
    let server = server().await;
    let user = server.register("ada").await;
    let connection = Http2::connect(server.address).await;
    // Announced: refused before a byte of it was sent.
    let call = server.call("POST", "/api/clients").by(&user).header("content-type", JSON);
    let (_, head, _) = call.header("content-length", "1048577").into_parts();
    let (response, _stream) = connection.begin(request(&head), false).await.unwrap();
    let reply = super::read(response.await.unwrap()).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
    // Of no length that anybody told, and without an end.
    let call = server.call("POST", "/api/clients").by(&user).header("content-type", JSON);
    let (_, head, _) = call.into_parts();
    let (response, mut stream) = connection.begin(request(&head), false).await.unwrap();
    stream.send_data(vec![b' '; 1024 * 1024 + 1].into(), false).unwrap();
    let reply = super::read(response.await.unwrap()).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
    // The others of the connection are answered still, also with the largest body.
    let notes = "n".repeat(1024 * 1024 - r#"{"name":"a","notes":""}"#.len());
    let body = format!(r#"{{"name":"a","notes":"{notes}"}}"#);
    let call = server.call("POST", "/api/clients").by(&user).body(JSON, body);
    let reply = connection.call(call).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (422, "validation_failed"));
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn h2_bodies_that_stand_still() {
    let config = HttpConfig { body_timeout: Duration::from_millis(300), ..HttpConfig::default() };
    let server = TestServer::with(trusting(config)).await;
    let user = server.register("ada").await;
    let connection = Http2::connect(server.address).await;
    let call = server.call("POST", "/api/clients").by(&user).header("content-type", JSON);
    let (_, head, _) = call.into_parts();
    let (response, mut stream) = connection.begin(request(&head), false).await.unwrap();
    stream.send_data(br#"{"name":"#.as_slice().into(), false).unwrap();
    let reply = super::read(response.await.unwrap()).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (408, "request_timeout"));
    let reply = connection.call(server.get("/api/clients").by(&user)).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(server.rows("nexo.clients").await, 0);
}

/// Whoever breaks off has sent no request.
#[tokio::test]
async fn h1_a_body_that_breaks_off_is_none() {
    let server = server().await;
    let user = server.register("ada").await;
    let connection = Http2::connect(server.address).await;
    let call = server.call("POST", "/api/clients").by(&user).header("content-type", JSON);
    let (_, head, _) = call.into_parts();
    let (response, mut stream) = connection.begin(request(&head), false).await.unwrap();
    stream.send_data(br#"{"name":"a"}"#.as_slice().into(), false).unwrap();
    stream.send_reset(h2::Reason::CANCEL);
    assert!(response.await.is_err());
    let reply = connection.call(server.get("/api/clients").by(&user)).await.unwrap();
    assert_eq!((reply.status, reply.json()["data"].as_array().unwrap().len()), (200, 0));
    assert_eq!(server.rows("nexo.clients").await, 0);
}
