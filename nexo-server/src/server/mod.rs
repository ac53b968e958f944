//! The listener: accepting connections, serving them, and ending well.

mod accept;
mod callers;
mod connection;
mod head_scan;
mod preface;
mod socket;
mod streams;
#[cfg(test)]
mod tests;
mod tls;
mod write_pace;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use nexo_core::{Authenticator, Database};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::app::App;
use crate::config::HttpConfig;
use crate::mail::MailConfig;
use crate::metrics::MetricsListener;
use crate::oidc::OidcProviders;
use crate::router::{AmbiguousRoutes, Router};
use crate::routes::{Route, table};
use crate::traffic::{Traffic, TrafficCounters};

use accept::accept_all;
use connection::Connections;

pub use tls::{Certificates, TlsError};

/// Makes servers.
#[derive(Debug)]
pub struct Server;

/// Why a server could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({source}); choose another address with --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The address for metrics cannot be listened on, and was asked for.
    #[error(
        "cannot listen on {address} for metrics ({source}); choose another address with \
         --metrics-listen, or off"
    )]
    BindMetrics {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The route table contradicts itself.
    #[error(transparent)]
    Routes(#[from] AmbiguousRoutes),
    /// TLS cannot be ended with the files that are named.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// Listens, and will answer from this database.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use nexo_core::{AuthConfig, Database, DatabaseConfig};
    /// use nexo_server::{HttpConfig, Server};
    ///
    /// let database = Database::open(DatabaseConfig::from_url("postgres://owner@localhost/crm")?).await?;
    /// let authenticator = database.authenticator(AuthConfig::default()).await?;
    /// let config = HttpConfig { listen: "127.0.0.1:0".parse()?, ..HttpConfig::default() };
    /// let server = Server::bind(config, database, authenticator).await?;
    /// println!("http://{}", server.local_addr());
    /// server.run(async { drop(tokio::signal::ctrl_c().await) }).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(
        config: HttpConfig,
        database: Database,
        authenticator: Authenticator,
    ) -> Result<BoundServer, ServerError> {
        let server = Self::listen(config).await?;
        server.provider().provide(database, authenticator);
        Ok(server)
    }

    /// Listens, without a database yet: until [`Provider::provide`] is called,
    /// `/ready` and whatever needs the database answer 503.
    ///
    /// # Errors
    /// When the address cannot be listened on, or TLS not be ended.
    pub async fn listen(config: HttpConfig) -> Result<BoundServer, ServerError> {
        let (role, shows_docs) = (config.role, config.docs.served);
        let mut table = table();
        table.retain(|route| role.has(route.service()));
        table.retain(|route| shows_docs || !route.shows_documentation());
        Self::with_routes(config, table).await
    }

    pub(crate) async fn with_routes(
        config: HttpConfig,
        table: Vec<Route>,
    ) -> Result<BoundServer, ServerError> {
        let router = Router::new(table)?;
        let certificates = config.tls.clone().map(Certificates::open).transpose()?;
        let address = config.listen;
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let local_addr = listener.local_addr().map_err(bind)?;
        let metrics = MetricsListener::bind(&config.metrics).await?;
        let traffic = Traffic::start(&config.traffic).await;
        let app = Arc::new(App::new(config, router, traffic));
        Ok(BoundServer { listener, local_addr, metrics, certificates, app })
    }
}

/// A server that listens. Connections are answered once it runs; until then
/// they wait.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    local_addr: SocketAddr,
    metrics: Option<MetricsListener>,
    certificates: Option<Certificates>,
    app: Arc<App>,
}

/// Gives a listening server its database.
#[derive(Debug, Clone)]
pub struct Provider(Arc<App>);

impl Provider {
    /// From now on the server is ready. A second call changes nothing.
    pub fn provide(&self, database: Database, authenticator: Authenticator) {
        self.0.provide(database, authenticator, None, OidcProviders::default());
    }

    /// The same of a server whose [`HttpConfig::role`] is [`Role::Crm`](crate::Role::Crm): it logs
    /// nobody in, and verifies tokens with the keys that the authentication
    /// service publishes.
    pub fn provide_crm(&self, database: Database) {
        self.0.provide_crm(database);
    }

    /// The same, and the server sends mail.
    pub fn provide_with_mail(
        &self,
        database: Database,
        authenticator: Authenticator,
        mail: MailConfig,
    ) {
        self.0.provide(database, authenticator, Some(mail), OidcProviders::default());
    }

    /// The same, people sign in through these providers too, and the server sends
    /// mail if it is told how.
    pub fn provide_with_sign_in(
        &self,
        database: Database,
        authenticator: Authenticator,
        mail: Option<MailConfig>,
        providers: OidcProviders,
    ) {
        self.0.provide(database, authenticator, mail, providers);
    }
}

/// Serves one connection to its end, whatever it is over.
#[cfg(feature = "fuzzing")]
pub(crate) async fn serve_alone<S>(app: Arc<App>, stream: S, peer: SocketAddr)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    Connections::new(app, None).serving(peer).serve(stream).await;
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Completely,
    /// The drain timeout passed; this many connections were cut.
    Cut(usize),
}

impl BoundServer {
    /// Where it listens: the real port, also if port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where it tells its metrics, if it does.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsListener::local_addr)
    }

    /// What it ends TLS with, if it does: to be read again when the files have
    /// changed, which the server notices by itself after a while.
    #[must_use]
    pub fn certificates(&self) -> Option<Certificates> {
        self.certificates.clone()
    }

    /// The way to give it its database.
    #[must_use]
    pub fn provider(&self) -> Provider {
        Provider(self.app.clone())
    }

    /// What its limits have done so far.
    #[must_use]
    pub fn traffic_counters(&self) -> TrafficCounters {
        self.app.traffic().counters().clone()
    }

    /// Serves until `shutdown` resolves, then drains: `/ready` says no, after
    /// the drain delay no connection is accepted any more, and requests in
    /// flight have the drain timeout to finish. Dropping the future cuts all
    /// connections.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self { listener, metrics, app, certificates, .. } = self;
        // To the very end: those who watch see the drain too, and the last request
        // may be answered elsewhere.
        let mut watched = app.remotes().watch();
        if let Some(metrics) = metrics {
            watched.spawn(metrics.run(app.clone()));
        }
        let mut connections = Connections::new(app.clone(), certificates.clone());
        {
            let watching = async {
                match &certificates {
                    Some(certificates) => drop(certificates.watch().await),
                    None => std::future::pending().await,
                }
            };
            let accepting = accept_all(listener, &mut connections);
            let until_drained = async {
                shutdown.await;
                app.drain();
                sleep(app.http().drain_delay).await;
            };
            tokio::select! {
                () = accepting => {}
                () = watching => {}
                () = until_drained => {}
            }
            // The listener is closed here: newcomers are refused, not kept waiting.
        }
        let drained = connections.finish(app.http().drain_timeout).await;
        app.finish_mail().await;
        watched.shutdown().await;
        drained
    }
}
