//! H5: frames that cost their sender little, and would cost the server much.

use std::time::Duration;

use nexo_server::{HttpConfig, TrafficLimits};

use super::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, HEADERS,
    PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, Said, block, frame,
};
use super::{Http2, server, trusting};
use crate::harness::TestServer;
use crate::process::eventually;

const LOGIN: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "nexo.test"),
    (":path", "/api/auth/login"),
    ("content-type", "application/json"),
];

/// Requests that are taken back as soon as they are made.
#[tokio::test]
async fn h5_a_rapid_reset_ends_the_connection() {
    let traffic = TrafficLimits::off();
    let config = HttpConfig { traffic, ..HttpConfig::default() };
    let (server, counters) = TestServer::limited(trusting(config)).await;
    let other = Http2::connect(server.address).await;
    let mut frames = Frames::connect(server.address).await;
    let head = block(&LOGIN);
    for batch in 0..100 {
        let mut bytes = Vec::new();
        for at in 0..100 {
            let stream = (batch * 100 + at) * 2 + 1;
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &head));
            bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        }
        if !frames.bytes(&bytes).await {
            break;
        }
    }
    let said = frames.said_of(u32::MAX).await;
    assert!(matches!(said, Said::GoAway(ENHANCE_YOUR_CALM, _) | Said::Closed), "{said:?}");
    frames.closed().await;
    // Nothing is left of it, and who shares no connection with it notices nothing.
    eventually("nothing is in flight", || counters.in_flight() == 0).await;
    assert_eq!(other.call(server.get("/health")).await.unwrap().status, 200);
}

/// A head without an end.
#[tokio::test]
async fn h5_a_flood_of_continuations_ends_the_connection() {
    let server = server().await;
    let other = Http2::connect(server.address).await;
    // Also of pieces with nothing in them.
    for piece in [block(&[("x", &"v".repeat(1_000))]), Vec::new()] {
        let mut frames = Frames::connect(server.address).await;
        frames.send(HEADERS, 0, 1, &block(&LOGIN)).await;
        for _ in 0..10_000 {
            if !frames.send(CONTINUATION, 0, 1, &piece).await {
                break;
            }
        }
        let said = frames.said_of(1).await;
        let is_refused =
            matches!(said, Said::GoAway(ENHANCE_YOUR_CALM | PROTOCOL_ERROR, _) | Said::Closed);
        assert!(is_refused, "{} bytes: {said:?}", piece.len());
        frames.closed().await;
        assert_eq!(other.call(server.get("/health")).await.unwrap().status, 200);
    }
}

/// One proxy has as many requests at a time as the server has places.
#[tokio::test]
async fn h5_streams_have_a_cap() {
    let config = HttpConfig { max_connections: 4, ..HttpConfig::default() };
    let server = TestServer::with(trusting(config)).await;
    let mut frames = Frames::connect(server.address).await;
    // Bodies that do not come, so that all of them are open.
    for stream in [1, 3, 5, 7, 9, 11] {
        frames.send(HEADERS, END_HEADERS, stream, &block(&LOGIN)).await;
    }
    for refused in [9, 11] {
        assert_eq!(frames.said_of(refused).await, Said::Reset(REFUSED_STREAM));
    }
    // A place that is free again is taken.
    frames.send(DATA, END_STREAM, 1, b"{}").await;
    assert_eq!(frames.said_of(1).await, Said::Answered(Some(400)));
    frames.send(HEADERS, END_HEADERS, 13, &block(&LOGIN)).await;
    frames.send(DATA, END_STREAM, 13, b"{}").await;
    assert_eq!(frames.said_of(13).await, Said::Answered(Some(400)));
}

/// Requests above the limit of all that are in flight are shed as over HTTP/1.1.
#[tokio::test]
async fn h5_more_streams_than_the_server_has_in_flight_are_shed() {
    let traffic = TrafficLimits { max_in_flight: Some(2), ..TrafficLimits::off() };
    let config = HttpConfig { traffic, ..HttpConfig::default() };
    let (server, counters) = TestServer::limited(trusting(config)).await;
    let mut frames = Frames::connect(server.address).await;
    for stream in [1, 3] {
        frames.send(HEADERS, END_HEADERS, stream, &block(&LOGIN)).await;
    }
    eventually("both are in flight", || counters.in_flight() == 2).await;
    let connection = Http2::connect(server.address).await;
    let reply = connection.call(server.get("/api/clients")).await.unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(connection.call(server.get("/health")).await.unwrap().status, 200);
    // Whoever takes a request back gives its place back.
    frames.send(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()).await;
    eventually("one is in flight", || counters.in_flight() == 1).await;
}

/// What can be done with HTTP/2 can be done by proxies alone.
#[tokio::test]
async fn h5_strangers_get_no_http2() {
    let server = TestServer::start().await;
    let mut wire = server.wire().await;
    wire.send_unheeded(PREFACE).await;
    wire.send_unheeded(frame(super::frames::SETTINGS, 0, 0, &[])).await;
    assert_eq!(wire.closed().await, b"", "neither frames nor a reply");
    // Nor by asking for it.
    let upgrade = "GET /live HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n\
                   upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";
    let config = HttpConfig { idle_timeout: Duration::from_secs(5), ..HttpConfig::default() };
    for server in [server, TestServer::with(trusting(config)).await] {
        let mut wire = server.wire().await;
        wire.send(upgrade).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}
