//! What every request shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};

use nexo_core::model::{ErrorCode, SearchParams, SearchResult};
use nexo_core::{Authenticator, Database, Importer, Repository, Table, TenantScope};

use crate::config::{HttpConfig, Service};
use crate::failure::{Failure, Outcome};
use crate::gateway::ReplyMemory;
use crate::health::Probe;
use crate::mail::{MailConfig, Mailer, Mailing};
use crate::metrics::Metrics;
use crate::oidc::{Oidc, OidcProviders};
use crate::remote::{PublishedKeys, Remotes, Upstream};
use crate::router::Router;
use crate::traffic::Traffic;

/// The server's state: how it speaks HTTP, and whom it asks.
#[derive(Debug)]
pub(crate) struct App {
    http: HttpConfig,
    router: Router,
    reply_memory: ReplyMemory,
    traffic: Traffic,
    metrics: Metrics,
    /// Empty until the database is open.
    services: OnceLock<Services>,
    /// Those who answer for it.
    remotes: Remotes,
    /// What sends letters, until the server stops.
    mailing: std::sync::Mutex<Option<Mailing>>,
    draining: AtomicBool,
}

impl App {
    pub(crate) fn new(http: HttpConfig, router: Router, traffic: Traffic) -> Self {
        let reply_memory = ReplyMemory::new(http.reply_memory);
        let metrics = Metrics::new(router.names(), http.max_connections);
        metrics.add_reply_memory(reply_memory.clone());
        let (services, draining) = (OnceLock::new(), AtomicBool::new(false));
        metrics.add_traffic(traffic.counters().clone(), traffic.most_in_flight());
        let (remotes, mailing) = (Remotes::new(&http.remote), Default::default());
        metrics.add_backends(remotes.all().cloned().collect());
        Self { http, router, reply_memory, traffic, metrics, services, remotes, mailing, draining }
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

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn remotes(&self) -> &Remotes {
        &self.remotes
    }

    /// Who answers the routes of a service, if this process does not.
    pub(crate) fn elsewhere(&self, service: Service) -> Option<&Upstream> {
        if self.http.role.answers(service) {
            return None;
        }
        self.remotes.upstream(service).map(|upstream| &**upstream)
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
            self.metrics.add_core(database.clone(), Some(authenticator.clone()));
            self.metrics.add_mail(mailer.clone());
            let verify = Verify::Own(authenticator.clone());
            let sign_in = Some(SignIn { authenticator, mailer, oidc: Oidc::new(providers) });
            let (crm_probe, auth_probe) = Default::default();
            Services { database, verify, sign_in, crm_probe, auth_probe }
        };
        self.services.get_or_init(services);
        if mailing.is_some() {
            *self.mailing.lock().unwrap_or_else(PoisonError::into_inner) = mailing;
        }
    }

    /// Gives the core to a process that logs nobody in: its tokens are verified
    /// with the keys that the authentication service publishes.
    pub(crate) fn provide_crm(&self, database: Database) {
        let Some(keys) = self.remotes.keys() else { return };
        let verify = Verify::Published(keys.with_api_keys(&database));
        let services = || {
            self.metrics.add_core(database.clone(), None);
            let (crm_probe, auth_probe) = Default::default();
            Services { database, verify, sign_in: None, crm_probe, auth_probe }
        };
        self.services.get_or_init(services);
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
    verify: Verify,
    /// Only in a process that logs users in.
    sign_in: Option<SignIn>,
    crm_probe: Probe,
    auth_probe: Probe,
}

/// Whose keys verify tokens.
#[derive(Debug)]
enum Verify {
    Own(Authenticator),
    Published(PublishedKeys),
}

/// What logging users in takes.
#[derive(Debug)]
struct SignIn {
    authenticator: Authenticator,
    mailer: Option<Mailer>,
    oidc: Oidc,
}

impl Services {
    /// The scope of a token.
    pub(crate) async fn verify(&self, token: &str) -> Outcome<TenantScope> {
        match &self.verify {
            Verify::Own(authenticator) => Ok(authenticator.verify(token).await?),
            Verify::Published(keys) => keys.verify(token).await,
        }
    }

    pub(crate) fn authenticator(&self) -> Outcome<&Authenticator> {
        Ok(&self.sign_in()?.authenticator)
    }

    /// Who takes letters.
    pub(crate) fn mailer(&self) -> Outcome<&Mailer> {
        let mailer = self.sign_in()?.mailer.as_ref();
        mailer.ok_or_else(|| Failure::of(ErrorCode::MailUnavailable))
    }

    /// Whom people can sign in through.
    pub(crate) fn oidc(&self) -> Outcome<&Oidc> {
        Ok(&self.sign_in()?.oidc)
    }

    /// A process that logs nobody in has none of the routes that ask for this.
    fn sign_in(&self) -> Outcome<&SignIn> {
        let sign_in = self.sign_in.as_ref();
        sign_in.ok_or_else(|| Failure::internal("this process logs nobody in"))
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
}
