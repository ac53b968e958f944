//! H2: many who are slow on purpose, as slowhttptest is: 200 connections whose heads,
//! whose bodies, or whose reading takes for ever, each with a byte now and then so that
//! it never stands still. They are all closed, and everybody else is served meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::io::AsyncRead;
use tokio::time::{interval, timeout};

use super::*;

const ATTACKERS: usize = 200;
/// What the server allows in these tests, of whatever.
const ALLOWED: Duration = Duration::from_millis(500);
/// Between the bytes of somebody slow.
const DRIP: Duration = Duration::from_millis(50);
/// Whoever is not closed by then is not closed.
const HANGING: Duration = Duration::from_secs(60);

fn config() -> HttpConfig {
    HttpConfig {
        // So that it is not for their number that they are closed.
        max_connections_per_ip: 2 * ATTACKERS,
        header_timeout: ALLOWED,
        body_timeout: ALLOWED,
        reply_timeout: ALLOWED,
        reply_rate: u32::MAX,
        reply_memory: usize::MAX,
        ..HttpConfig::default()
    }
}

fn routes() -> Vec<Route> {
    let echo = public(Method::POST, "/echo", |_, mut call| {
        Box::pin(
            async move { call.json::<serde_json::Value>().await.map(|_| respond::no_content()) },
        )
    });
    let upload = public(Method::PUT, "/upload", |_, mut call| {
        Box::pin(async move {
            while call.piece().await?.is_some() {}
            Ok(respond::no_content())
        })
    });
    vec![echo, file(), upload.upload(u64::MAX, b"")]
}

/// Sends a head or a body byte by byte for as long as the server lets it.
async fn drip(mut stream: TcpStream, begins: impl AsRef<str>, goes_on: &[u8]) {
    stream.write_all(begins.as_ref().as_bytes()).await.expect("the server reads");
    let (mut read, mut write) = stream.into_split();
    let mut ticks = interval(DRIP);
    let sending = async {
        for byte in goes_on.iter().cycle() {
            ticks.tick().await;
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = until_closed(&mut read) => {}
        () = sending => {}
    }
}

async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut some = [0; 4096];
    while !matches!(stream.read(&mut some).await, Ok(0) | Err(_)) {}
}

/// Asks for much and reads little of it.
async fn sip(mut stream: TcpStream) {
    stream.write_all(get("/file").as_bytes()).await.expect("the server reads");
    let mut ticks = interval(DRIP);
    let mut some = [0; 16];
    // What has arrived could be read for a long time after the end, so it is by
    // writing that the end is seen.
    while stream.write_all(b"G").await.is_ok() {
        drop(stream.read(&mut some).await);
        ticks.tick().await;
    }
}

/// Lets 200 of them loose, and calls until the last one is closed.
async fn h2_all_are_closed_and_others_served<F>(config: HttpConfig, attack: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()>,
{
    let server = Running::start(config, routes()).await;
    let open = AtomicUsize::new(ATTACKERS);
    let attacks = join_all((0..ATTACKERS).map(|_| async {
        let stream = TcpStream::connect(server.address).await.expect("the server accepts");
        attack(stream).await;
        open.fetch_sub(1, Ordering::Relaxed);
    }));
    let others = async {
        let mut served = 0;
        while open.load(Ordering::Relaxed) > 0 {
            let mut wire = server.connect().await;
            wire.send(get("/")).await;
            assert_eq!(wire.reply().await.status, 200);
            served += 1;
        }
        served
    };
    let (_, served) = timeout(HANGING, async { tokio::join!(attacks, others) })
        .await
        .unwrap_or_else(|_| panic!("{} are still open", open.load(Ordering::Relaxed)));
    assert!(served > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_heads_are_closed() {
    h2_all_are_closed_and_others_served(config(), |stream| {
        drip(stream, "GET / HTTP/1.1\r\nhost: nexo.test\r\n", b"x-slow: a\r\n")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_bodies_are_closed() {
    let head = "POST /echo HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n";
    let length = format!("{head}content-length: 100000\r\n\r\n");
    h2_all_are_closed_and_others_served(config(), |stream| drip(stream, &length, b" ")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_chunks_are_closed() {
    let head = "POST /echo HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n";
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
    h2_all_are_closed_and_others_served(config(), |stream| drip(stream, &chunked, b"1\r\n \r\n"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_readers_are_closed() {
    h2_all_are_closed_and_others_served(config(), sip).await;
}

/// A file has no time in which it must arrive, but each of its pieces has: that is the
/// rate below which nobody stays.
#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_uploads_are_closed() {
    let head = "PUT /upload HTTP/1.1\r\nhost: nexo.test\r\ncontent-length: 1000000000\r\n\r\n";
    h2_all_are_closed_and_others_served(config(), |stream| drip(stream, head, b" ")).await;
}

/// The reply does not wait for them, and the connection does not either.
#[tokio::test(flavor = "multi_thread")]
async fn h2_slow_bodies_that_nobody_asked_for_are_closed() {
    let head = "GET / HTTP/1.1\r\nhost: nexo.test\r\ncontent-length: 100000\r\n\r\n";
    h2_all_are_closed_and_others_served(config(), |stream| drip(stream, head, b" ")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_idle_connections_are_closed() {
    let config = HttpConfig { idle_timeout: ALLOWED, ..config() };
    h2_all_are_closed_and_others_served(config, |stream| drip(stream, get("/"), b"")).await;
}
