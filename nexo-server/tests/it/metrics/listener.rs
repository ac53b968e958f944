//! The listener for those who watch.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use nexo_server::{HttpConfig, Server, ServerError};
use tokio::sync::oneshot;

use super::{Scrape, Watched, free_ports, get};
use crate::program::{Program, command};
use crate::wire::Wire;

/// F8: whoever watches gets answers while callers take every connection.
#[tokio::test]
async fn f8_a_full_server_is_still_watched() {
    let watched = Watched::start(HttpConfig { max_connections: 1, ..HttpConfig::default() }).await;
    let mut only = watched.server.wire().await;
    only.send("GET /live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(only.reply().await.status, 200);
    let scrape = watched.scrape().await;
    assert_eq!(scrape.value("nexo_http_connections_open", &[]), Some(1.0));
    assert_eq!(scrape.value("nexo_http_connections_max", &[]), Some(1.0));
    for path in ["/live", "/ready", "/health"] {
        assert_eq!(get(watched.metrics, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_caller_who_is_turned_away_is_counted() {
    let config = HttpConfig { max_connections_per_ip: 1, ..HttpConfig::default() };
    let watched = Watched::start(config).await;
    let _only = watched.server.wire().await;
    let mut further = watched.server.wire().await;
    assert_eq!(further.closed().await, b"");
    let refused = watched.scrape().await.value("nexo_http_connections_refused_total", &[]);
    assert_eq!(refused, Some(1.0));
}

/// F14: and so while the server drains, which it tells.
#[tokio::test]
async fn f14_a_drain_is_watched_to_its_end() {
    let hour = Duration::from_secs(3600);
    let config = HttpConfig { drain_delay: hour, ..HttpConfig::default() };
    let server = Server::listen(free_ports(config)).await.unwrap();
    let metrics = server.metrics_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    assert_eq!(Scrape::of(metrics).await.value("nexo_ready", &[]), Some(0.0), "it starts");
    drop(stop);
    while get(metrics, "/health").await.json()["status"] != "draining" {}
    let ready = get(metrics, "/ready").await;
    assert_eq!((ready.status, ready.problem().as_str()), (503, "unavailable"));
    assert_eq!(Scrape::of(metrics).await.value("nexo_ready", &[]), Some(0.0));
    running.abort();
}

#[tokio::test]
async fn only_what_is_for_watching_is_answered() {
    let watched = Watched::start(HttpConfig::default()).await;
    for path in ["/", "/api/clients", "/api/auth/login", "/metrics/", "/.well-known/jwks.json"] {
        assert_eq!(get(watched.metrics, path).await.problem(), "route_not_found", "{path}");
    }
    let mut wire = Wire::connect(watched.metrics).await;
    wire.send("POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(wire.closed().await, b"", "one request a connection");
}

#[tokio::test]
async fn a_port_that_was_asked_for_and_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = free_ports(HttpConfig::default());
    config.metrics.listen = Some(address);
    let refused = Server::listen(config.clone()).await.unwrap_err();
    assert!(matches!(refused, ServerError::BindMetrics { address: at, .. } if at == address));
    config.metrics.is_required = false;
    assert_eq!(Server::listen(config).await.unwrap().metrics_addr(), None);

    let address = address.to_string();
    let done = command(&["--ephemeral", "--metrics-listen", &address]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(told.contains(&address) && told.contains("--metrics-listen"), "{told}");
}

/// The default port may belong to another server on the machine.
#[test]
fn the_default_port_may_be_taken() {
    // Whoever has it already makes it as taken as this test does.
    let _taken = TcpListener::bind("127.0.0.1:9464");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexo-server"));
    command.args(["--ephemeral", "--listen", "127.0.0.1:0"]).env_remove("DATABASE_URL");
    command.env_remove("NEXO_METRICS_LISTEN");
    let mut program = Program::spawn(command);
    program.logs("no metrics: choose another address with --metrics-listen, or off");
    program.listening().stop();
}

#[tokio::test]
async fn the_program_tells_where_its_metrics_are() {
    let mut program = Program::spawn(command(&["--ephemeral", "--metrics-listen", "127.0.0.1:0"]));
    let line = program.logs("metrics are told");
    let address = line.split("address=").nth(1).unwrap().trim().parse().unwrap();
    let scrape = Scrape::of(address).await;
    assert!(scrape.value("process_resident_memory_bytes", &[]) > Some(1e6));
    program.signal("TERM");
    let (status, printed, log) = program.end();
    assert!(status.success(), "{log}");
    assert!(printed.contains(&format!("Metrics:  http://{address}/metrics")), "{printed}");
}
