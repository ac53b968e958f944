//! Where a request ends: what servers in a row could read in two ways.

use crate::harness::TestServer;

/// Requests that servers disagree about where they end.
pub(crate) fn ambiguous() -> Vec<String> {
    let mut requests: Vec<String> = [
        ("content-length: 4\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ncontent-length: 4\r\n", "0\r\n\r\n"),
        ("content-length: 2\r\ncontent-length: 2\r\n", "{}"),
        ("content-length: 2\r\ncontent-length: 0\r\n", "{}"),
        ("content-length: 2, 2\r\n", "{}"),
        ("content-length: +2\r\n", "{}"),
        ("content-length: 2\r\n x: folded\r\n", "{}"),
        ("content-length : 2\r\n", "{}"),
        ("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: identity\r\n", "0\r\n\r\n"),
        ("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding:\u{b}chunked\r\n", "0\r\n\r\n"),
        ("x: a\ncontent-length: 2\r\n", "{}"),
        ("content-length: 2\n", "{}"),
        ("x: \0\r\ncontent-length: 2\r\n", "{}"),
    ]
    .into_iter()
    .map(|(framing, body)| {
        format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
             {framing}\r\n{body}"
        )
    })
    .collect();
    requests.push("GET /health HTTP/1.1\nhost: a\n\n".to_owned());
    requests.push("GET /health HTTP/1.1\r\nhost: a\r\n\n".to_owned());
    requests
}

#[tokio::test]
async fn h1_a_request_is_framed_in_one_way() {
    let server = TestServer::start().await;
    for request in ambiguous() {
        let smuggled = format!("{request}GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
        for cut in [0, smuggled.find('\n').unwrap(), request.len() - 1] {
            let mut wire = server.wire().await;
            wire.send(&smuggled[..cut]).await;
            wire.send_unheeded(&smuggled[cut..]).await;
            let reply = wire.reply().await;
            assert_eq!(reply.status, 400, "{smuggled:?}");
            assert_eq!(reply.header("connection"), Some("close"), "{smuggled:?}");
            assert_eq!(wire.closed().await, b"", "{smuggled:?}");
        }
        // Behind one that is in order the same, and that may have been answered.
        let mut wire = server.wire().await;
        wire.send(format!("GET /health HTTP/1.1\r\nhost: a\r\n\r\n{smuggled}")).await;
        let mut reply = wire.reply().await;
        if reply.status == 200 {
            reply = wire.reply().await;
        }
        assert_eq!(reply.status, 400, "{smuggled:?}");
        assert_eq!(wire.closed().await, b"", "{smuggled:?}");
    }
    let chunked = "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                   transfer-encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(crate::heads::raw(&server, chunked).await.problem(), "invalid_body");
}

/// Requests that are in order may follow each other without waiting, and each has
/// its reply.
#[tokio::test]
async fn h1_requests_in_order_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut wire = server.wire().await;
    let post = "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    wire.send(format!(
        "GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n\
         {post}content-length: 4\r\n\r\n\n\n{{}}\
         {post}transfer-encoding: chunked\r\n\r\n2;x=y\r\n{{}}\r\n0\r\n\r\n\
         GET /health HTTP/1.1\r\nhost: a\r\n\r\n"
    ))
    .await;
    for status in [404, 400, 400, 200] {
        let reply = wire.reply().await;
        assert_eq!(reply.status, status);
        if status == 400 {
            assert_eq!(reply.problem(), "invalid_body");
        }
    }
}
