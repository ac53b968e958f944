//! Requests through HAProxy and nginx: none is smuggled past them, and what they
//! are put there for works.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use nexo_server::HttpConfig;
use serde_json::json;

use crate::framing::ambiguous;
use crate::harness::{Call, TestServer, User, config};
use crate::proxy::{Kind, Proxy};
use crate::wire::Wire;

fn behind_a_proxy() -> HttpConfig {
    HttpConfig { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..config() }
}

/// A request that leaves a client behind in its sender's account.
fn planting(by: &User) -> String {
    let body = r#"{"name":"smuggled"}"#;
    format!(
        "POST /api/clients HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        by.token,
        body.len()
    )
}

/// Requests around another one, which is their body or the next request, as one reads
/// them.
fn smuggling(hidden: &str) -> Vec<String> {
    let (ends, size) = ("0\r\n\r\n", format!("{:x}\r\n", hidden.len()));
    let after = format!("{ends}{hidden}");
    let within = format!("{size}{hidden}\r\n{ends}");
    let (after_length, within_length) = (after.len(), size.len());
    let head = "POST /api/clients HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    let mut requests = Vec::new();
    let codings = [
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: Chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\tchunked\r\n",
        "transfer-encoding: \u{b}chunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n",
        "transfer-encoding: x\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: x\r\n transfer-encoding: chunked\r\n",
        "x: x\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\n",
        "x: x\rtransfer-encoding: chunked\r\n",
        "x: \0\r\ntransfer-encoding: chunked\r\n",
        "transfer_encoding: chunked\r\n",
    ];
    for coding in codings {
        for (length, body) in [(after_length, &after), (within_length, &within)] {
            requests.push(format!("{head}content-length: {length}\r\n{coding}\r\n{body}"));
            requests.push(format!("{head}{coding}content-length: {length}\r\n\r\n{body}"));
        }
    }
    let all = hidden.len();
    for lengths in [
        format!("content-length: {all}\r\ncontent-length: 0\r\n"),
        format!("content-length: 0\r\ncontent-length: {all}\r\n"),
        format!("content-length: {all}, 0\r\n"),
        format!("content-length: 0, {all}\r\n"),
        format!("content-length: +{all}\r\n"),
        format!("content-length: 0{all}\r\n"),
        format!("content-length : {all}\r\n"),
        format!("content-length: {all}\n"),
        format!("x: x\ncontent-length: {all}\r\n"),
        format!("x: x\r\n content-length: {all}\r\n"),
        format!("content_length: {all}\r\ncontent-length: {all}\r\n"),
    ] {
        requests.push(format!("{head}{lengths}\r\n{hidden}"));
    }
    // The chunks themselves in doubt: where their lines end, and their sizes.
    for chunks in [
        format!("1;\n{hidden}\r\n0\r\n\r\n"),
        format!("0\n\n{hidden}"),
        format!("0\r\n\n{hidden}"),
        format!("0;x\n\r\n{hidden}"),
        format!("0x0\r\n\r\n{hidden}"),
        format!("+0\r\n\r\n{hidden}"),
        format!("10000000000000000\r\n\r\n{hidden}"),
        format!("ffffffffffffffff\r\n\r\n{hidden}"),
    ] {
        requests.push(format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}"));
    }
    requests
}

