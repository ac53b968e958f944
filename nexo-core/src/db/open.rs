//! Opening a database.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::app::{App, Written};
use super::config::DatabaseConfig;
#[cfg(feature = "auth")]
use super::identity::Identity;
use super::latency::LatencyCount;
use super::migrate::{self, chain};
use super::once::{IdempotencyKey, Once, once};
use super::pool::{Connections, PoolCount, impatient};
use super::reach::Reach;
use super::roles::{APP, AUTH, credentials};
use super::scoped::Scoped;
use super::transaction::Transaction;
use super::unit_of_work::UnitOfWork;
use super::{catalog, migrate::check_version, pooler, tls};
use crate::error::{Error, Result};
use crate::import::Importer;
use crate::model::{Account, Id, Permissions, SearchParams, SearchResult};
use crate::repo::{Repository, Table, search};
use crate::tenant::TenantScope;

/// How long a database may take no connection when it is opened.
const SOON_FREE: Duration = Duration::from_secs(60);

/// A NEXO database: migrated, checked, and connected to as roles that
/// row-level security holds.
///
/// Cheap to clone. It gives no connection out: tenants' rows are reached
/// through [`repository`](Self::repository) and
/// [`unit_of_work`](Self::unit_of_work), with a [`TenantScope`].
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    app: App,
    #[cfg(feature = "auth")]
    identity: Identity,
}

impl Database {
    /// Migrates, sets up the run-time roles, connects as them and checks that
    /// the catalog isolates accounts.
    ///
    /// # Errors
    /// A setup error ([`Error::is_setup`]) that tells what to mend: the
    /// database cannot be reached, its schema is newer than this program, a
    /// role has too many rights, a table no policy, …
    ///
    /// One that is there and has no connection left, or is still starting, is tried
    /// for a minute.
    pub async fn open(config: DatabaseConfig) -> Result<Self> {
        let deadline = Instant::now() + SOON_FREE;
        let mut pause = Duration::from_millis(250);
        loop {
            match Self::open_once(&config).await {
                Err(error) if is_full(&error) && Instant::now() + pause < deadline => {
                    tracing::warn!(%error, "the database takes no connection yet; trying again");
                    // Not all that start together try again together.
                    tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                opened => return opened,
            }
        }
    }

    async fn open_once(config: &DatabaseConfig) -> Result<Self> {
        let tls = tls::tls(config.ca_file.as_deref())?;
        let (app, auth) = match &config.owner {
            Some(target) => prepare(target, config, &tls).await?,
            None => (config.app.clone(), config.auth.clone()),
        };
        let missing = |role| Error::setup(format!("no connection for {role} was given"));
        let app = app.ok_or_else(|| missing(APP))?;
        let auth = auth.ok_or_else(|| missing(AUTH))?;

        let limited = Connections::new("limited", &app, config.pool_size, config, &tls);
        let app = Connections::new("app", &app, config.pool_size, config, &tls);
        let auth = Connections::new("auth", &auth, config.auth_pool_size(), config, &tls);
        let connection = app.acquire().await.map_err(|error| unreachable(APP, error))?;
        let checks = async {
            check_version(&connection, false).await?;
            catalog::check_role(&connection).await?;
            catalog::check_objects(&connection).await
        };
        at_once(&connection, checks).await?;
        drop(connection);
        let connection = auth.acquire().await.map_err(|error| unreachable(AUTH, error))?;
        at_once(&connection, catalog::check_role(&connection)).await?;
        drop(connection);
        if config.prepared_statements {
            pooler::check(&app, &limited).await?;
            pooler::check(&auth, &auth).await?;
        }
        let written = Written::default();
        Ok(Self(Arc::new(Inner {
            #[cfg(feature = "auth")]
            identity: Identity::new(auth, written.clone()),
            app: App::new(app, limited, written),
        })))
    }

    /// The records of one kind.
    #[must_use]
    pub fn repository<T: Table>(&self) -> Repository<T> {
        Repository::new(self.clone())
    }

    /// Searches all collections of the scope's account, in one round trip.
    ///
    /// # Errors
    /// `invalid_query` for a text that nothing can be found by, a collection
    /// that does not exist, or a limit out of range; `session_ended`.
    pub async fn search(&self, scope: &TenantScope, params: &SearchParams) -> Result<SearchResult> {
        search::search(&self.scoped(scope), params).await
    }

    /// The imports of files.
    #[must_use]
    pub fn importer(&self) -> Importer {
        Importer::new(self.clone())
    }

    /// Begins a transaction of several statements.
    ///
    /// # Errors
    /// When the session of the scope has ended, or the database is away.
    pub async fn unit_of_work(&self, scope: &TenantScope) -> Result<UnitOfWork> {
        UnitOfWork::begin(&self.0.app, scope).await
    }

    /// The right to work in an account without a user: for jobs. The reason
    /// says which job, and is logged.
    #[must_use]
    pub fn system_scope(&self, account: Id<Account>, reason: &'static str) -> TenantScope {
        tracing::info!(%account, reason, "system scope opened");
        TenantScope::of_system(account, reason)
    }

    /// Asks the database for an answer, and waits a second for it.
    ///
    /// # Errors
    /// `unavailable` when there is none; `overloaded` when all connections are taken, so that
    /// there was nobody to ask.
    pub async fn ping(&self) -> Result<()> {
        self.0.app.connections(Reach::Account).ping().await
    }

    /// The same by the connections of identity work, which are others.
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    #[cfg(feature = "auth")]
    pub async fn ping_identity(&self) -> Result<()> {
        self.0.identity.ping().await
    }

    /// How busy each pool of connections is now. To look costs next to nothing.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolCount> {
        let mut pools = self.0.app.pools().to_vec();
        #[cfg(feature = "auth")]
        pools.push(self.0.identity.count());
        pools
    }

