//! Heads that should not be: two hosts, what is of HTTP/1.1, and too much of it.

use http::Request;

use super::frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PROTOCOL_ERROR, Said, block};
use super::{Http2, Protocol, server};

/// A good head, to be made worse.
const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "nexo.test"), (":path", "/health")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    GOOD.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn h1_one_host_and_only_one() {
    let server = server().await;
    let connection = Http2::connect(server.address).await;
    let ask = async |authority: &str, hosts: &[&str]| {
        let mut request = Request::get(format!("http://{authority}/health"));
        for host in hosts {
            request = request.header("host", *host);
        }
        connection.send(request.body(()).unwrap(), Vec::new()).await.unwrap()
    };
    for hosts in [&[][..], &["nexo.test"]] {
        assert_eq!(ask("nexo.test", hosts).await.status, 200, "{hosts:?}");
    }
    for (authority, hosts) in [
        ("nexo.test", &["other.test"][..]),
        ("nexo.test", &["nexo.test:80"]),
        ("nexo.test", &["nexo.test", "other.test"]),
        ("nexo.test", &["other.test", "nexo.test"]),
        ("nexo.test", &["nexo.test", "nexo.test"]),
        ("nexo.test", &["nexo.test, other.test"]),
        ("nexo.test", &[""]),
        ("ada@nexo.test", &[]),
    ] {
        let reply = ask(authority, hosts).await;
        let seen = (reply.status, reply.problem());
        assert_eq!(seen, (400, "bad_request".to_owned()), "{authority} {hosts:?}");
    }
    // The connection is a proxy's, and its other requests are of others.
    assert_eq!(ask("nexo.test", &[]).await.status, 200);

    // Of what a proxy was sent without an authority, the Host is one.
    let mut frames = Frames::connect(server.address).await;
    let mut stream = 1;
    for (hosts, status) in [
        (&["nexo.test"][..], 200),
        (&[], 400),
        (&[""], 400),
        (&["nexo.test", "nexo.test"], 400),
        (&["nexo.test", "other.test"], 400),
        (&["ada@nexo.test"], 400),
    ] {
        let mut fields = vec![GOOD[0], GOOD[1], GOOD[3]];
        fields.extend(hosts.iter().map(|host| ("host", *host)));
        frames.head(stream, &fields).await;
        assert_eq!(frames.said_of(stream).await, Said::Answered(Some(status)), "{hosts:?}");
        stream += 2;
    }
}

