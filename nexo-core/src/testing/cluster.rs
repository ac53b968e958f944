//! One throw-away cluster for all tests of a process.

use tokio::sync::OnceCell;
use tokio_postgres::Config;

use crate::cluster::{Binaries, Cluster, ClusterError, ClusterOptions, EphemeralDir};

/// A cluster that is shared by the tests of this process and that disappears
/// with it, folder included, however the process ends.
#[derive(Debug)]
pub(crate) struct SharedCluster {
    cluster: Cluster,
    // A static is never dropped: the end of the process removes the folder.
    _folder: EphemeralDir,
}

/// The shared cluster, started by whoever asks first.
///
/// It is tied to no runtime, so it outlives that of the test which started it.
///
/// # Panics
/// When it cannot be started: no test could go on.
pub(crate) async fn shared() -> &'static SharedCluster {
    static SHARED: OnceCell<SharedCluster> = OnceCell::const_new();
    SHARED
        .get_or_init(async || match SharedCluster::start().await {
            Ok(started) => started,
            Err(error) => panic!("the tests need a PostgreSQL: {error}"),
        })
        .await
}

impl SharedCluster {
    async fn start() -> Result<Self, ClusterError> {
        let binaries = Binaries::find()?;
        let folder = EphemeralDir::create()?;
        let mut options = ClusterOptions::ephemeral(folder.path());
        // Tests survive no crash, so they need not pay for surviving one.
        for (name, value) in [
            ("max_connections", "300"),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ] {
            options = options.setting(name, value);
        }
        let cluster = Cluster::start(&binaries, &options).await?;
        Ok(Self { cluster, _folder: folder })
    }

    /// How to connect to `database` as superuser.
    pub(crate) fn superuser_config(&self, database: &str) -> Config {
        let mut config = self.cluster.superuser_config();
        config.dbname(database);
        config
    }

    /// How to connect to `database` as `nexo_owner`.
    pub(crate) fn owner_config(&self, database: &str) -> Config {
        let mut config = self.cluster.owner_config();
        config.dbname(database);
        config
    }
}
