//! Where the database is and how many connections to hold.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;

use crate::error::{Error, Result};

/// How to reach the database.
///
/// With the owner's connection alone, NEXO migrates with it, gives the two
/// run-time roles `nexo_app` and `nexo_auth` passwords of their own, and from
/// then on logs in as those two. Separate connections may be given instead;
/// without an owner the schema must be up to date already.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub(crate) owner: Option<Config>,
    pub(crate) app: Option<Config>,
    pub(crate) auth: Option<Config>,
    pub(crate) pool_size: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) application_name: String,
    pub(crate) prepared_statements: bool,
}

impl DatabaseConfig {
    /// From the owner's connection.
    #[must_use]
    pub fn from_owner(owner: Config) -> Self {
        Self {
            owner: Some(owner),
            app: None,
            auth: None,
            pool_size: 16,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            ca_file: None,
            application_name: "nexo".to_owned(),
            prepared_statements: true,
        }
    }

    /// From the owner's URL, `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// A setup error when it is no PostgreSQL URL. The URL is not repeated in
    /// the text, because it may hold a password.
    pub fn from_url(url: &str) -> Result<Self> {
        Ok(Self::from_owner(parse_url(url)?))
    }

    /// From connections for the two run-time roles. With an owner too, the
    /// schema is migrated first.
    #[must_use]
    pub fn from_roles(owner: Option<Config>, app: Config, auth: Config) -> Self {
        let mut config = Self::from_owner(Config::new());
        config.owner = owner;
        config.app = Some(app);
        config.auth = Some(auth);
        config
    }

    /// The most connections for tenants' statements; 16 if not said. As many more
    /// are opened when users who see only some records need them. Identity
    /// work has a pool of a quarter of that, and at least 2.
    ///
    /// One account takes three quarters of them at most (of two or less, all), and
    /// each of several at a time no more than three times what is left: the rest is
    /// there for the others, whatever its statements wait for. So many units of work
    /// of one account may be open at a time, and one less if a repository is used
    /// beside them.
    #[must_use]
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections.max(1);
        self
    }

    /// How long a statement waits for a free connection before it fails as
    /// overloaded; 5 s if not said.
    #[must_use]
    pub fn acquire_timeout(mut self, wait: Duration) -> Self {
        self.acquire_timeout = wait;
        self
    }

    /// How long connecting may take; 5 s if not said.
    #[must_use]
    pub fn connect_timeout(mut self, wait: Duration) -> Self {
        self.connect_timeout = wait;
        self
    }

    /// What its connections are called in `pg_stat_activity`, unless a given one
    /// says; `nexo` if not said.
    #[must_use]
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// A PEM file with the authorities to trust instead of the system's, for
    /// connections with `sslmode=require`.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Whether statements are prepared once a connection; they are if not said.
    ///
    /// PgBouncer in transaction mode gives each transaction another connection, and
    /// before 1.21 knows nothing of what is prepared on them: without, each
    /// statement is sent whole and planned each time it runs.
    #[must_use]
    pub fn prepared_statements(mut self, prepared: bool) -> Self {
        self.prepared_statements = prepared;
        self
    }

    /// The same connection with the name of the application.
    pub(crate) fn named(&self, mut target: Config) -> Config {
        if target.get_application_name().is_none() {
            target.application_name(&self.application_name);
        }
        target
    }

    pub(crate) fn auth_pool_size(&self) -> usize {
        (self.pool_size / 4).max(2)
    }
}

/// Reads a connection URL without ever repeating it.
pub(crate) fn parse_url(url: &str) -> Result<Config> {
    Config::from_str(url).map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), |e| e.to_string());
        Error::setup(format!(
            "not a PostgreSQL connection URL ({cause}); expected postgres://user:password@host:port/database"
        ))
    })
}
