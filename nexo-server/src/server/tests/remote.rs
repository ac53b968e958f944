//! A gateway and the processes behind it, each a real server on a socket, over
//! HTTP/1.1 and over HTTP/2.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::*;
use crate::config::{RemoteConfig, Role, Service};
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::remote::BreakerState;
use crate::respond::{Body, Reply};

mod deadlines;
mod failing;
mod misbehaved;

const PROTOCOLS: [&str; 2] = ["http", "h2c"];

/// A gateway to these addresses, which answers none of the routes itself.
async fn gateway(urls: &[String], config: HttpConfig, routes: Vec<Route>) -> Running {
    let crm = urls.iter().map(|url| url.parse().expect("an address")).collect();
    let remote = RemoteConfig {
        crm,
        probe_interval: Duration::from_millis(20),
        breaker_pause: Duration::from_millis(20),
        ..config.remote
    };
    let config = HttpConfig { role: Role::Gateway, remote, ..config };
    let gateway = Running::start(config, of_crm(routes)).await;
    // Names are resolved by then.
    while gateway.app.remotes().all().any(|upstream| upstream.backends().is_empty()) {
        tokio::task::yield_now().await;
    }
    gateway
}

fn of_crm(routes: Vec<Route>) -> Vec<Route> {
    routes.into_iter().map(|route| route.of(Service::Crm)).collect()
}

/// A process that a gateway can ask.
async fn service(mut routes: Vec<Route>) -> Running {
    routes.push(public(Method::GET, "/ready", |_, _| Box::pin(async { respond::ok(&"ready") })));
    let trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
    let config = HttpConfig { role: Role::Crm, trusted_proxies, ..HttpConfig::default() };
    Running::start(config, of_crm(routes)).await
}

/// Both, with the same routes.
async fn pair(protocol: &str, config: HttpConfig, routes: Vec<Route>) -> (Running, Running) {
    let service = service(routes.clone()).await;
    let urls = [format!("{protocol}://{}", service.address)];
    (gateway(&urls, config, routes).await, service)
}

/// Answers with the headers that came.
async fn headers(call: Call<'_>) -> Outcome<Reply> {
    let mut told = Map::new();
    for (name, value) in &call.hand_on().parts.headers {
        told.insert(name.to_string(), Value::from(value.to_str().expect("text")));
    }
    respond::ok(&told)
}

/// Sends back what comes, as it comes.
async fn echo(call: Call<'_>) -> Outcome<Reply> {
    let body = call.hand_on().body;
    let pieces = stream::unfold(body, |mut body| async move {
        let frame = body.frame().await?;
        let data = frame.map(|frame| frame.into_data().unwrap_or_default());
        Some((data.map_err(|error| Failure::internal(error.to_string())), body))
    });
    Ok(http::Response::new(Body::streamed(Box::pin(pieces), 1024, false)))
}

async fn read(mut call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&call.json::<Value>().await?)
}

fn table() -> Vec<Route> {
    vec![
        public(Method::GET, "/headers", |_, call| Box::pin(headers(call))),
        public(Method::POST, "/echo", |_, call| Box::pin(echo(call))),
        public(Method::POST, "/read", |_, call| Box::pin(read(call))),
        public(Method::GET, "/never", |_, _| Box::pin(std::future::pending())),
        public(Method::GET, "/breaks", |_, _| {
            Box::pin(async {
                let pieces = [Ok("half".into()), Err(Failure::internal("on purpose"))];
                let pieces = Box::pin(stream::iter(pieces));
                Ok(http::Response::new(Body::streamed(pieces, 1024, false)))
            })
        }),
    ]
}

