//! What can go wrong with a private cluster.

use std::io;
use std::path::PathBuf;

/// Why a private PostgreSQL cluster could not be found, made or started.
///
/// The texts are for the person who runs the server: they name the folder or
/// program at fault and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No suitable PostgreSQL programs on this machine.
    #[error(
        "found no {wanted}; looked at {looked_at}{rejected}. \
         Install it with `{install}`, or name the folder of its programs in NEXO_PG_BINDIR"
    )]
    NotFound {
        /// What was searched for.
        wanted: String,
        /// Where it was searched for.
        looked_at: String,
        /// What was found and why it would not do; empty or starts with `;`.
        rejected: String,
        /// The command that installs it.
        install: String,
    },
    /// The folder holds a cluster of another major version.
    #[error(
        "{} was made by PostgreSQL {made_by}, which PostgreSQL {found} cannot read: \
         install PostgreSQL {made_by}, or move the data over with pg_upgrade", .folder.display()
    )]
    WrongVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The version that was to run it.
        found: u32,
    },
    /// Started as root, and there is no unprivileged user to run PostgreSQL as.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor a user \
         `nobody` to run it as: create one, or start NEXO as an ordinary user"
    )]
    NoUser,
    /// The user that PostgreSQL runs as cannot reach the data folder.
    #[error(
        "PostgreSQL runs as {user}, who may not enter {}: choose another data folder, \
         or let that user through with `chmod o+x {}`", .folder.display(), .folder.display()
    )]
    NoAccess {
        /// The first folder on the way that is closed.
        folder: PathBuf,
        /// Who PostgreSQL runs as.
        user: String,
    },
    /// Others than this process's user may change what is in the data folder.
    #[error("{} cannot be the data folder: {reason}", .folder.display())]
    NotOurs {
        /// The folder.
        folder: PathBuf,
        /// Who may change it, and the remedy.
        reason: String,
    },
    /// The folder for the socket is not ours alone.
    #[error("{} cannot hold PostgreSQL's socket: {reason}", .folder.display())]
    SocketFolder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The passwords of the cluster are missing or unreadable.
    #[error("{}: {reason}", .file.display())]
    Credentials {
        /// The file of passwords.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or process operation failed.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb could not make the cluster ({status}); it said:\n{log}")]
    Initdb {
        /// Its exit status.
        status: String,
        /// The last lines that it printed.
        log: String,
    },
    /// PostgreSQL did not come up.
    #[error("PostgreSQL did not start ({reason}); its last lines were:\n{log}")]
    Start {
        /// What was seen.
        reason: String,
        /// The last lines that it printed.
        log: String,
    },
    /// PostgreSQL runs, but its owner role or database could not be set up.
    #[error("could not set up the private cluster: {}", database_text(.0))]
    Setup(#[from] tokio_postgres::Error),
}

/// A database error in the server's own words: the driver's text for it is
/// only "db error".
pub(super) fn database_text(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
        |server| format!("{} ({})", server.message(), server.code().code()),
    )
}

/// Says what was tried when an I/O operation failed.
pub(super) trait Action<T> {
    fn action(self, action: impl FnOnce() -> String) -> Result<T, ClusterError>;
}

impl<T> Action<T> for io::Result<T> {
    fn action(self, action: impl FnOnce() -> String) -> Result<T, ClusterError> {
        self.map_err(|source| ClusterError::Io { action: action(), source })
    }
}