/// H1: chunks, and other words about the connection, are no words of HTTP/2.
#[tokio::test]
async fn h1_what_is_no_http2_is_reset() {
    let server = server().await;
    let mut frames = Frames::connect(server.address).await;
    let mut stream = 1;
    for fields in [
        with(&[("transfer-encoding", "chunked")]),
        with(&[("transfer-encoding", "chunked"), ("content-length", "4")]),
        with(&[("connection", "close")]),
        with(&[("keep-alive", "timeout=5")]),
        with(&[("proxy-connection", "close")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        with(&[("X-Upper", "a")]),
        with(&[("x", "a\r\nhost: b")]),
        with(&[("x", "a\nb")]),
        with(&[("x", "a\0b")]),
        with(&[("x y", "a")]),
        with(&[("x:", "a")]),
        with(&[("", "a")]),
        with(&[(":path", "/ready")]),
        with(&[(":status", "200")]),
        with(&[(":unknown", "a")]),
        with(&[("x", "a"), (":protocol", "a")]),
        vec![("x", "a"), GOOD[0], GOOD[1], GOOD[2], GOOD[3]],
        vec![GOOD[1], GOOD[2], GOOD[3]],
        vec![GOOD[0], GOOD[2], GOOD[3]],
        vec![GOOD[0], GOOD[1], GOOD[2]],
        vec![GOOD[0], GOOD[1], GOOD[2], (":path", "")],
        vec![GOOD[0], GOOD[1], GOOD[2], (":path", "health")],
        vec![GOOD[0], GOOD[1], GOOD[2], (":path", "/hea lth")],
        vec![GOOD[0], GOOD[1], (":authority", "a b"), GOOD[3]],
        vec![GOOD[0], GOOD[1], (":authority", "a/b"), GOOD[3]],
        vec![(":method", "GET /"), GOOD[1], GOOD[2], GOOD[3]],
    ] {
        frames.head(stream, &fields).await;
        match frames.said_of(stream).await {
            Said::Reset(PROTOCOL_ERROR) => stream += 2,
            // Of what cannot even be decoded nothing more is to be believed.
            Said::GoAway(PROTOCOL_ERROR, _) => {
                frames.closed().await;
                (frames, stream) = (Frames::connect(server.address).await, 1);
            }
            other => panic!("{fields:?}: {other:?}"),
        }
    }
    frames.head(stream, &GOOD).await;
    assert_eq!(frames.said_of(stream).await, Said::Answered(Some(200)));
}

/// H1: a body is as long as its length says, or its request is none.
#[tokio::test]
async fn h1_a_length_that_is_not_the_bodys() {
    let server = server().await;
    let mut frames = Frames::connect(server.address).await;
    let mut stream = 1;
    for (lengths, body, expected) in [
        (&["5"][..], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["1"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["+2"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["0x2"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["two"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["2, 2"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["99999999999999999999"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["2", "3"], "{}", Said::Reset(PROTOCOL_ERROR)),
        (&["2", "2"], "{}", Said::Answered(Some(400))),
        // Right, and no login.
        (&["2"], "{}", Said::Answered(Some(400))),
    ] {
        let mut fields = vec![(":method", "POST"), GOOD[1], GOOD[2], (":path", "/api/auth/login")];
        fields.push(("content-type", "application/json"));
        fields.extend(lengths.iter().map(|length| ("content-length", *length)));
        frames.send(HEADERS, END_HEADERS, stream, &block(&fields)).await;
        frames.send(DATA, END_STREAM, stream, body.as_bytes()).await;
        assert_eq!(frames.said_of(stream).await, expected, "{lengths:?} {body:?}");
        stream += 2;
    }
    // No body, and then one: whichever is seen first, it is no login.
    let mut fields = vec![(":method", "POST"), GOOD[1], GOOD[2], (":path", "/api/auth/login")];
    fields.extend([("content-type", "application/json"), ("content-length", "0")]);
    frames.send(HEADERS, END_HEADERS, stream, &block(&fields)).await;
    frames.send(DATA, END_STREAM, stream, b"{}").await;
    let said = frames.said_of(stream).await;
    let is_refused = matches!(said, Said::Reset(PROTOCOL_ERROR) | Said::Answered(Some(400)));
    assert!(is_refused, "{said:?}");

    let connection = Http2::connect(server.address).await;
    let twice = server.get("/health").header("content-length", "0").header("content-length", "0");
    let reply = connection.call(twice).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"));
    let detail = &reply.json()["detail"];
    assert_eq!(detail, "there is more than one Content-Length header");
}

#[tokio::test]
async fn h3_heads_that_are_too_large() {
    let server = server().await;
    for protocol in Protocol::ALL {
        let long = server.get(&format!("/{}", "a".repeat(8192)));
        let reply = protocol.send(long).await;
        assert_eq!((reply.status, reply.problem().as_str()), (414, "uri_too_long"));
        let mut many = server.get("/health");
        for at in 0..101 {
            many = many.header(&format!("x-{at}"), "v");
        }
        // Over HTTP/1.1 by what parses heads, and without a problem.
        assert_eq!(protocol.send(many).await.status, 431);
        let large = server.get("/health").header("x", &"v".repeat(16_384));
        let reply = protocol.send(large).await;
        assert_eq!((reply.status, reply.problem().as_str()), (431, "headers_too_large"));
    }
    // More than is even decoded: a bare 431, as over HTTP/1.1.
    let large = server.get("/health").header("x", &"v".repeat(66_000));
    let reply = Protocol::Http2.send(large).await;
    assert_eq!((reply.status, reply.body.len()), (431, 0));
}

#[tokio::test]
async fn h5_methods_that_nobody_needs() {
    let server = server().await;
    for protocol in Protocol::ALL {
        for path in ["/health", "/api/auth/login", "/api/clients"] {
            let reply = protocol.send(server.call("TRACE", path).header("x-secret", "told")).await;
            let seen = (reply.status, reply.problem());
            assert_eq!(seen, (405, "method_not_allowed".to_owned()), "{protocol:?} {path}");
            assert!(!String::from_utf8_lossy(&reply.body).contains("told"), "{protocol:?}");
            assert!(reply.header("allow").is_some_and(|allow| !allow.contains("TRACE")));
        }
    }
    // Nobody is connected to anybody.
    let mut frames = Frames::connect(server.address).await;
    frames.head(1, &[(":method", "CONNECT"), (":authority", "nexo.test:22")]).await;
    assert_eq!(frames.said_of(1).await, Said::Answered(Some(404)));
    let mut wire = server.wire().await;
    wire.send("CONNECT nexo.test:22 HTTP/1.1\r\nhost: nexo.test:22\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (404, "route_not_found"));
}