#[tokio::test]
async fn headers_of_a_gateway_cannot_be_invented_outside() {
    for protocol in PROTOCOLS {
        let (gateway, _service) = pair(protocol, HttpConfig::default(), table()).await;
        let mut wire = gateway.connect().await;
        wire.send(
            "GET /headers HTTP/1.1\r\nhost: nexo.test\r\nx-request-id: mine\r\n\
             x-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\nx-real-ip: 6.6.6.6\r\n\
             x-user-id: root\r\nx-account-id: other\r\nx-request-timeout-ms: 1\r\n\
             connection: keep-alive, authorization\r\nte: trailers\r\ncookie: a=b\r\n\
             authorization: Bearer abc\r\nidempotency-key: k\r\n\r\n",
        )
        .await;
        let reply = wire.reply().await;
        assert_eq!(reply.status, 200);
        let told = reply.json();
        assert_eq!(told["x-forwarded-for"], "127.0.0.1");
        assert_eq!(told["x-request-id"], "mine");
        assert_eq!(told["authorization"], "Bearer abc");
        assert_eq!(told["idempotency-key"], "k");
        let timeout: u64 =
            told["x-request-timeout-ms"].as_str().expect("text").parse().expect("a number");
        assert!((20_000..30_000).contains(&timeout), "{timeout}");
        let mut names: Vec<_> = told.as_object().expect("an object").keys().cloned().collect();
        names.retain(|name| name != "host");
        names.sort();
        let expected = [
            "authorization",
            "idempotency-key",
            "x-forwarded-for",
            "x-request-id",
            "x-request-timeout-ms",
        ];
        assert_eq!(names, expected, "{protocol}");
        assert_eq!(reply.header("x-request-id"), Some("mine"));
    }
}

/// A trace goes on below the gateway's own step of it, and with what its caller says of
/// it; a trace that is none does not lend that to another.
#[tokio::test]
async fn traces_go_on_behind_a_gateway() {
    let of_caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for protocol in PROTOCOLS {
        let traces = crate::config::TracesConfig { always: true };
        let config = HttpConfig { traces, ..HttpConfig::default() };
        let (gateway, _service) = pair(protocol, config, table()).await;
        let mut wire = gateway.connect().await;
        let mut told = async |traceparent: &str| {
            let traced = format!(
                "GET /headers HTTP/1.1\r\nhost: nexo.test\r\ntraceparent: {traceparent}\r\n\
                 tracestate: a=1\r\ntracestate: b=2\r\n\r\n"
            );
            wire.send(traced).await;
            let told = wire.reply().await.json();
            let text = |name: &str| told[name].as_str().map(str::to_owned);
            (text("traceparent").expect("it goes on"), text("tracestate"))
        };
        let (parent, state) = told(of_caller).await;
        assert_eq!(parent[..36], of_caller[..36], "{protocol}");
        assert_ne!(parent[36..52], of_caller[36..52], "{protocol}");
        assert!(state.is_some(), "{protocol}");
        let (parent, state) = told("00-xyz").await;
        assert_ne!(parent[..36], of_caller[..36], "{protocol}");
        assert_eq!(state, None, "{protocol}");
    }
}

