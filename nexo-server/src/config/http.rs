//! How the server speaks HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{
    DocsConfig, MetricsConfig, Network, Origin, RemoteConfig, Role, TlsConfig, TracesConfig,
    TrafficLimits,
};

/// Where the server listens, whom it believes and how long it waits.
///
/// The default is what `nexo-server` does without any flag, but that the program
/// also tells [`metrics`](Self::metrics).
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What this process answers itself.
    pub role: Role,
    /// Where the processes are that answer the rest.
    pub remote: RemoteConfig,
    /// The most connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// The most connections from one address (IPv6: from one /64); further
    /// ones are closed. Trusted proxies may have more.
    pub max_connections_per_ip: usize,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may take from its head to its reply.
    pub request_timeout: Duration,
    /// How long a connection may be silent between two requests, and how long
    /// a caller may leave a reply unread.
    pub idle_timeout: Duration,
    /// How long a caller may take to read a reply, besides the time that it
    /// takes at [`reply_rate`](Self::reply_rate).
    pub reply_timeout: Duration,
    /// How fast a large reply must be read, in bytes a second.
    pub reply_rate: u32,
    /// The most bytes of unread replies in memory; beyond it large reads are
    /// refused as `overloaded`. A file that is exported counts as 8 MiB.
    pub reply_memory: usize,
    /// How long to go on accepting once `/ready` says no, so that load
    /// balancers notice.
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish when the server stops.
    pub drain_timeout: Duration,
    /// The origins whose pages may call this server from a browser.
    pub cors_origins: Vec<Origin>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How often requests may come, and how many at a time.
    pub traffic: TrafficLimits,
    /// What TLS is ended with; without it, connections are not encrypted.
    pub tls: Option<TlsConfig>,
    /// Where metrics are told.
    pub metrics: MetricsConfig,
    /// Which requests belong to a trace.
    pub traces: TracesConfig,
    /// Whether the server describes itself.
    pub docs: DocsConfig,
}

impl HttpConfig {
    /// Whether this is the address of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxies| proxies.contains(address))
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            role: Role::All,
            remote: RemoteConfig::default(),
            max_connections: 1000,
            max_connections_per_ip: 200,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            reply_timeout: Duration::from_secs(60),
            reply_rate: 64 * 1024,
            reply_memory: 256 * 1024 * 1024,
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            traffic: TrafficLimits::default(),
            tls: None,
            metrics: MetricsConfig::default(),
            traces: TracesConfig::default(),
            docs: DocsConfig::default(),
        }
    }
}
