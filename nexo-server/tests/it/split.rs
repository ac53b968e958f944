//! A gateway, an authentication and a CRM service, each a process of its own.
//!
//! That all routes answer as they do in one process is shown by running all of
//! these tests with `NEXO_TEST_SPLIT=http` or `h2c`: see the harness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nexo_core::AuthConfig;
use nexo_core::testing::{PASSWORD, TestDatabase};
use nexo_core::tokio_postgres::config::Host;
use nexo_server::{HttpConfig, MetricsConfig, RemoteConfig, Role, Server, ServiceUrl};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Call, SignIn, UNSEALED, User, config, register, serve_as, until_ready};
use crate::process::{deadline, pause};
use crate::program::{Program, command};

fn url(address: SocketAddr) -> Vec<ServiceUrl> {
    vec![format!("http://{address}").parse().unwrap()]
}

fn inside() -> HttpConfig {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    HttpConfig { trusted_proxies, ..config() }
}

async fn gateway(database: &TestDatabase, auth: SocketAddr, crm: SocketAddr) -> SocketAddr {
    let remote = RemoteConfig { auth: url(auth), crm: url(crm), ..RemoteConfig::default() };
    let config = HttpConfig { remote, ..config() };
    serve_as(Role::Gateway, database, config, SignIn::default()).await.0
}

async fn crm(database: &TestDatabase, auth: SocketAddr) -> SocketAddr {
    let remote = RemoteConfig { auth: url(auth), ..RemoteConfig::default() };
    serve_as(Role::Crm, database, HttpConfig { remote, ..inside() }, SignIn::default()).await.0
}

#[tokio::test]
async fn each_process_has_its_own_routes_and_no_others() {
    let database = TestDatabase::create().await;
    let auth = serve_as(Role::Auth, &database, inside(), SignIn::default()).await.0;
    let crm = crm(&database, auth).await;
    until_ready(crm).await;
    let ada = register(auth, "ada").await;
    let get = |at, path| Call::to(at, "GET", path).by(&ada).send();
    assert_eq!(get(auth, "/api/auth/profile").await.status, 200);
    assert_eq!(get(crm, "/api/clients").await.status, 200, "verified by the published keys");
    assert_eq!(get(auth, "/api/clients").await.problem(), "route_not_found");
    assert_eq!(get(crm, "/api/auth/profile").await.problem(), "route_not_found");
    assert_eq!(get(crm, "/.well-known/jwks.json").await.problem(), "route_not_found");

    // What a session may do ends everywhere at once.
    assert_eq!(Call::to(auth, "POST", "/api/auth/logout").by(&ada).send().await.status, 204);
    assert_eq!(get(crm, "/api/clients").await.problem(), "session_ended");
}

/// A service that counts what it is asked, apart from whether it is ready.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut head = [0; 8192];
                while let Ok(1..) = stream.read(&mut head).await {
                    if !head.starts_with(b"GET /ready") {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    drop(stream.write_all(reply).await);
                }
            });
        }
    });
    (address, count)
}