/// Each piece comes back before the next one is sent: nobody on the way waits
/// for the whole.
#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    for protocol in PROTOCOLS {
        let (gateway, _service) = pair(protocol, HttpConfig::default(), table()).await;
        let mut wire = gateway.connect().await;
        wire.send("POST /echo HTTP/1.1\r\nhost: nexo.test\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        for at in 0..5 {
            let piece = format!("piece {at}");
            wire.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
            if at == 0 {
                assert_eq!(wire.head().await, "HTTP/1.1 200 OK", "{protocol}");
            }
            let mut came = Vec::new();
            while came.len() < piece.len() {
                came.extend(wire.chunk().await.expect("a chunk"));
            }
            assert_eq!(came, piece.as_bytes());
        }
        wire.send("0\r\n\r\n").await;
        assert_eq!(wire.chunk().await, Ok(Vec::new()));
        // The connections on both sides go on.
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_seen_to() {
    for protocol in PROTOCOLS {
        let (gateway, _service) = pair(protocol, HttpConfig::default(), table()).await;
        let mut wire = gateway.connect().await;
        wire.send(get("/breaks")).await;
        // Or nothing of it had been sent yet.
        let reply = wire.try_reply(true).await;
        assert!(reply.is_err() || reply.is_ok_and(|reply| reply.status == 503), "{protocol}");
        let mut wire = gateway.connect().await;
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}

/// H2, H3: limits hold at the gateway, and what callers do wrong is not held
/// against the service.
#[tokio::test]
async fn h3_faults_of_callers_are_answered_as_theirs() {
    for protocol in PROTOCOLS {
        let config = HttpConfig { body_timeout: SHORT, ..HttpConfig::default() };
        let (gateway, _service) = pair(protocol, config, table()).await;
        let head = "POST /read HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        for _ in 0..6 {
            let mut slow = gateway.connect().await;
            slow.send(format!("{head}1\r\n1\r\n")).await;
            let reply = slow.reply().await;
            assert_eq!((reply.status, reply.problem().as_str()), (408, "request_timeout"));

            let mut large = gateway.connect().await;
            large.send(head).await;
            let chunk = "1".repeat(64 * 1024);
            for _ in 0..17 {
                large.send_unheeded(format!("{:x}\r\n{chunk}\r\n", chunk.len())).await;
            }
            let reply = large.reply().await;
            assert_eq!((reply.status, reply.problem().as_str()), (413, "payload_too_large"));

            let mut broken = gateway.connect().await;
            broken.send(format!("{head}xyz\r\n")).await;
            let reply = broken.reply().await;
            assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"));
        }
        let upstream = gateway.app.remotes().upstream(Service::Crm).expect("a service").clone();
        assert_eq!(upstream.backends()[0].breaker_state(), BreakerState::Closed, "{protocol}");
    }
}

/// A process that takes connections and hangs up on every request.
async fn hanging_up() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, count) = (listener.local_addr().expect("it"), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            if !head[..read].starts_with(b"GET /ready") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (address, count)
}

/// An address at which nobody is.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("it")
}

const WRITE: &str = "POST /read HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n\
                     content-length: 2\r\n\r\n{}";

/// What certainly was not sent is sent to another one, whatever it is.
#[tokio::test]
async fn who_cannot_be_reached_costs_nothing() {
    for protocol in PROTOCOLS {
        let service = service(table()).await;
        let urls = [nobody().await, service.address].map(|at| format!("{protocol}://{at}"));
        // Never probed after the first time, so that requests find out.
        let remote = RemoteConfig { breaker_failures: 1000, ..RemoteConfig::default() };
        let config = HttpConfig { remote, ..HttpConfig::default() };
        let gateway = gateway(&urls, config, table()).await;
        let mut wire = gateway.connect().await;
        for request in [get("/headers"), WRITE.to_owned()].iter().cycle().take(100) {
            wire.send(request).await;
            assert_eq!(wire.reply().await.status, 200, "{protocol}");
        }
    }
}

