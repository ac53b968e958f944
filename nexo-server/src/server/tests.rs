//! The server around its handlers: what slow, careless and unlucky requests
//! cost, shown with handlers of the tests' own and without a database.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::config::TrafficLimits;
use crate::respond;
use crate::routes::public;
use wire::Wire;

mod bounds;
mod in_flight;
mod remote;
mod slow;
mod tls;
mod unread;

#[path = "../../tests/it/wire.rs"]
#[expect(dead_code, reason = "the integration tests use all of it")]
mod wire;

const SHORT: Duration = Duration::from_millis(50);

struct Running {
    address: SocketAddr,
    app: Arc<App>,
    certificates: Option<Certificates>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Drained>,
    counters: TrafficCounters,
}

impl Running {
    /// One without limits on traffic.
    async fn start(config: HttpConfig, routes: Vec<Route>) -> Self {
        let config = HttpConfig { traffic: TrafficLimits::off(), ..config };
        Self::limited(config, routes).await
    }

    async fn limited(config: HttpConfig, mut routes: Vec<Route>) -> Self {
        routes.push(public(Method::GET, "/", |_, _| Box::pin(async { respond::ok(&"here") })));
        let config = HttpConfig { listen: "127.0.0.1:0".parse().expect("an address"), ..config };
        let server = Server::with_routes(config, routes).await.expect("the server listens");
        let (address, app) = (server.local_addr(), server.app.clone());
        let (certificates, counters) = (server.certificates(), server.traffic_counters());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, app, certificates, stop: Some(stop), ended, counters }
    }

    async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }

    fn stop(&mut self) {
        drop(self.stop.take());
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: nexo.test\r\n\r\n")
}

/// A route that says when it was entered and waits for permission to go on.
fn gated(path: &'static str) -> Route {
    public(Method::GET, path, |_, call| {
        Box::pin(async move {
            gate(call.path()).0.add_permits(1);
            drop(gate(call.path()).1.acquire().await);
            respond::ok(&"done")
        })
    })
}

/// The gates of the tests: entered, and allowed to leave.
fn gate(path: &str) -> &'static (Semaphore, Semaphore) {
    static GATES: LazyLock<[(&str, (Semaphore, Semaphore)); 6]> = LazyLock::new(|| {
        ["/finish", "/cut", "/refuse", "/shed", "/http", "/h2c"]
            .map(|path| (path, (Semaphore::new(0), Semaphore::new(0))))
    });
    &GATES.iter().find(|(known, _)| *known == path).expect("a gate").1
}

/// A route whose reply is sent in pieces, far more of them than the system buffers.
fn file() -> Route {
    public(Method::GET, "/file", |_, _| {
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        let pieces = stream::repeat_with(move || Ok(piece.clone())).take(512);
        Box::pin(async {
            respond::file("f", HeaderValue::from_static("text/csv"), Box::pin(pieces))
        })
    })
}

async fn entered(path: &str) {
    gate(path).0.acquire().await.expect("never closed").forget();
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let routes =
        vec![public(Method::GET, "/panic", |_, _| Box::pin(async { panic!("on purpose") }))];
    let server = Running::start(HttpConfig::default(), routes).await;
    let mut wire = server.connect().await;
    for _ in 0..2 {
        wire.send(get("/panic")).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (500, "internal"));
        assert!(!String::from_utf8_lossy(&reply.body).contains("purpose"));
    }
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let routes = vec![public(Method::GET, "/never", |_, _| Box::pin(std::future::pending()))];
    let config = HttpConfig { request_timeout: SHORT, ..HttpConfig::default() };
    let server = Running::start(config, routes).await;
    let mut wire = server.connect().await;
    wire.send(get("/never")).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "timeout"));
}

#[tokio::test]
async fn a_head_that_stands_still_ends_the_connection() {
    let config = HttpConfig { header_timeout: SHORT, ..HttpConfig::default() };
    let server = Running::start(config, Vec::new()).await;
    let mut first = server.connect().await;
    first.send("GET / HTTP/1.1\r\nhost: nexo").await;
    assert_eq!(first.closed().await, b"");

    // The same on a connection that has been of use before.
    let mut second = server.connect().await;
    second.send(get("/")).await;
    assert_eq!(second.reply().await.status, 200);
    second.send("GET").await;
    assert_eq!(second.closed().await, b"");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let config = HttpConfig { idle_timeout: SHORT, ..HttpConfig::default() };
    let server = Running::start(config, Vec::new()).await;
    assert_eq!(server.connect().await.closed().await, b"");
    let mut used = server.connect().await;
    used.send(get("/")).await;
    assert_eq!(used.reply().await.status, 200);
    assert_eq!(used.closed().await, b"");
}