/// F8, J1 to J4: who is nobody gets no further than the gateway.
#[tokio::test]
async fn f8_a_bad_token_reaches_no_service() {
    let database = TestDatabase::create().await;
    let auth = serve_as(Role::Auth, &database, inside(), SignIn::default()).await.0;
    let (crm, asked) = counting().await;
    let gateway = gateway(&database, auth, crm).await;
    until_ready(gateway).await;
    let ada = register(gateway, "ada").await;
    let (head, rest) = ada.token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let other = register(gateway, "bob").await.token;
    for bad in [
        String::new(),
        "abc".to_owned(),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{}", other.rsplit('.').next().unwrap()),
        format!("{head}.{}.{signature}", other.split('.').nth(1).unwrap()),
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        ada.refresh_token.clone(),
        "x".repeat(9000),
    ] {
        let reply = Call::to(gateway, "GET", "/api/clients").bearer(&bad).send().await;
        assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthenticated"), "{bad}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(Call::to(gateway, "GET", "/api/clients").by(&ada).send().await.status, 200);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// J6: a key that was made a moment ago is fetched when it is met.
#[tokio::test]
async fn j6_a_new_signing_key_is_known_at_once() {
    let database = TestDatabase::create().await;
    let (opened, keys) = database.open_with_auth(AuthConfig::default()).await;
    let listen = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..inside() };
    let server = Server::bind(HttpConfig { role: Role::Auth, ..listen }, opened, keys.clone());
    let server = server.await.unwrap();
    let auth = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    let crm = crm(&database, auth).await;
    let gateway = gateway(&database, auth, crm).await;
    until_ready(gateway).await;
    let old = register(gateway, "ada").await;
    keys.rotate_signing_key().await.unwrap();
    let new = register(gateway, "bob").await;
    assert_ne!(old.token.split('.').next(), new.token.split('.').next(), "another kid");
    // Invented keys do not make anybody fetch for ever, so a new one may have to
    // wait for its turn.
    let deadline = deadline();
    loop {
        let reply = Call::to(gateway, "GET", "/api/clients").by(&new).send().await;
        if reply.status == 200 {
            break;
        }
        assert_eq!(reply.problem(), "unauthenticated");
        pause(deadline, "the new key is known").await;
    }
    assert_eq!(Call::to(gateway, "GET", "/api/clients").by(&old).send().await.status, 200);
}

/// A gateway tells how the processes behind it are, by address and service alone.
#[tokio::test]
async fn p9_a_gateway_tells_of_its_backends() {
    let database = TestDatabase::create().await;
    let auth = serve_as(Role::Auth, &database, inside(), SignIn::default()).await.0;
    let crm = crm(&database, auth).await;
    let remote = RemoteConfig { auth: url(auth), crm: url(crm), ..RemoteConfig::default() };
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let metrics = MetricsConfig { listen, is_required: true };
    let config = HttpConfig { role: Role::Gateway, remote, metrics, ..config() };
    let server = Server::listen(config).await.unwrap();
    let (gateway, metrics) = (server.local_addr(), server.metrics_addr().unwrap());
    tokio::spawn(server.run(std::future::pending()));
    until_ready(gateway).await;
    let told = Call::to(metrics, "GET", "/metrics").send().await;
    let told = String::from_utf8(told.body).unwrap();
    for (service, backend) in [("auth", auth), ("crm", crm)] {
        let of = format!("service=\"{service}\",backend=\"{backend}\"");
        for line in [
            format!("nexo_backend_breaker_state{{{of}}} 0"),
            format!("nexo_backend_ready{{{of}}} 1"),
            format!("nexo_backend_failures_total{{{of}}} 0"),
            format!("nexo_service_up{{service=\"{service}\"}} 1"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in {told}");
        }
    }
}

/// One service is away: what the other one answers goes on, and it is all there
/// again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_takes_nothing_else_with_it() {
    let database = TestDatabase::create().await;
    let auth = Program::spawn(service("auth", &database, &[])).listening();
    let auth_url = format!("http://{}", auth.address);
    let crm = Program::spawn(service("crm", &database, &["--auth-service-url", &auth_url]));
    let crm = crm.listening();
    let crm_url = format!("http://{}", crm.address);
    let services = ["--auth-service-url", &auth_url, "--crm-service-url", &crm_url];
    let gateway = Program::spawn(of_role("gateway", &services)).listening();
    until_ready(gateway.address).await;
    let ada = gateway.register("ada").await;
    let clients = || gateway.get("/api/clients").by(&ada).send();
    let login = json!({ "email": ada.email, "password": PASSWORD });
    assert_eq!(clients().await.status, 200);

    let crm_address = crm.address;
    crm.kill();
    let away = clients().await;
    assert_eq!((away.status, away.problem().as_str()), (503, "unavailable"));
    assert!(away.header("retry-after").is_some());
    assert_eq!(gateway.post("/api/auth/login", &login).send().await.status, 200);
    let deadline = deadline();
    while gateway.get("/health").send().await.json()["status"] != "degraded" {
        pause(deadline, "the gateway says that something is away").await;
    }
    assert_eq!(gateway.get("/health/crm").send().await.status, 503);
    let ready = gateway.get("/ready").send().await.status;
    assert_eq!(ready, 200, "or a balancer took away what still works");

    let listen = crm_address.to_string();
    let again = service("crm", &database, &["--auth-service-url", &auth_url]);
    let crm = Program::spawn(again_at(again, &listen)).listening();
    while clients().await.status != 200 {
        pause(deadline, "it is found again").await;
    }

    // Who signs is away: tokens that are good stay so.
    auth.kill();
    assert_eq!(clients().await.status, 200);
    let login = gateway.post("/api/auth/login", &login).send().await;
    assert_eq!((login.status, login.problem().as_str()), (503, "unavailable"));
    crm.stop();
    while gateway.get("/ready").send().await.status == 200 {
        pause(deadline, "the gateway says that nothing is there").await;
    }
    gateway.stop();
}

/// Who writes seals: the process that logs people in does not hear of what others write.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_writes_is_sealed_by_it() {
    let database = TestDatabase::create().await;
    let auth = Program::spawn(service("auth", &database, &[])).listening();
    let auth_url = format!("http://{}", auth.address);
    let start = || {
        let command = service("crm", &database, &["--auth-service-url", &auth_url]);
        Program::spawn(command).listening()
    };
    let crm = start();
    until_ready(crm.address).await;
    let ada = auth.register("ada").await;
    let superuser = database.superuser().await;
    let until_sealed = async || {
        let deadline = deadline();
        while superuser.query_one(UNSEALED, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            pause(deadline, "all entries are sealed").await;
        }
    };
    let create = async |crm: &Program| {
        let made = crm.post("/api/clients", &json!({ "name": "Acme" })).by(&ada).send().await;
        assert_eq!(made.status, 201);
    };
    until_sealed().await;
    // Nobody else is there.
    auth.stop();
    create(&crm).await;
    until_sealed().await;
    create(&crm).await;
    crm.stop();
    let sealed = superuser.query_one("select count(*) from nexo.audit_seals", &[]).await.unwrap();
    assert!(sealed.get::<_, i64>(0) >= 3);
    until_sealed().await;
}

