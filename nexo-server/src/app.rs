//! What every request shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nexo_core::model::{ErrorCode, SearchParams, SearchResult};
use nexo_core::{Authenticator, Database, Importer, Repository, Table, TenantScope};
use tokio::sync::Mutex;

use crate::config::{HttpConfig, Service};
use crate::failure::{Failure, Outcome};
use crate::gateway::ReplyMemory;
use crate::mail::{MailConfig, Mailer, Mailing};
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
        let (services, draining) = (OnceLock::new(), AtomicBool::new(false));
        let (remotes, mailing) = (Remotes::new(&http.remote), Default::default());
        Self { http, router, reply_memory, traffic, services, remotes, mailing, draining }
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
            let verify = Verify::Own(authenticator.clone());
            let sign_in = Some(SignIn { authenticator, mailer, oidc: Oidc::new(providers) });
            Services { database, verify, sign_in, pinged: Mutex::new(None) }
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
        let services = || Services { database, verify, sign_in: None, pinged: Mutex::new(None) };
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
    /// When the database was last asked, and whether it answered.
    pinged: Mutex<Option<(Instant, bool)>>,
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

/// How long the database may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer is good for. Probes come from anybody, and must not be
/// a way to keep the pool busy.
const PING_FRESH: Duration = Duration::from_millis(250);

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
