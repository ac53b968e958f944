//! `/metrics`, and who listens to it.

mod listener;
mod monitoring;
mod scrape;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use nexo_core::AuthConfig;
use nexo_core::testing::TestDatabase;
use nexo_server::routes::table;
use nexo_server::{
    BoundServer, HttpConfig, MailConfig, MetricsConfig, OidcProviders, RemoteConfig, Role, Server,
    TrafficLimits,
};
use serde_json::json;
use uuid::Uuid;

use crate::component::installed;
use crate::harness::{Call, SignIn, TestServer, config as unlimited, serve_as, until_ready};
use scrape::Scrape;

/// A server that tells its metrics, and where.
pub(crate) struct Watched {
    pub(crate) server: TestServer,
    metrics: std::net::SocketAddr,
}

impl Watched {
    pub(crate) async fn start(config: HttpConfig) -> Self {
        Self::with_mail(config, None).await
    }

    /// One that sends mail, if it is told how.
    async fn with_mail(config: HttpConfig, mail: Option<MailConfig>) -> Self {
        let database = TestDatabase::create().await;
        let (opened, keys) = database.open_with_auth(AuthConfig::default()).await;
        let server = Server::listen(free_ports(config)).await.unwrap();
        let providers = OidcProviders::default();
        server.provider().provide_with_sign_in(opened, keys, mail, providers);
        Self::run(server, database)
    }

    /// A gateway with an authentication and a CRM service behind it.
    async fn gateway(config: HttpConfig) -> Self {
        let database = TestDatabase::create().await;
        let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        let inside = HttpConfig { trusted_proxies, ..unlimited() };
        let auth = serve_as(Role::Auth, &database, inside.clone(), SignIn::default()).await.0;
        let auth = vec![format!("http://{auth}").parse().unwrap()];
        let remote = RemoteConfig { auth, ..RemoteConfig::default() };
        let inside = HttpConfig { remote: remote.clone(), ..inside };
        let crm = serve_as(Role::Crm, &database, inside, SignIn::default()).await.0;
        let crm = vec![format!("http://{crm}").parse().unwrap()];
        let remote = RemoteConfig { crm, ..remote };
        let config = HttpConfig { role: Role::Gateway, remote, ..free_ports(config) };
        let watched = Self::run(Server::listen(config).await.unwrap(), database);
        until_ready(watched.server.address).await;
        watched
    }

    fn run(server: BoundServer, database: TestDatabase) -> Self {
        let (address, metrics) = (server.local_addr(), server.metrics_addr().unwrap());
        tokio::spawn(server.run(std::future::pending()));
        Self { server: TestServer { database, address }, metrics }
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        Scrape::of(self.metrics).await
    }

    /// Has requests of every kind answered: by route, by outcome.
    pub(crate) async fn populate(&self) {
        for name in ["ada", "grace", "edsger"] {
            let user = self.server.register(name).await;
            let client = json!({ "name": format!("Client of {name}") });
            let created = self.server.post("/api/clients", &client).by(&user).send().await;
            let path = format!("/api/clients/{}", created.json()["id"].as_str().unwrap());
            for path in [&path[..], "/api/crm/clients", &format!("/api/tasks/{}", Uuid::now_v7())] {
                self.server.get(path).by(&user).send().await;
            }
            self.server.get(&format!("/{}", user.account)).by(&user).send().await;
            self.server.call("BREW", &path).by(&user).send().await;
            self.server.call("DELETE", &path).by(&user).send().await;
            self.server.get(&path).send().await;
        }
    }
}

fn free_ports(config: HttpConfig) -> HttpConfig {
    let free = "127.0.0.1:0".parse().unwrap();
    let metrics = MetricsConfig { listen: Some(free), is_required: true };
    HttpConfig { listen: free, metrics, ..config }
}

/// All that there is to tell: by a server that does everything and sends mail, and by a
/// gateway that counts in Redis. Neither the mail server nor Redis is there, which changes
/// values and no names.
async fn scrapes() -> [Scrape; 2] {
    let mail = MailConfig::new("smtp://127.0.0.1:1", "NEXO <crm@example.com>").unwrap();
    let all = Watched::with_mail(HttpConfig::default(), Some(mail)).await;
    let redis = Some("redis://127.0.0.1:1".parse().unwrap());
    let traffic = TrafficLimits { redis, ..TrafficLimits::off() };
    let gateway = Watched::gateway(HttpConfig { traffic, ..HttpConfig::default() }).await;
    all.populate().await;
    gateway.populate().await;
    [all.scrape().await, gateway.scrape().await]
}

