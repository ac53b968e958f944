//! What the gateway's stages cost, and what a split into processes does.
//!
//! `cargo bench --bench stages` reads one client over and over, by callers that
//! keep their connections: from a handler that does nothing but the query, from
//! the server with all of its stages on (limits, metrics, traces, the log as JSON),
//! and through a gateway with an authentication and a CRM service behind it, over
//! HTTP/1.1 and over HTTP/2. They take turns, so that a noisy machine is noisy for
//! all of them; what counts is the ratio, in each round by itself. Where others use
//! the machine as well, the time on a processor says more than the rate: that of this
//! process, which is the servers and their callers without PostgreSQL.

#[path = "support/trial.rs"]
mod trial;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use nexo_client::Nexo;
use nexo_client::model::NewClient;
use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};
use nexo_core::model::{Client, Id};
use nexo_core::testing::credentials;
use nexo_core::{AuthConfig, Authenticator, Database, DatabaseConfig, TenantScope};
use nexo_server::{
    HttpConfig, MetricsConfig, RemoteConfig, Role, Server, TracesConfig, TrafficLimits, json_log,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use trial::trial;

const QUERY: &str = "the query alone";
const ALL: &str = "all in one";

const CALLERS: usize = 16;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(3);

fn main() {
    // As in production, but nobody reads it.
    let log = tracing_subscriber::registry().with(EnvFilter::new("info"));
    log.with(json_log(io::sink)).init();
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(compare(trial()));
}

async fn compare(trial: bool) {
    let (rounds, round) = if trial { (1, Duration::from_millis(100)) } else { (ROUNDS, ROUND) };
    let folder = EphemeralDir::create().expect("a folder");
    let binaries = Binaries::find().expect("PostgreSQL is installed");
    let options = ClusterOptions::ephemeral(folder.path());
    let cluster = Cluster::start(&binaries, &options).await.expect("PostgreSQL starts");
    let config = DatabaseConfig::from_owner(cluster.owner_config());
    let database = Database::open(config.clone()).await.expect("opens");
    let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");

    let all = serve(Role::All, HttpConfig::default(), &database, &authenticator).await;
    let mut callers = Vec::new();
    let mut scopes = HashMap::new();
    for number in 0..CALLERS {
        let caller = Caller::register(all, number).await;
        let scope = authenticator.verify(&caller.token).await.expect("it is good");
        scopes.insert(caller.path.clone(), (scope, caller.client));
        callers.push(caller);
    }
    let bare = bare(database.clone(), Arc::new(scopes)).await;
    let mut places = vec![(QUERY, bare), (ALL, all)];
    for protocol in ["http", "h2c"] {
        let gateway = split(protocol, &database, &authenticator).await;
        places
            .push((if protocol == "http" { "split, HTTP/1.1" } else { "split, HTTP/2" }, gateway));
    }
    // Some of them alone, for a profiler: cargo bench --bench stages -- 'all in one'
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    places.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name));
    let mut rates = vec![Vec::new(); places.len()];
    let mut times = rates.clone();
    // Connections, plans and caches are there before it counts.
    for (_, place) in &places {
        load(*place, &callers, round / 3).await;
    }
    for _ in 0..rounds {
        for ((_, place), (rates, times)) in places.iter().zip(rates.iter_mut().zip(&mut times)) {
            let before = processor_time();
            let rate = load(*place, &callers, round).await;
            rates.push(rate);
            if let Some((before, after)) = before.zip(processor_time()) {
                times.push((after - before).as_secs_f64() * 1e6 / (rate * round.as_secs_f64()));
            }
        }
    }
    if trial {
        println!("a trial: the figures below measure nothing");
    }
    println!("\nreads of one client a second, {CALLERS} callers, median of {rounds} rounds");
    println!(
        "{:20}{:>10}{:>20}{:>16}{:>22}",
        "", "a second", "to the query alone", "to all in one", "us of processor time"
    );
    for (((name, _), rates_here), times) in places.iter().zip(&rates).zip(times) {
        let to = |name: &str| {
            let other = places.iter().zip(&rates).find(|((known, _), _)| *known == name);
            median(
                other
                    .into_iter()
                    .flat_map(|(_, other)| rates_here.iter().zip(other))
                    .map(|(a, b)| a / b),
            )
        };
        let (to_query, to_all) = (to(QUERY), to(ALL));
        let (rate, time) = (median(rates_here.iter().copied()), median(times));
        println!("{name:20}{rate:>10.0}{to_query:>20.2}{to_all:>16.2}{time:>22.0}");
    }
    drop(database);
    cluster.stop().await;
}

/// Of nothing, no number.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How long this process has been on a processor, where the system tells it so
/// (Linux, in 100ths of a second).
fn processor_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything.
    let (_, told) = told.rsplit_once(')')?;
    let mut ticks = told.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 10))
}

