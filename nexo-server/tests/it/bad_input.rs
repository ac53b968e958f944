//! Bodies that nobody should send: each a problem with the right status and a
//! stable code, and nothing stored.

use crate::harness::{TestServer, User};
use crate::wire::Reply;

/// A POST to the clients, head and body as given.
async fn post(server: &TestServer, user: &User, headers: &str, body: &[u8]) -> Reply {
    let mut wire = server.wire().await;
    let head = format!(
        "POST /api/clients HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n{headers}\r\n",
        user.token
    );
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    wire.send_unheeded(request).await;
    wire.reply().await
}

async fn post_json(server: &TestServer, user: &User, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    post(server, user, &headers, body).await
}

fn nested(depth: usize) -> String {
    format!(r#"{{"name":"a","tags":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn bodies_that_are_not_what_is_expected() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"name\"",
        "[]",
        r#"["Babbage"]"#,
        r#"[{"name":"a"}]"#,
        "{",
        r#"{"name""#,
        r#"{"name":"a""#,
        r#"{"name":"a"}}"#,
        r#"{"name":"a"} {"name":"b"}"#,
        r#"{"name":"a",}"#,
        "{'name':'a'}",
        r#"{name:"a"}"#,
        r#"{"name":undefined}"#,
        r#"{"name":NaN}"#,
        "// comment\n{\"name\":\"a\"}",
        "\u{feff}{\"name\":\"a\"}",
        "{}",
        r#"{"kind":"company"}"#,
        r#"{"name":null}"#,
        r#"{"name":7}"#,
        r#"{"name":1e400}"#,
        r#"{"name":["a"]}"#,
        r#"{"name":{"first":"a"}}"#,
        r#"{"name":"a","email":false}"#,
        r#"{"name":"a","tags":"a"}"#,
        r#"{"name":"a","tags":[null]}"#,
        r#"{"name":"a","tags":{"0":"a"}}"#,
        r#"{"name":"a","kind":"robot"}"#,
        r#"{"name":"a","kind":"Company"}"#,
        r#"{"name":"a","status":0}"#,
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a","n\u0061me":"b"}"#,
        r#"{"name":"a","nmae":"b"}"#,
        r#"{"Name":"a"}"#,
        r#"{"name":"\ud800"}"#,
        r#"{"name":"\x41"}"#,
        "{\"name\":\"a\nb\"}",
    ]
    .into_iter()
    .map(|body| body.as_bytes().to_vec())
    .chain([
        b"{\"name\":\"\xff\xfe\"}".to_vec(),
        b"{\"name\":\"\xc0\xaf\"}".to_vec(),
        b"\xff\xfe{\0}\0".to_vec(),
        b"\0".repeat(100),
        nested(100).into(),
        nested(10_000).into(),
        "[".repeat(500_000).into(),
        format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)).into(),
        format!(r#"{{"{}":1}}"#, "k".repeat(900_000)).into(),
        format!(r#"{{"name":"a","kind":"{}"}}"#, "k".repeat(900_000)).into(),
    ])
    .collect();
    for body in bodies {
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let reply = post_json(&server, &user, &body).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid_body"), "{excerpt}");
        assert!(reply.body.len() < 1_000, "{excerpt}: the answer repeats the body");
    }
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn content_types_that_are_not_json() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let body = br#"{"name":"a"}"#;
    let length = format!("content-length: {}\r\n", body.len());
    for headers in [
        "",
        "content-type: \r\n",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: application/jsonp\r\n",
        "content-type: application/merge-patch+json\r\n",
        "content-type: application/json; charset=utf-16\r\n",
        "content-type: application/json\r\ncontent-type: application/json\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
    ] {
        let reply = post(&server, &user, &format!("{headers}{length}"), body).await;
        let seen = (reply.status, reply.problem());
        assert_eq!(seen, (415, "unsupported_media_type".to_owned()), "{headers}");
    }
    assert_eq!(server.rows("nexo.clients").await, 0);
    for good in ["application/json; charset=UTF-8", "Application/Json"] {
        let headers = format!("content-type: {good}\r\n{length}");
        assert_eq!(post(&server, &user, &headers, body).await.status, 201, "{good}");
    }
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let json = "content-type: application/json\r\n";
    // Announced: refused before a byte of it is read, and no byte is sent.
    let announced = format!("{json}content-length: 1048577\r\n");
    let reply = post(&server, &user, &announced, b"").await;
    assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
    assert_eq!(reply.header("connection"), Some("close"));
    // Sent all the same: the answer arrives.
    let large = vec![b' '; 10 * 1024 * 1024];
    let announced = format!("{json}content-length: {}\r\n", large.len());
    let reply = post(&server, &user, &announced, &large).await;
    assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
    // In chunks of an unknown sum.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(17);
    let chunked = format!("{json}transfer-encoding: chunked\r\n");
    let reply = post(&server, &user, &chunked, chunk.as_bytes()).await;
    assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));
    // The largest that is allowed is read, and found to be no client.
    let notes = "n".repeat(1024 * 1024 - r#"{"name":"a","notes":""}"#.len());
    let reply = post_json(&server, &user, format!(r#"{{"name":"a","notes":"{notes}"}}"#)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (422, "validation_failed"));
    assert_eq!(server.rows("nexo.clients").await, 0);
}

#[tokio::test]
async fn chunks_that_are_malformed() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let headers = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    for body in ["zz\r\n{}\r\n0\r\n\r\n", "-1\r\n", "c\r\n{\"name\":\"a\"}XX0\r\n\r\n"] {
        let reply = post(&server, &user, headers, body.as_bytes()).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"), "{body}");
    }
    let good = "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n";
    assert_eq!(post(&server, &user, headers, good.as_bytes()).await.status, 201);
    assert_eq!(server.rows("nexo.clients").await, 1);
}
