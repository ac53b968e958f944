//! The default mode's own PostgreSQL.
//!
//! Without a database URL the server runs a private cluster
//! ([`nexo_core::cluster`]) in its data folder. This module holds the policy:
//! which folder, one server a folder, and what happens when PostgreSQL ends.

mod folder;
mod lock;
mod supervisor;

use std::io;
use std::path::PathBuf;

use nexo_core::cluster::{
    Binaries, Cluster, ClusterError, ClusterOptions, EphemeralDir, prepare_folder,
};
use nexo_core::tokio_postgres::Config;

use lock::Lock;
use supervisor::Supervisor;

pub use folder::default_data_dir;

/// What the server keeps of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Everything, in this folder.
    Folder(PathBuf),
    /// Nothing: a temporary folder that is removed when the server ends.
    Ephemeral,
}

/// Why the server's own PostgreSQL is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Another server has the data folder.
    #[error(
        "another nexo-server{} already uses {}; stop it or choose another folder with --data-dir",
        .pid.as_deref().map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .folder.display()
    )]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The process id of the other server, if it could be read.
        pid: Option<String>,
    },
    /// There is no home folder to keep the data in.
    #[error("there is no home folder to keep data in: choose a folder with --data-dir")]
    NoHome,
    /// The data folder cannot be locked.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// PostgreSQL could not be found, set up or started.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// A supervised private PostgreSQL: when it ends unexpectedly, it is started
/// again. Dropping this tells it to stop; [`Embedded::stop`] also waits.
#[derive(Debug)]
pub struct Embedded {
    owner: Config,
    // In the order in which they must end.
    supervisor: Supervisor,
    temporary: Option<EphemeralDir>,
    _lock: Option<Lock>,
}

impl Embedded {
    /// Takes the storage, starts PostgreSQL on it and begins to supervise it.
    ///
    /// # Errors
    /// [`EmbeddedError::InUse`] when another server has the folder, and
    /// whatever keeps PostgreSQL from starting.
    pub async fn start(storage: Storage) -> Result<Self, EmbeddedError> {
        let (options, temporary, lock) = match storage {
            Storage::Folder(folder) => {
                let folder = prepare_folder(&folder)?;
                let lock = Lock::take(&folder).await?;
                (ClusterOptions::persistent(folder), None, Some(lock))
            }
            Storage::Ephemeral => {
                let folder = EphemeralDir::create()?;
                (ClusterOptions::ephemeral(folder.path()), Some(folder), None)
            }
        };
        let binaries = Binaries::find_for(options.folder())?;
        tracing::info!(
            postgresql = binaries.major(),
            programs = %binaries.folder().display(),
            folder = %options.folder().display(),
            "starting the private PostgreSQL"
        );
        let cluster = Cluster::start(&binaries, &options).await?;
        let owner = cluster.owner_config();
        let supervisor = Supervisor::watch(cluster, binaries, options);
        Ok(Self { owner, supervisor, temporary, _lock: lock })
    }

    /// How to connect as the owner of the database. It stays valid when
    /// PostgreSQL is started again.
    #[must_use]
    pub const fn owner_config(&self) -> &Config {
        &self.owner
    }

    /// Stops PostgreSQL, waits until it has stopped, and removes what is
    /// ephemeral. Call it when no request needs the database any more.
    pub async fn stop(self) {
        self.supervisor.stop().await;
        if let Some(folder) = self.temporary
            && let Err(error) = folder.remove().await
        {
            tracing::warn!(%error, "the temporary data folder stays");
        }
    }
}
