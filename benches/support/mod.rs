//! What the benches share: a server in this process, and percentiles.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use nexo_client::Nexo;
use nexo_client::model::RegisterRequest;
use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};
use nexo_core::testing::credentials;
use nexo_core::tokio_postgres::{Client, NoTls};
use nexo_core::{AuthConfig, Database, DatabaseConfig};
use nexo_server::{HttpConfig, Server, TrafficLimits};

/// A real server on a free port, over a PostgreSQL with its durable defaults:
/// what is written here is on the disk when the answer comes.
pub(crate) struct Bench {
    pub(crate) url: String,
    cluster: Cluster,
    _folder: EphemeralDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let folder = EphemeralDir::create().expect("a folder");
        let binaries = Binaries::find().expect("PostgreSQL is installed");
        let options = ClusterOptions::ephemeral(folder.path());
        let cluster = Cluster::start(&binaries, &options).await.expect("PostgreSQL starts");
        let config = DatabaseConfig::from_owner(cluster.owner_config());
        let database = Database::open(config).await.expect("opens");
        let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");

        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // So that a bench can come from as many networks as it needs.
        let trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
        let traffic = TrafficLimits::off();
        let config = HttpConfig { listen, trusted_proxies, traffic, ..HttpConfig::default() };
        let server = Server::bind(config, database, authenticator).await.expect("a free port");
        let url = format!("http://{}", server.local_addr());
        tokio::spawn(server.run(pending()));
        Self { url, cluster, _folder: folder }
    }

    /// Lets the planner know what was written.
    pub(crate) async fn settle(&self) {
        self.superuser().await.batch_execute("vacuum analyze").await.expect("analyzed");
    }

    /// A connection that no policy holds.
    pub(crate) async fn superuser(&self) -> Client {
        let mut config = self.cluster.superuser_config();
        config.dbname("nexo");
        let (client, connection) = config.connect(NoTls).await.expect("connects");
        tokio::spawn(connection);
        client
    }

    /// A new user, logged in.
    pub(crate) async fn register(&self) -> (Nexo, RegisterRequest) {
        let request = credentials();
        let nexo = Nexo::new(&self.url).expect("a URL");
        nexo.register(&request).await.expect("registers");
        (nexo, request)
    }
}

/// The value below which `share` of the sorted samples lie.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * share).ceil() as usize]
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