/// Each request goes through a connection that the proxy shares among its callers.
/// The proxy shows a token of its own, so that what the attacker's does has come to
/// the server as a request that the proxy never saw.
async fn nothing_is_smuggled_past(kind: Kind, server: &TestServer) {
    let (attacker, victim) = (server.register("eve").await, server.register("ada").await);
    let Some(proxy) = Proxy::start(kind, server.address, Some(&victim.token)).await else {
        return;
    };
    let hidden = planting(&attacker);
    // It is a good one, where it is no secret.
    let mut wire = server.wire().await;
    wire.send(&hidden).await;
    assert_eq!(wire.reply().await.status, 201);
    let mut bystander = proxy.wire().await;
    let requests = smuggling(&hidden);
    assert!(requests.len() > 80);
    for (number, request) in requests.iter().enumerate() {
        let mut wire = proxy.wire().await;
        wire.send_unheeded(request).await;
        // Something of a request may be missing, by one reading.
        wire.send_unheeded("\r\n\r\n").await;
        wire.finish().await;
        while wire.try_reply(true).await.is_ok() {}
        // Whoever is next on the proxy's connections gets what is theirs, each time.
        for turn in 0..2 {
            let path = format!("/nowhere/{number}/{turn}");
            bystander.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let reply = bystander.reply().await;
            assert_eq!(reply.status, 404, "{kind:?} {request:?}");
            assert_eq!(reply.json()["instance"], path, "{kind:?} {request:?}");
        }
    }
    let mine = server.get("/api/clients").by(&attacker).send().await.json();
    assert_eq!(mine["data"].as_array().unwrap().len(), 1, "{kind:?}: smuggled: {mine}");
}

#[tokio::test]
async fn h1_nothing_is_smuggled_past_haproxy() {
    nothing_is_smuggled_past(Kind::HaProxy, &TestServer::with(behind_a_proxy()).await).await;
}

#[tokio::test]
async fn h1_nothing_is_smuggled_past_haproxy_over_http2() {
    nothing_is_smuggled_past(Kind::HaProxyHttp2, &TestServer::with(behind_a_proxy()).await).await;
}

#[tokio::test]
async fn h1_nothing_is_smuggled_past_nginx() {
    nothing_is_smuggled_past(Kind::Nginx, &TestServer::with(behind_a_proxy()).await).await;
}

#[tokio::test]
async fn h1_nothing_is_smuggled_past_haproxy_and_a_gateway() {
    let server = TestServer::split(behind_a_proxy()).await;
    nothing_is_smuggled_past(Kind::HaProxy, &server).await;
}

/// A gateway in front of its services refuses as one process does, and hands nothing
/// on of what it has refused.
#[tokio::test]
async fn h1_a_gateway_refuses_what_is_ambiguous() {
    let server = TestServer::split(config()).await;
    let eve = server.register("eve").await;
    let hidden = planting(&eve);
    for request in ambiguous() {
        let mut wire = server.wire().await;
        wire.send_unheeded(format!("{request}{hidden}")).await;
        let reply = wire.reply().await;
        assert_eq!(reply.status, 400, "{request:?}");
        assert_eq!(wire.closed().await, b"", "{request:?}");
    }
    assert_eq!(server.rows("nexo.clients").await, 0);
}

/// Behind a proxy the same requests are the proxy's to refuse, or the server's. Either
/// way they have one answer at most, and no success.
async fn what_is_ambiguous_has_no_success_through(kind: Kind) {
    let server = TestServer::with(behind_a_proxy()).await;
    let Some(proxy) = Proxy::start(kind, server.address, None).await else { return };
    let path = "/api/auth/oidc";
    for (target, host) in [
        (path.to_owned(), ""),
        (path.to_owned(), "host: a\r\nhost: b\r\n"),
        (path.to_owned(), "host: a/b\r\n"),
        (path.to_owned(), "host: a@b\r\n"),
        (format!("http://a{path}"), "host: b\r\n"),
    ] {
        let mut wire = proxy.wire().await;
        wire.send(format!("GET {target} HTTP/1.1\r\n{host}\r\n")).await;
        let reply = wire.reply().await;
        // nginx passes the target over, and hands on the one Host that is left.
        let is_settled = kind == Kind::Nginx && target != path;
        let status = if is_settled { 200 } else { 400 };
        assert_eq!(reply.status, status, "{kind:?} {target} {host:?}");
        // Who says so closes it: the proxy, or the server to the proxy, which may keep its
        // own caller's.
        if reply.header("connection") == Some("close") {
            assert_eq!(wire.closed().await, b"", "{kind:?} {target} {host:?}");
        }
    }
    for request in ambiguous() {
        let mut wire = proxy.wire().await;
        wire.send_unheeded(&request).await;
        wire.finish().await;
        let Ok(reply) = wire.try_reply(true).await else { continue };
        // A proxy may mend a line's end; then the request has one reading.
        let is_mended = request.starts_with("GET") && reply.status == 200;
        assert!(is_mended || reply.status >= 400, "{kind:?} {} {request:?}", reply.status);
        assert!(wire.try_reply(true).await.is_err(), "{kind:?}: two answers to {request:?}");
    }
}

