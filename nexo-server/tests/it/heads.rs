//! Heads of requests that should not be: ambiguous, too large, or no HTTP.

use crate::harness::TestServer;

/// A whole request, sent as it is.
pub(crate) async fn raw(server: &TestServer, request: &str) -> crate::wire::Reply {
    let mut wire = server.wire().await;
    wire.send_unheeded(request).await;
    wire.reply().await
}

#[tokio::test]
async fn one_host_and_only_one() {
    let server = TestServer::start().await;
    for (name, request) in [
        ("none", "GET /health HTTP/1.1\r\n\r\n"),
        ("two", "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
        ("twice the same", "GET /health HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
        ("empty", "GET /health HTTP/1.1\r\nhost: \r\n\r\n"),
        ("a path", "GET /health HTTP/1.1\r\nhost: a/b\r\n\r\n"),
        ("a user", "GET /health HTTP/1.1\r\nhost: a@b\r\n\r\n"),
        ("two in one", "GET /health HTTP/1.1\r\nhost: a, b\r\n\r\n"),
        ("another target", "GET http://a/health HTTP/1.1\r\nhost: b\r\n\r\n"),
    ] {
        let mut wire = server.wire().await;
        wire.send(request).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"), "{name}");
        assert_eq!(wire.closed().await, b"", "{name}");
    }
    for request in [
        "GET http://a/health HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nHOST: [::1]:4000\r\n\r\n",
        "GET /health HTTP/1.0\r\n\r\n",
    ] {
        assert_eq!(raw(&server, request).await.status, 200, "{request}");
    }
}

/// H1: also what one parser reads otherwise than another.
#[tokio::test]
async fn h1_what_is_no_http_is_refused_and_closed() {
    let server = TestServer::start().await;
    for request in [
        "\0\x01\x02\x03\r\n\r\n",
        "hello\r\n\r\n",
        "GET /health\r\n\r\n",
        "GET /health HTTP/3.7\r\nhost: a\r\n\r\n",
        "GET /hea lth HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nx: a\r\n folded\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost : a\r\n\r\n",
        "POST /health HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n{",
        "POST /health HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        "POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
        "POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
        "POST /health HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        "POST /health HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /health HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n\
         0\r\n\r\nGET /health HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET /health HTTP/1.1\nhost: a\n\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
    ] {
        let mut wire = server.wire().await;
        wire.send_unheeded(request).await;
        // A bare 400, and the end: no stage has seen it.
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.body.len()), (400, 0), "{request:?}");
        assert_eq!(wire.closed().await, b"", "{request:?}");
    }
}

#[tokio::test]
async fn a_body_is_framed_in_one_way() {
    let server = TestServer::start().await;
    for framing in ["transfer-encoding: gzip, chunked", "transfer-encoding: chunked, chunked"] {
        let mut wire = server.wire().await;
        wire.send(format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
             {framing}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        ))
        .await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"), "{framing}");
        assert_eq!(wire.closed().await, b"", "{framing}");
    }
    let chunked = "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                   transfer-encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(raw(&server, chunked).await.problem(), "invalid_body");
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let server = TestServer::start().await;
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert_eq!(server.get(&path(8192)).send().await.status, 404);
    let reply = server.get(&path(8193)).send().await;
    assert_eq!((reply.status, reply.problem().as_str()), (414, "uri_too_long"));
    let query = format!("/health?{}", "q".repeat(9000));
    assert_eq!(server.get(&query).send().await.status, 414);

    let mut many = server.get("/health");
    // With host and connection.
    for at in 0..98 {
        many = many.header(&format!("x-{at}"), "v");
    }
    assert_eq!(many.send().await.status, 200);
    let mut many = server.get("/health");
    for at in 0..99 {
        many = many.header(&format!("x-{at}"), "v");
    }
    assert_eq!(many.send().await.status, 431);
    assert_eq!(server.get("/health").header("x", &"v".repeat(16_000)).send().await.status, 200);
    let reply = server.get("/health").header("x", &"v".repeat(16_384)).send().await;
    assert_eq!((reply.status, reply.problem().as_str()), (431, "headers_too_large"));
}

/// What is larger than any head has a bare answer, whatever it asks for, and nothing of
/// its connection is believed any more.
#[tokio::test]
async fn h3_a_head_beyond_all_bounds_ends_the_connection() {
    let server = TestServer::start().await;
    let first = "GET /health HTTP/1.1\r\nhost: a\r\n\r\n";
    for length in [65 * 1024, 256 * 1024, 4 * 1024 * 1024] {
        let long = "x".repeat(length);
        for (request, statuses) in [
            // Of a line that does not end nobody knows whether it is the target's fault.
            (format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), &[414, 431][..]),
            (format!("GET /health?{long} HTTP/1.1\r\nhost: a\r\n\r\n"), &[414, 431][..]),
            (format!("GET /health HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"), &[431]),
            (format!("GET /health HTTP/1.1\r\nhost: a\r\n{long}: v\r\n\r\n"), &[431]),
            // Also where no line of it ever ends.
            (format!("GET /{long}"), &[414, 431][..]),
            (format!("GET /health HTTP/1.1\r\nhost: a\r\nx: {long}"), &[431]),
        ] {
            // On a connection that was in order, too.
            for is_first in [true, false] {
                let what = format!("{length} {is_first} {:?}", &request[..40]);
                let mut wire = server.wire().await;
                if !is_first {
                    wire.send(first).await;
                    assert_eq!(wire.reply().await.status, 200);
                }
                wire.send_unheeded(&request).await;
                let reply = wire.reply().await;
                assert!(statuses.contains(&reply.status), "{what}: {}", reply.status);
                // What came with a single read may have been understood still.
                assert!(reply.body.is_empty() || length == 65 * 1024, "{what}");
                assert_eq!(reply.header("connection"), Some("close"), "{what}");
                assert_eq!(wire.closed().await, b"", "{what}");
            }
        }
    }
    assert_eq!(server.get("/health").send().await.status, 200);
}
