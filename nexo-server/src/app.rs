//! What every request shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nexo_core::model::{ErrorCode, SearchParams, SearchResult};
use nexo_core::{Authenticator, Database, Importer, Repository, Table, TenantScope};
use tokio::sync::Mutex;

use crate::config::HttpConfig;
use crate::failure::{Failure, Outcome};
use crate::gateway::ReplyMemory;
use crate::mail::{MailConfig, Mailer, Mailing};
use crate::oidc::{Oidc, OidcProviders};
use crate::router::Router;
use crate::traffic::Traffic;

/// The server's state: how it speaks HTTP, and whom it asks.
#[derive(Debug)]
pub(crate) struct App {
    http: HttpConfig,
    router: Router,
    reply_memory: ReplyMemory,
    traffic: Traffic,
    /// Empty until the database is open.
    services: OnceLock<Services>,
    /// What sends letters, until the server stops.
    mailing: std::sync::Mutex<Option<Mailing>>,
    draining: AtomicBool,
}

impl App {
    pub(crate) fn new(http: HttpConfig, router: Router, traffic: Traffic) -> Self {
        let reply_memory = ReplyMemory::new(http.reply_memory);
        let (services, draining) = (OnceLock::new(), AtomicBool::new(false));
        Self {
            http,
            router,
            reply_memory,
            traffic,
            services,
            mailing: Default::default(),
            draining,
        }
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
            Services { database, authenticator, mailer, oidc, pinged: Mutex::new(None) }
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
    /// When the database was last asked, and whether it answered.
    pinged: Mutex<Option<(Instant, bool)>>,
}

/// How long the database may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer is good for. Probes come from anybody, and must not be
/// a way to keep the pool busy.
const PING_FRESH: Duration = Duration::from_millis(250);

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

    /// Whether the database answers, known within a second. Concurrent callers
    /// share one ping.
    pub(crate) async fn database_answers(&self) -> bool {
        let mut pinged = self.pinged.lock().await;
        if let Some((at, answered)) = *pinged
            && at.elapsed() < PING_FRESH
        {
            return answered;
        }
        let ping = tokio::time::timeout(PING_TIMEOUT, self.database.ping());
        let answered = matches!(ping.await, Ok(Ok(())));
        *pinged = Some((Instant::now(), answered));
        answered
    }
}
