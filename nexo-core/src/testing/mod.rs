//! Real databases for tests.
//!
//! A process has one PostgreSQL cluster of its own, which goes when it goes. A
//! test has a database of its own, cloned from a migrated template, so that
//! tests run side by side and see nothing of each other.

mod cluster;
mod dashboard;
mod files;
mod probe;
mod proxy;
mod statements;
mod tenants;

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use self::cluster::{SharedCluster, shared};
pub use crate::repo::RegisteredTable;
use crate::{AuthConfig, Authenticator, Database, DatabaseConfig};
pub use dashboard::{dashboard_statements, run_dashboard};

pub(crate) use probe::Probe;
pub use probe::{Operation, Seen, id_of};
pub use proxy::Proxy;
pub use statements::ListPlan;
pub use tenants::{PASSWORD, Tenant, credentials};

const TEMPLATE: &str = "nexo_template";

/// With this set, statements are sent as behind PgBouncer, and nothing else may be
/// different.
const UNPREPARED: &str = "NEXO_TEST_UNPREPARED";

/// A migrated database for one test.
///
/// Its methods panic when the database fails: a test cannot go on then.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: &'static SharedCluster,
    name: String,
}

impl TestDatabase {
    /// A database as it is after the first start of NEXO.
    pub async fn create() -> Self {
        static MIGRATED: OnceCell<()> = OnceCell::const_new();
        let cluster = shared().await;
        MIGRATED
            .get_or_init(async || {
                make(cluster, TEMPLATE, "template1").await;
                let config =
                    DatabaseConfig::from_owner(cluster.owner_config(TEMPLATE)).pool_size(1);
                Database::open(config).await.expect("the template migrates");
            })
            .await;
        Self::cloned(cluster, TEMPLATE).await
    }

    /// A database without anything in it, owned by `nexo_owner`.
    pub async fn empty() -> Self {
        Self::cloned(shared().await, "template1").await
    }

    async fn cloned(cluster: &'static SharedCluster, template: &str) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        make(cluster, &name, template).await;
        Self { cluster, name }
    }

    /// How NEXO reaches it: as the owner.
    #[must_use]
    pub fn config(&self) -> DatabaseConfig {
        DatabaseConfig::from_owner(self.owner_config())
            .prepared_statements(std::env::var_os(UNPREPARED).is_none())
    }

    /// The owner's connection.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        self.cluster.owner_config(&self.name)
    }

    /// The superuser's connection.
    #[must_use]
    pub fn superuser_config(&self) -> Config {
        self.cluster.superuser_config(&self.name)
    }

    /// Opens it as a program would; but a busy machine is no reason to fail.
    pub async fn open(&self) -> Database {
        let config = self.config().acquire_timeout(Duration::from_secs(60));
        Database::open(config).await.expect("the database opens")
    }

    /// Opens it with an authenticator.
    pub async fn open_with_auth(&self, config: AuthConfig) -> (Database, Authenticator) {
        let database = self.open().await;
        let authenticator = database.authenticator(config).await.expect("the keys load");
        (database, authenticator)
    }

    /// A connection that no policy holds, to look behind the curtain.
    pub async fn superuser(&self) -> Client {
        connect(&self.superuser_config()).await
    }

    /// A bare connection as the role that runs tenants' statements.
    pub async fn as_app(&self) -> Client {
        self.as_role("nexo_app").await
    }

    /// A bare connection as the role of identity work.
    pub async fn as_auth(&self) -> Client {
        self.as_role("nexo_auth").await
    }

    /// The connection of the role that runs tenants' statements.
    pub async fn app_config(&self) -> Config {
        self.role_config("nexo_app").await
    }

    /// The connection of the role of identity work.
    pub async fn auth_config(&self) -> Config {
        self.role_config("nexo_auth").await
    }

    async fn as_role(&self, role: &str) -> Client {
        connect(&self.role_config(role).await).await
    }

    async fn role_config(&self, role: &str) -> Config {
        let password: String = self
            .superuser()
            .await
            .query_one("select password from nexo.runtime_credentials where role = $1", &[&role])
            .await
            .expect("the role has a password")
            .get(0);
        let mut config = self.owner_config();
        config.user(role).password(password);
        config
    }
}

/// Every table of the crate.
#[must_use]
pub fn registered_tables() -> Vec<RegisteredTable> {
    crate::repo::registered()
}

async fn make(cluster: &SharedCluster, name: &str, template: &str) {
    let statement =
        format!("create database {name} template {template} owner nexo_owner strategy file_copy");
    connect(&cluster.superuser_config("postgres"))
        .await
        .batch_execute(&statement)
        .await
        .expect("the database is made");
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test's database answers");
    tokio::spawn(connection);
    client
}