/// Reads are tried again on another one, within the budget; a write that may
/// have been done is not, and the caller is told so.
#[tokio::test]
async fn f6_a_write_is_never_sent_twice() {
    let (broken, asked) = hanging_up().await;
    let remote = RemoteConfig { breaker_failures: 1000, ..RemoteConfig::default() };
    let config = HttpConfig { remote: remote.clone(), ..HttpConfig::default() };
    let alone = gateway(&[format!("http://{broken}")], config, table()).await;
    let mut wire = alone.connect().await;
    wire.send(WRITE).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
    assert!(reply.header("retry-after").is_some());
    let detail = reply.json()["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let service = service(table()).await;
    let urls = [broken, service.address].map(|at| format!("http://{at}"));
    let config = HttpConfig { remote, ..HttpConfig::default() };
    let both = gateway(&urls, config, table()).await;
    let mut wire = both.connect().await;
    for _ in 0..20 {
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}

/// Who fails again and again is left alone, and asked again once it may be well.
#[tokio::test]
async fn a_breaker_opens_and_closes() {
    let (broken, asked) = hanging_up().await;
    let remote = RemoteConfig {
        breaker_failures: 3,
        // Nothing but requests finds out.
        probe_interval: Duration::from_secs(3600),
        ..RemoteConfig::default()
    };
    let config = HttpConfig { remote, ..HttpConfig::default() };
    let urls = [format!("http://{broken}")];
    let crm = urls.iter().map(|url| url.parse().expect("an address")).collect();
    let remote = RemoteConfig { crm, breaker_pause: Duration::from_secs(3600), ..config.remote };
    let config = HttpConfig { role: Role::Gateway, remote, ..HttpConfig::default() };
    let gateway = Running::start(config, of_crm(table())).await;
    let upstream = gateway.app.remotes().upstream(Service::Crm).expect("a service").clone();
    while upstream.backends().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut wire = gateway.connect().await;
    for _ in 0..10 {
        wire.send(WRITE).await;
        let reply = wire.reply().await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3, "the others were not sent");
    assert_eq!(upstream.backends()[0].breaker_state(), BreakerState::Open);
}

#[tokio::test]
async fn a_probe_closes_the_breaker_of_who_is_well_again() {
    let address = nobody().await;
    let remote = RemoteConfig { breaker_failures: 1, ..RemoteConfig::default() };
    let config = HttpConfig { remote, ..HttpConfig::default() };
    let gateway = gateway(&[format!("http://{address}")], config, table()).await;
    let mut wire = gateway.connect().await;
    wire.send(get("/headers")).await;
    assert_eq!(wire.reply().await.problem(), "unavailable");
    let mut routes = table();
    routes.push(public(Method::GET, "/ready", |_, _| Box::pin(async { respond::ok(&"ready") })));
    let config = HttpConfig { listen: address, role: Role::Crm, ..HttpConfig::default() };
    let server = Server::with_routes(config, of_crm(routes)).await.expect("the port is free");
    tokio::spawn(server.run(std::future::pending()));
    loop {
        wire.send(get("/headers")).await;
        if wire.reply().await.status == 200 {
            break;
        }
    }
}

/// A name means all of its addresses, and those at which nobody is do no harm.
#[tokio::test]
async fn names_are_resolved() {
    let service = service(table()).await;
    let urls = [format!("http://localhost:{}", service.address.port())];
    let gateway = gateway(&urls, HttpConfig::default(), table()).await;
    let mut wire = gateway.connect().await;
    for _ in 0..20 {
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
}

/// One of two is stopped under load: every request is answered all the same.
#[tokio::test]
async fn f14_who_drains_gets_no_more_requests() {
    for protocol in PROTOCOLS {
        let (mut first, second) = (draining_service().await, draining_service().await);
        let urls = [first.address, second.address].map(|at| format!("{protocol}://{at}"));
        let gateway = gateway(&urls, HttpConfig::default(), table()).await;
        let load: Vec<_> = (0..8)
            .map(|_| {
                let address = gateway.address;
                tokio::spawn(async move {
                    let mut wire = Wire::connect(address).await;
                    for request in [get("/headers"), WRITE.to_owned()].iter().cycle().take(200) {
                        wire.send(request).await;
                        let reply = wire.reply().await;
                        assert_eq!(reply.status, 200, "{:?}", String::from_utf8(reply.body));
                    }
                })
            })
            .collect();
        first.stop();
        for caller in load {
            caller.await.expect("no request failed");
        }
        assert_eq!((&mut first.ended).await.expect("it ends"), Drained::Completely);
        drop(second);
    }
}

/// One whose `/ready` is the real one, without a database.
async fn draining_service() -> Running {
    let mut routes = table();
    routes.push(public(Method::GET, "/ready", |app, _| {
        Box::pin(async move {
            if app.is_draining() {
                return Err(Failure::of(nexo_core::model::ErrorCode::Unavailable));
            }
            respond::ok(&"ready")
        })
    }));
    let config = HttpConfig {
        role: Role::Crm,
        trusted_proxies: vec!["127.0.0.1".parse().expect("a network")],
        drain_delay: Duration::from_millis(200),
        ..HttpConfig::default()
    };
    Running::start(config, of_crm(routes)).await
}