#[tokio::test]
async fn a_body_that_stands_still_is_refused() {
    #[derive(Deserialize)]
    struct Anything {}
    let routes = vec![public(Method::POST, "/echo", |_, mut call| {
        Box::pin(async move { call.json::<Anything>().await.map(|_| respond::no_content()) })
    })];
    let config = HttpConfig { body_timeout: SHORT, ..HttpConfig::default() };
    let server = Running::start(config, routes).await;
    for framing in ["content-length: 9", "transfer-encoding: chunked"] {
        let mut wire = server.connect().await;
        let head = "POST /echo HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json";
        wire.send(format!("{head}\r\n{framing}\r\n\r\n")).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (408, "request_timeout"));
        assert_eq!(reply.header("connection"), Some("close"));
        assert_eq!(wire.closed().await, b"");
    }
}

#[tokio::test]
async fn a_reply_that_nobody_reads_is_given_up() {
    let routes = vec![public(Method::GET, "/large", |_, _| {
        Box::pin(async { respond::ok(&"x".repeat(16 * 1024 * 1024)) })
    })];
    let config = HttpConfig { idle_timeout: SHORT, ..HttpConfig::default() };
    let mut server = Running::start(config, routes).await;
    let mut careless = TcpStream::connect(server.address).await.expect("the server accepts");
    careless.write_all(get("/large").as_bytes()).await.expect("the server reads");
    assert_eq!(careless.read_u8().await.expect("it begins"), b'H');
    server.stop();
    // It would be cut after the drain timeout if nothing else ended it.
    assert_eq!(server.ended.await.expect("no panic"), Drained::Completely);
    drop(careless);
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_their_turn() {
    let config = HttpConfig { max_connections: 1, ..HttpConfig::default() };
    let server = Running::start(config, Vec::new()).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    second.send(get("/")).await;
    first.send(get("/")).await;
    assert_eq!(first.reply().await.status, 200);
    drop(first);
    assert_eq!(second.reply().await.status, 200);
}

#[tokio::test]
async fn a_drain_lets_requests_finish() {
    let mut server = Running::start(HttpConfig::default(), vec![gated("/finish")]).await;
    let mut idle = server.connect().await;
    idle.send(get("/")).await;
    assert_eq!(idle.reply().await.status, 200);
    let mut busy = server.connect().await;
    busy.send(get("/finish")).await;
    entered("/finish").await;

    server.stop();
    assert_eq!(idle.closed().await, b"");
    drop(idle);
    TcpStream::connect(server.address).await.expect_err("nobody listens any more");
    gate("/finish").1.add_permits(1);
    let reply = busy.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    drop(busy);
    assert_eq!(server.ended.await.expect("no panic"), Drained::Completely);
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let config = HttpConfig { drain_timeout: SHORT, ..HttpConfig::default() };
    let mut server = Running::start(config, vec![gated("/cut")]).await;
    let mut busy = server.connect().await;
    busy.send(get("/cut")).await;
    entered("/cut").await;
    server.stop();
    assert_eq!(server.ended.await.expect("no panic"), Drained::Cut(1));
    assert_eq!(busy.closed().await, b"");
}

#[tokio::test]
async fn readiness_goes_first() {
    let config = HttpConfig { drain_delay: Duration::from_secs(3600), ..HttpConfig::default() };
    let ready =
        public(Method::GET, "/ready", |app, _| Box::pin(crate::handlers::health::ready(app)));
    let mut server = Running::start(config, vec![ready, gated("/refuse")]).await;
    let mut busy = server.connect().await;
    busy.send(get("/refuse")).await;
    entered("/refuse").await;
    server.stop();
    // Still accepting, for the load balancers that ask.
    loop {
        let mut probe = server.connect().await;
        probe.send(get("/ready")).await;
        let reply = probe.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
        if reply.json()["detail"] == "the server is shutting down" {
            assert_eq!(reply.header("connection"), Some("close"));
            break;
        }
    }
    server.ended.abort();
}