#[tokio::test]
async fn h1_what_is_ambiguous_has_no_success_through_haproxy() {
    what_is_ambiguous_has_no_success_through(Kind::HaProxy).await;
}

#[tokio::test]
async fn h1_what_is_ambiguous_has_no_success_through_haproxy_over_http2() {
    what_is_ambiguous_has_no_success_through(Kind::HaProxyHttp2).await;
}

#[tokio::test]
async fn h1_what_is_ambiguous_has_no_success_through_nginx() {
    what_is_ambiguous_has_no_success_through(Kind::Nginx).await;
}

/// What a proxy is there for: connections that are kept, callers' addresses, bodies
/// that are handed on as they come, and replies to those that never do.
async fn serves_behind(kind: Kind) {
    let body_timeout = Duration::from_millis(500);
    let server = TestServer::with(HttpConfig { body_timeout, ..behind_a_proxy() }).await;
    let Some(proxy) = Proxy::start(kind, server.address, None).await else { return };
    let ada = server.register("ada").await;

    // Many requests on one connection, with bodies of both kinds.
    let at = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let mut wire = Wire::connect_from(at, proxy.address).await;
    let head = format!(
        "POST /api/clients HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nx-forwarded-for: 6.6.6.6\r\n",
        ada.token
    );
    for number in 0..10 {
        let body = json!({ "name": format!("Client {number}") }).to_string();
        let length = body.len();
        let request = match number % 2 {
            0 => format!("{head}content-length: {length}\r\n\r\n{body}"),
            _ => {
                format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
            }
        };
        wire.send(request).await;
        let reply = wire.reply().await;
        assert_eq!(reply.status, 201, "{kind:?} {number}");
        assert_eq!(reply.json()["name"], format!("Client {number}"));
    }
    // Theirs is the address that the proxy saw, and not the one that they told.
    let log = server.get("/api/audit").by(&ada).send().await.json();
    let told = log["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "create");
    let addresses: Vec<_> =
        told.filter(|entry| entry["subject"] == "clients").map(|entry| &entry["ip"]).collect();
    assert_eq!(addresses, vec!["127.0.0.2"; 10], "{kind:?}: {log}");

    // A large body, in pieces.
    let piece = "n".repeat(1000);
    wire.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
    let start = r#"{"name":"Large","notes":""#;
    wire.send(format!("{:x}\r\n{start}\r\n", start.len())).await;
    for _ in 0..9 {
        wire.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
    }
    wire.send("2\r\n\"}\r\n0\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!(reply.status, 201, "{kind:?} {reply:?}");
    assert_eq!(reply.json()["notes"].as_str().unwrap().len(), 9000);

    // The server's word on a body that does not come reaches its sender: the proxy has
    // handed on what there was.
    wire.send(format!("{head}content-length: 100\r\n\r\n{{")).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (408, "request_timeout"), "{kind:?}");
    let again = Call::to(proxy.address, "GET", "/api/clients").by(&ada).send().await;
    assert_eq!(again.json()["data"].as_array().unwrap().len(), 11, "{kind:?}");
}

#[tokio::test]
async fn f14_haproxy_serves() {
    serves_behind(Kind::HaProxy).await;
}

#[tokio::test]
async fn f14_haproxy_serves_over_http2() {
    serves_behind(Kind::HaProxyHttp2).await;
}

#[tokio::test]
async fn f14_nginx_serves() {
    serves_behind(Kind::Nginx).await;
}