/// Both CRM processes are restarted one after the other under load: no request
/// fails, and what was acknowledged is there once.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_rolling_restart_fails_no_request() {
    let database = TestDatabase::create().await;
    let auth = Program::spawn(service("auth", &database, &[])).listening();
    let auth_url = format!("http://{}", auth.address);
    let start = |listen: &str| {
        let command = service("crm", &database, &["--auth-service-url", &auth_url]);
        Program::spawn(again_at(command, listen)).listening()
    };
    let mut crms = vec![start("127.0.0.1:0"), start("127.0.0.1:0")];
    let urls: Vec<_> = crms.iter().map(|crm| format!("http://{}", crm.address)).collect();
    let urls = urls.join(",");
    let services = ["--auth-service-url", &auth_url, "--crm-service-url", &urls];
    let gateway = Program::spawn(of_role("gateway", &services)).listening();
    until_ready(gateway.address).await;
    let ada = Arc::new(gateway.register("ada").await);
    let (at, stop) = (gateway.address, Arc::new(AtomicBool::new(false)));
    let load: Vec<_> =
        (0..8).map(|caller| tokio::spawn(load(at, ada.clone(), caller, stop.clone()))).collect();
    for at in 0..crms.len() {
        let mut crm = crms.remove(at);
        let listen = crm.address.to_string();
        crm.signal("TERM");
        crm.exited().await;
        crms.insert(at, start(&listen));
        until_ready(crms[at].address).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (mut requests, mut created) = (0, 0);
    for caller in load {
        let (sent, made) = caller.await.unwrap();
        requests += sent;
        created += made;
    }
    assert!(created > 100, "only {created} writes");
    let stored: i64 = database
        .superuser()
        .await
        .query_one("select count(*) from nexo.clients", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(usize::try_from(stored), Ok(created), "none lost, none doubled");
    println!("{requests} requests, {created} acknowledged writes, none failed, lost or doubled");
}

/// Reads and writes until told to stop; how many there were, and how many writes.
async fn load(
    at: SocketAddr,
    by: Arc<User>,
    caller: usize,
    stop: Arc<AtomicBool>,
) -> (usize, usize) {
    let (mut sent, mut created) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let body = json!({ "name": format!("{caller} {created}"), "status": "active" });
        let made = Call::to(at, "POST", "/api/clients").by(&by).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.json());
        let path = made.header("location").unwrap().to_owned();
        let read = Call::to(at, "GET", &path).by(&by).send().await;
        assert_eq!(read.status, 200, "{}", read.json());
        sent += 2;
        created += 1;
    }
    (sent, created)
}

fn of_role(role: &str, args: &[&str]) -> std::process::Command {
    let mut command = command(&["--role", role]);
    command.args(args);
    command
}

/// A process on the test's database.
fn service(role: &str, database: &TestDatabase, args: &[&str]) -> std::process::Command {
    let config = database.owner_config();
    let [Host::Unix(folder)] = config.get_hosts() else { panic!("one unix socket") };
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    let url = format!(
        "host={} user={} dbname={} password={password}",
        folder.display(),
        config.get_user().unwrap(),
        config.get_dbname().unwrap(),
    );
    let mut command = of_role(role, args);
    command.args(["--trusted-proxy", "127.0.0.1"]).env("DATABASE_URL", url);
    command
}

/// The same, at an address of its own.
fn again_at(mut command: std::process::Command, listen: &str) -> std::process::Command {
    command.env("NEXO_LISTEN", listen);
    command
}
