//! What every request shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};

use nexo_core::model::{ErrorCode, SearchParams, SearchResult};
use nexo_core::{Authenticator, Database, Importer, Repository, Table, TenantScope};

use crate::config::HttpConfig;
use crate::failure::{Failure, Outcome};
use crate::gateway::ReplyMemory;
use crate::health::Probe;
use crate::mail::{MailConfig, Mailer, Mailing};
use crate::metrics::Metrics;
use crate::oidc::{Oidc, OidcProviders};
use crate::router::Router;

/// The server's state: how it speaks HTTP, and whom it asks.
#[derive(Debug)]
pub(crate) struct App {
    http: HttpConfig,
    router: Router,
    reply_memory: ReplyMemory,
    metrics: Metrics,
    /// Empty until the database is open.
    services: OnceLock<Services>,
    /// What sends letters, until the server stops.
    mailing: std::sync::Mutex<Option<Mailing>>,
    draining: AtomicBool,
}

impl App {
    pub(crate) fn new(http: HttpConfig, router: Router) -> Self {
        let reply_memory = ReplyMemory::new(http.reply_memory);
        let metrics = Metrics::new(router.names(), http.max_connections);
        metrics.add_reply_memory(reply_memory.clone());
        let (services, draining) = (OnceLock::new(), AtomicBool::new(false));
        let mailing = Default::default();
        Self { http, router, reply_memory, metrics, services, mailing, draining }
    }

    pub(crate) fn http(&self) -> &HttpConfig {
        &self.http
    }

    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    pub(crate) fn reply_memory(&self) -> &ReplyMemory {
        &self.reply_memory
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The core, once it is there.
    pub(crate) fn services(&self) -> Outcome<&Services> {
        self.services
            .get()
            .ok_or_else(|| Failure::new(ErrorCode::Unavailable, "the server is starting"))
    }

    /// Gives the core; a second one is ignored.
    pub(crate) fn provide(
        &self,
        database: Database,
        authenticator: Authenticator,
        mail: Option<MailConfig>,
        providers: OidcProviders,
    ) {
        let mut mailing = None;
        let services = || {
            let mailer = mail.map(|config| {
                let (mailer, sends) = Mailer::start(config);
                mailing = Some(sends);
                mailer
            });
            let oidc = Oidc::new(providers);
            self.metrics.add_core(database.clone(), authenticator.clone());
            self.metrics.add_mail(mailer.clone());
            let (crm_probe, auth_probe) = Default::default();
            Services { database, authenticator, mailer, oidc, crm_probe, auth_probe }
        };
        self.services.get_or_init(services);
        if mailing.is_some() {
            *self.mailing.lock().unwrap_or_else(PoisonError::into_inner) = mailing;
        }
    }

    /// Sends what letters there are; none are taken any more.
    pub(crate) async fn finish_mail(&self) {
        let mailing = self.mailing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mailing) = mailing {
            mailing.stop().await;
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// The core of NEXO, as handlers see it.
#[derive(Debug)]
pub(crate) struct Services {
    database: Database,
    authenticator: Authenticator,
    mailer: Option<Mailer>,
    oidc: Oidc,
    crm_probe: Probe,
    auth_probe: Probe,
}

impl Services {
    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Who takes letters.
    pub(crate) fn mailer(&self) -> Outcome<&Mailer> {
        self.mailer.as_ref().ok_or_else(|| Failure::of(ErrorCode::MailUnavailable))
    }

    /// Whom people can sign in through.
    pub(crate) fn oidc(&self) -> &Oidc {
        &self.oidc
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn repository<T: Table>(&self) -> Repository<T> {
        self.database.repository()
    }

    pub(crate) fn importer(&self) -> Importer {
        self.database.importer()
    }

    pub(crate) async fn search(
        &self,
        scope: &TenantScope,
        params: &SearchParams,
    ) -> Outcome<SearchResult> {
        Ok(self.database.search(scope, params).await?)
    }

    pub(crate) fn crm_probe(&self) -> &Probe {
        &self.crm_probe
    }

    pub(crate) fn auth_probe(&self) -> &Probe {
        &self.auth_probe
    }

    /// Whether every connection of a pool is taken.
    pub(crate) fn is_full(&self, pool: &str) -> bool {
        let pools = self.database.pools();
        let found = pools.iter().find(|known| known.name == pool);
        found.is_some_and(|pool| pool.open >= pool.most && pool.idle == 0)
    }
}