/// P9: no account, user or path is told, labels are bounded by the route table,
/// and callers cannot read metrics at all.
#[tokio::test]
async fn p9_metrics_tell_of_no_account_and_no_path() {
    let watched = Watched::start(HttpConfig::default()).await;
    watched.populate().await;
    for path in ["/metrics", "/metrics/"] {
        assert_eq!(watched.server.get(path).send().await.problem(), "route_not_found");
    }
    let scrape = watched.scrape().await;
    let word = |c: char| !(c.is_ascii_hexdigit() || c == '-');
    let uuid = scrape.text.split(word).find(|word| word.parse::<Uuid>().is_ok());
    assert_eq!(uuid, None, "{}", scrape.text);
    for told in ["example.com", "ada", "Engines", "BREW"] {
        assert!(!scrape.text.contains(told), "{told}: {}", scrape.text);
    }
    let mut routes: BTreeSet<_> = table().iter().map(|route| route.path().to_owned()).collect();
    routes.insert("-".to_owned());
    let told = scrape.values("nexo_http_requests_total", "route");
    assert!(told.is_subset(&routes), "{told:?}");
    let methods: BTreeSet<_> =
        ["DELETE", "GET", "POST", "other"].into_iter().map(str::to_owned).collect();
    assert_eq!(scrape.values("nexo_http_requests_total", "method"), methods);
    let labels: BTreeSet<_> = scrape.labels().collect();
    let known = ["kind", "le", "method", "pool", "role", "route", "service", "status", "version"];
    assert_eq!(labels, known.into_iter().collect());

    let series = scrape.samples().count();
    watched.populate_again().await;
    assert_eq!(watched.scrape().await.samples().count(), series, "more accounts, more series");
}

#[tokio::test]
async fn what_is_counted_is_what_was_asked() {
    let watched = Watched::start(HttpConfig::default()).await;
    watched.populate().await;
    let scrape = watched.scrape().await;
    let count = |method, route, status| {
        let labels = [("method", method), ("route", route), ("status", status)];
        scrape.value("nexo_http_requests_total", &labels)
    };
    assert_eq!(count("POST", "/api/auth/register", "201"), Some(3.0));
    assert_eq!(count("POST", "/api/clients", "201"), Some(3.0));
    assert_eq!(count("GET", "/api/clients/{id}", "200"), Some(3.0));
    assert_eq!(count("GET", "/api/clients/{id}", "401"), Some(3.0));
    assert_eq!(count("GET", "/api/tasks/{id}", "404"), Some(3.0));
    assert_eq!(count("GET", "-", "404"), Some(3.0));
    assert_eq!(count("other", "-", "405"), Some(3.0));
    let took = "nexo_http_request_duration_seconds_count";
    let of_one = [("method", "GET"), ("route", "/api/clients/{id}")];
    assert_eq!(scrape.value(took, &of_one), Some(6.0));
    for (role, at_least) in [("app", 12.0), ("auth", 3.0)] {
        let flushes = scrape.value("nexo_db_flush_duration_seconds_count", &[("role", role)]);
        assert!(flushes >= Some(at_least), "{role}: {flushes:?}");
    }
    for service in ["auth", "crm", "database"] {
        assert_eq!(scrape.value("nexo_service_up", &[("service", service)]), Some(1.0));
    }
    assert_eq!(scrape.value("nexo_ready", &[]), Some(1.0));
    assert_eq!(scrape.value("nexo_http_requests_in_flight", &[]), Some(0.0));
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(scrape.value("nexo_build_info", &version), Some(1.0));
    assert!(scrape.value("nexo_http_connections_accepted_total", &[]) >= Some(20.0));
}

/// Prometheus takes it, and its own linter has nothing against it.
#[tokio::test]
async fn the_format_is_that_of_prometheus() {
    let scrapes = scrapes().await;
    for scrape in &scrapes {
        for name in scrape.names() {
            for line in ["HELP", "TYPE"] {
                assert!(scrape.text.contains(&format!("# {line} {name} ")), "no {line} for {name}");
            }
        }
    }
    let Some(promtool) = installed("promtool") else { return };
    for scrape in &scrapes {
        let mut check = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check.stdin.take().unwrap().write_all(scrape.text.as_bytes()).unwrap();
        let checked = check.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && told.is_empty(), "{told}");
    }
}

impl Watched {
    /// The same requests of other accounts.
    async fn populate_again(&self) {
        for at in 0..3 {
            let user = self.server.register(&format!("somebody-{at}")).await;
            let created =
                self.server.post("/api/clients", &json!({ "name": "c" })).by(&user).send().await;
            let path = format!("/api/clients/{}", created.json()["id"].as_str().unwrap());
            self.server.get(&path).by(&user).send().await;
            self.server.get(&format!("/{}", Uuid::now_v7())).by(&user).send().await;
        }
    }
}

/// One request to a listener for metrics.
async fn get(address: std::net::SocketAddr, path: &str) -> crate::wire::Reply {
    Call::to(address, "GET", path).send().await
}