/// Somebody with an account of their own, one client in it, and an address: what
/// is counted by a limit is counted for each of them.
struct Caller {
    path: String,
    client: Id<Client>,
    token: String,
    address: String,
}

impl Caller {
    async fn register(at: SocketAddr, number: usize) -> Self {
        let nexo = Nexo::new(format!("http://{at}")).expect("a URL");
        nexo.register(&credentials()).await.expect("registers");
        let new = NewClient { name: "Babbage & Sons".to_owned(), ..NewClient::default() };
        let client = nexo.clients().create(&new).await.expect("created").id;
        let token = nexo.session().expect("logged in").export().access_token;
        let path = format!("/api/clients/{client}");
        Self { path, client, token, address: format!("198.51.100.{number}") }
    }
}

/// A server with all of its stages on, and limits that nobody reaches.
async fn serve(
    role: Role,
    config: HttpConfig,
    database: &Database,
    authenticator: &Authenticator,
) -> SocketAddr {
    let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let many = Some("10000/1s".parse().expect("a quota"));
    let traffic = match role {
        Role::All | Role::Gateway => TrafficLimits {
            per_ip: many,
            credentials_per_ip: many,
            per_user: many,
            ..TrafficLimits::default()
        },
        Role::Auth | Role::Crm => TrafficLimits::off(),
    };
    let config = HttpConfig {
        listen: free,
        role,
        traffic,
        trusted_proxies: vec!["127.0.0.1".parse().expect("a network")],
        metrics: MetricsConfig { listen: Some(free), is_required: true },
        traces: TracesConfig { always: true },
        ..config
    };
    let server = Server::listen(config).await.expect("a free port");
    match role {
        Role::Gateway => {}
        Role::Crm => server.provider().provide_crm(database.clone()),
        Role::All | Role::Auth => {
            server.provider().provide(database.clone(), authenticator.clone());
        }
    }
    let address = server.local_addr();
    tokio::spawn(server.run(pending()));
    address
}

async fn split(protocol: &str, database: &Database, authenticator: &Authenticator) -> SocketAddr {
    let url = |address: SocketAddr| vec![format!("{protocol}://{address}").parse().expect("a URL")];
    let auth = url(serve(Role::Auth, HttpConfig::default(), database, authenticator).await);
    let remote = RemoteConfig { auth, ..RemoteConfig::default() };
    let inside = HttpConfig { remote: remote.clone(), ..HttpConfig::default() };
    let crm = url(serve(Role::Crm, inside, database, authenticator).await);
    let remote = RemoteConfig { crm, ..remote };
    let config = HttpConfig { remote, ..HttpConfig::default() };
    let gateway = serve(Role::Gateway, config, database, authenticator).await;
    let ready = format!("http://{gateway}");
    let nexo = Nexo::new(ready).expect("a URL");
    while nexo.health().await.map_or(true, |health| !health.is_ok()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gateway
}

/// Whose client is at a path.
type Scopes = Arc<HashMap<String, (TenantScope, Id<Client>)>>;

/// Nothing but the query and its answer.
async fn bare(database: Database, scopes: Scopes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it has one");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accepted");
            stream.set_nodelay(true).expect("set");
            let (database, scopes) = (database.clone(), scopes.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (database, scopes) = (database.clone(), scopes.clone());
                async move {
                    let (scope, id) = &scopes[request.uri().path()];
                    let client = database.repository::<Client>().get(scope, *id).await;
                    let body = serde_json::to_vec(&client.expect("it is there")).expect("JSON");
                    let mut reply = Response::new(Full::new(Bytes::from(body)));
                    let json = "application/json".parse().expect("header text");
                    reply.headers_mut().insert(CONTENT_TYPE, json);
                    Ok::<_, Infallible>(reply)
                }
            });
            let mut http = server::Builder::new();
            http.timer(TokioTimer::new());
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// How many replies come a second.
async fn load(to: SocketAddr, callers: &[Caller], time: Duration) -> f64 {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let callers: Vec<_> = callers
        .iter()
        .map(|caller| {
            let (path, address) = (caller.path.clone(), caller.address.clone());
            let bearer = format!("Bearer {}", caller.token);
            let (stop, count) = (stop.clone(), count.clone());
            tokio::spawn(async move {
                let stream = TcpStream::connect(to).await.expect("connects");
                stream.set_nodelay(true).expect("set");
                let (mut sender, connection) =
                    client::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
                tokio::spawn(connection);
                while !stop.load(Ordering::Relaxed) {
                    let request = Request::get(&path)
                        .header(HOST, "nexo.test")
                        .header(AUTHORIZATION, &bearer)
                        .header("x-forwarded-for", &address)
                        .body(Empty::<Bytes>::new())
                        .expect("a request");
                    sender.ready().await.expect("the connection goes on");
                    let reply = sender.send_request(request).await.expect("a reply");
                    assert_eq!(reply.status(), StatusCode::OK);
                    reply.into_body().collect().await.expect("the whole body");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no request failed");
    }
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}