    /// How long statements that travelled together took, from being sent to the
    /// last answer, by whose connections they took (`app`, `auth`).
    #[must_use]
    pub fn latencies(&self) -> Vec<(&'static str, LatencyCount)> {
        let mut latencies = vec![("app", self.0.app.latency().count())];
        #[cfg(feature = "auth")]
        latencies.push(("auth", self.0.identity.latency().count()));
        latencies
    }

    /// What the next borrowers of connections would find set: the account, the user,
    /// what they see and the role. All is empty unless a scope has leaked.
    ///
    /// # Errors
    /// When the database is away.
    #[cfg(feature = "testing")]
    pub async fn leaked_settings(&self) -> Result<String> {
        const SQL: &str = "select concat(current_setting('nexo.account_id', true), current_setting('nexo.user_id', true),
            current_setting('nexo.own', true), current_setting('nexo.team', true), nullif(current_user, 'nexo_app'))";
        let limited = Reach::Visible { user: Id::new(), look_up: false };
        let mut leaked = String::new();
        for reach in [Reach::Account, limited] {
            let connection = self.0.app.connections(reach).acquire().await?;
            let rows =
                connection.query_typed(SQL, &[]).await.map_err(super::sqlstate::translate)?;
            leaked.push_str(rows[0].get(0));
        }
        Ok(leaked)
    }

    pub(crate) fn scoped<'a>(&'a self, scope: &'a TenantScope) -> Scoped<'a> {
        Scoped { app: &self.0.app, scope, records: true }
    }

    /// For statements about anything but records.
    pub(crate) fn scoped_to_account<'a>(&'a self, scope: &'a TenantScope) -> Scoped<'a> {
        Scoped { app: &self.0.app, scope, records: false }
    }

    /// A transaction for the crate's own use, about anything but records, or by
    /// somebody who sees all of them.
    pub(crate) async fn transaction(&self, scope: &TenantScope) -> Result<Transaction> {
        Transaction::new(&self.0.app, scope, Reach::Account, None).await
    }

    /// Does work on records in one transaction, and once for its key if it has one.
    pub(crate) async fn once<R, W>(
        &self,
        scope: &TenantScope,
        key: Option<&IdempotencyKey>,
        work: W,
    ) -> Result<Once<R>>
    where
        R: Serialize + DeserializeOwned,
        W: AsyncFnOnce(&Transaction) -> Result<R> + Copy,
    {
        let reach = Reach::of_records(scope, Permissions::NONE);
        once(&self.0.app, scope, reach, key, work).await
    }

    /// The same of work on anything but records.
    pub(crate) async fn once_in_account<R, W>(
        &self,
        scope: &TenantScope,
        key: Option<&IdempotencyKey>,
        work: W,
    ) -> Result<Once<R>>
    where
        R: Serialize + DeserializeOwned,
        W: AsyncFnOnce(&Transaction) -> Result<R> + Copy,
    {
        once(&self.0.app, scope, Reach::Account, key, work).await
    }

    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    #[cfg(feature = "auth")]
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Checks in one transaction, and so on one connection of a pooler's.
async fn at_once(connection: &Client, checks: impl Future<Output = Result<()>>) -> Result<()> {
    let plain = async |sql| {
        let done = connection.batch_execute(sql).await;
        done.map_err(|error| Error::setup("the database cannot be checked").because(error))
    };
    plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    checks.await?;
    plain("COMMIT").await
}

/// The owner's part, under the start lock. Its connection is closed after it.
async fn prepare(
    target: &Config,
    config: &DatabaseConfig,
    tls: &MakeRustlsConnect,
) -> Result<(Option<Config>, Option<Config>)> {
    let mut owner = connect(target, config, tls).await?;
    migrate::lock(&owner).await?;
    migrate::migrate(&mut owner).await?;
    let app = match &config.app {
        Some(given) => given.clone(),
        None => credentials(&owner, target, APP, tls).await?,
    };
    let auth = match &config.auth {
        Some(given) => given.clone(),
        None => credentials(&owner, target, AUTH, tls).await?,
    };
    migrate::unlock(&owner).await?;
    Ok((Some(app), Some(auth)))
}

async fn connect(
    target: &Config,
    config: &DatabaseConfig,
    tls: &MakeRustlsConnect,
) -> Result<Client> {
    let target = impatient(config.named(target.clone()), config.connect_timeout);
    let (client, connection) = target.connect(tls.clone()).await.map_err(|error| {
        let place = place(&target);
        Error::setup(format!("the database {place} cannot be reached: {}", chain(&error)))
            .because(error)
    })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the owner's connection ended");
        }
    });
    Ok(client)
}

/// Whether the database is there and takes no connection at the moment: whoever
/// gives up then is only started again, and takes part in the crowd once more.
fn is_full(error: &Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()).any(|cause| {
        matches!(
            cause.code(),
            Some(&SqlState::TOO_MANY_CONNECTIONS | &SqlState::CANNOT_CONNECT_NOW)
        )
    })
}

/// Where a connection goes, without its password.
fn place(target: &Config) -> String {
    let hosts: Vec<String> = target
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        })
        .collect();
    let ports: String = target.get_ports().iter().map(|port| format!(" port {port}")).collect();
    let database = target.get_dbname().or(target.get_user()).unwrap_or_default();
    format!("{database:?} at {}{ports}", hosts.join(","))
}

fn unreachable(role: &str, error: Error) -> Error {
    Error::setup(format!("cannot connect as {role}: {}", chain(&error))).because(error)
}
