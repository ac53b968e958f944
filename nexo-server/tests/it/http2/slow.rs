//! H2: connections that say too little.

use std::time::Duration;

use nexo_server::HttpConfig;

use super::frames::{
    CANCEL, END_HEADERS, Frames, HEADERS, PREFACE, SETTINGS, Said, WINDOW_UPDATE, block,
};
use super::{Http2, trusting};
use crate::harness::TestServer;

const HEAD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "nexo.test"), (":path", "/health")];

async fn impatient() -> TestServer {
    let config = HttpConfig {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        ..HttpConfig::default()
    };
    TestServer::with(trusting(config)).await
}

/// The first words of a connection, up to each of them.
#[tokio::test]
async fn h2_beginnings_that_stand_still_are_closed() {
    let server = impatient().await;
    for begun in [0, 1, 4, 14, PREFACE.len() - 1, PREFACE.len()] {
        let mut frames = Frames::silent(server.address).await;
        frames.bytes(&PREFACE[..begun]).await;
        frames.closed().await;
    }
    let other = Http2::connect(server.address).await;
    assert_eq!(other.call(server.get("/health")).await.unwrap().status, 200);
}

/// Whoever says nothing more is asked whether they are there, and does not say so.
#[tokio::test]
async fn h2_connections_that_fall_silent_are_closed() {
    let server = impatient().await;
    let mut said_nothing = Frames::connect(server.address).await;
    let mut half_a_head = Frames::connect(server.address).await;
    half_a_head.send(HEADERS, 0, 1, &block(&HEAD[..2])).await;
    let mut half_a_frame = Frames::connect(server.address).await;
    half_a_frame.bytes(&[0, 0, 9, HEADERS, END_HEADERS]).await;
    let mut half_a_body = Frames::connect(server.address).await;
    let login = [(":method", "POST"), HEAD[1], HEAD[2], (":path", "/api/auth/login")];
    half_a_body.send(HEADERS, END_HEADERS, 1, &block(&login)).await;
    for frames in [&mut said_nothing, &mut half_a_head, &mut half_a_frame, &mut half_a_body] {
        frames.closed().await;
    }
    let other = Http2::connect(server.address).await;
    assert_eq!(other.call(server.get("/health")).await.unwrap().status, 200);
}

/// Whoever reads nothing, or a byte now and then, holds up no other stream, and is given
/// up. One who does not even answer would be with the connection.
#[tokio::test]
async fn h2_replies_that_nobody_reads_are_given_up() {
    let config = HttpConfig {
        reply_timeout: Duration::from_millis(500),
        reply_rate: u32::MAX,
        idle_timeout: Duration::from_millis(500),
        ..HttpConfig::default()
    };
    let server = TestServer::with(trusting(config)).await;
    let user = server.register("ada").await;
    let bearer = format!("Bearer {}", user.token);
    for (path, drips) in
        [("/openapi.json", false), ("/openapi.json", true), ("/api/clients/export", false)]
    {
        let mut frames = Frames::silent(server.address).await;
        frames.bytes(PREFACE).await;
        // Nothing of a reply may be sent before it is asked for.
        frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
        let fields = [HEAD[0], HEAD[1], HEAD[2], (":path", path), ("authorization", &bearer)];
        frames.head(1, &fields).await;
        assert_eq!(frames.said_of(1).await, Said::Answered(Some(200)), "{path}");
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        let said = loop {
            if !drips {
                break frames.said_of(1).await;
            }
            ticks.tick().await;
            frames.send(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()).await;
            let said = tokio::time::timeout(Duration::from_millis(1), frames.said_of(1)).await;
            if let Ok(said) = said {
                break said;
            }
        };
        assert_eq!(said, Said::Reset(CANCEL), "{path} {drips}");
    }
    // Whoever reads gets all of it.
    let other = Http2::connect(server.address).await;
    let whole = other.call(server.get("/openapi.json")).await.unwrap();
    assert_eq!(whole.json()["openapi"], "3.1.0");
    let file = other.call(server.get("/api/clients/export").by(&user)).await.unwrap();
    assert_eq!((file.status, file.body.is_empty()), (200, false));
}

/// A proxy has the connections of many callers, but not all that there are.
#[tokio::test]
async fn h2_connections_have_a_cap() {
    let config = HttpConfig { max_connections: 2, ..HttpConfig::default() };
    let server = TestServer::with(trusting(config)).await;
    let (first, second) =
        (Http2::connect(server.address).await, Http2::connect(server.address).await);
    for connection in [&first, &second] {
        assert_eq!(connection.call(server.get("/live")).await.unwrap().status, 200);
    }
    // It is not accepted before another one ends.
    let mut third = Frames::silent(server.address).await;
    third.bytes(PREFACE).await;
    third.send(SETTINGS, 0, 0, &[]).await;
    third.head(1, &[HEAD[0], HEAD[1], HEAD[2], (":path", "/live")]).await;
    drop(first);
    assert_eq!(third.said_of(1).await, Said::Answered(Some(200)));
}
