//! A private PostgreSQL cluster, run as a child process.
//!
//! [`Binaries::find`] finds an installed PostgreSQL, [`Cluster::start`] makes
//! a cluster in a folder (once) and runs it. It listens on a unix socket that
//! only its own user and root can reach, on no network, and asks for passwords
//! that only the starting user can read. Started by root, PostgreSQL runs as
//! `postgres`, or as `nobody` where there is no such user.
//!
//! PostgreSQL cannot outlive this process: it stops when the [`Cluster`] is
//! dropped and also when the process is killed. Its durability settings are
//! PostgreSQL's defaults, so a `kill -9` of anything loses no committed row.
//!
//! The cluster has one database, `nexo`, owned by the role `nexo_owner`. That
//! role is no superuser and does not bypass row-level security, so migrations
//! run as they would on a managed PostgreSQL.

mod binaries;
mod credentials;
mod ephemeral;
mod error;
mod guardian;
mod initdb;
mod install;
mod layout;
mod leftover;
mod log;
mod options;
mod owner;
mod provision;
mod ready;
mod user;

use std::process::ExitStatus;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Config;

use credentials::Credentials;
use guardian::{Guardian, STOP_BOUND, StopSignal};
use layout::Layout;

pub use binaries::Binaries;
pub use ephemeral::EphemeralDir;
pub use error::ClusterError;
pub use layout::prepare_folder;
pub use options::ClusterOptions;

const SUPERUSER: &str = "postgres";
const OWNER: &str = "nexo_owner";
const DATABASE: &str = "nexo";
/// How long a start may be held up by a predecessor that is not gone yet.
const PREDECESSOR_BOUND: Duration = Duration::from_secs(30);

/// A running private cluster. Dropping it tells PostgreSQL to stop;
/// [`Cluster::stop`] also waits until it has.
#[derive(Debug)]
pub struct Cluster {
    guardian: Guardian,
    layout: Layout,
    credentials: Credentials,
    binaries: Binaries,
    stop_signal: StopSignal,
}

impl Cluster {
    /// Runs the cluster in the options' folder, making it first if there is
    /// none, and returns when it takes connections.
    ///
    /// It recovers from whatever stopped it last; the recovery of a large
    /// database is waited for. Callers see to it that a folder is started
    /// once at a time: a PostgreSQL found running there is taken for a
    /// left-over and stopped.
    ///
    /// # Errors
    /// Any [`ClusterError`].
    pub async fn start(
        binaries: &Binaries,
        options: &ClusterOptions,
    ) -> Result<Self, ClusterError> {
        let layout = Layout::prepare(options.folder())?;
        layout.remove_stagings()?;
        let credentials = match Credentials::load(&layout.credentials())? {
            Some(stored) => stored,
            None if layout.data().exists() => {
                return Err(ClusterError::Credentials {
                    file: layout.credentials(),
                    reason: "the cluster's passwords are missing: restore this file from \
                             where the folder was copied from"
                        .to_owned(),
                });
            }
            None => Credentials::create(&layout.credentials())?,
        };
        if !layout.data().exists() {
            initdb::initialise(binaries, &layout, &credentials.superuser, options.keep()).await?;
        }
        match binaries::made_by(&layout.data()) {
            Some(made_by) if made_by != binaries.major() => {
                return Err(ClusterError::WrongVersion {
                    folder: layout.data(),
                    made_by,
                    found: binaries.major(),
                });
            }
            _ => {}
        }
        let superuser = config(&layout, SUPERUSER, SUPERUSER, &credentials.superuser);
        let guardian = run(binaries, options, &layout, &superuser, &credentials.owner).await?;
        let stop_signal = options.stop_signal();
        Ok(Self { guardian, layout, credentials, binaries: binaries.clone(), stop_signal })
    }

    /// How to connect to `nexo` as its owner.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        config(&self.layout, OWNER, DATABASE, &self.credentials.owner)
    }

    /// How to connect to the maintenance database `postgres` as superuser.
    #[must_use]
    pub fn superuser_config(&self) -> Config {
        config(&self.layout, SUPERUSER, SUPERUSER, &self.credentials.superuser)
    }

    /// Resolves when PostgreSQL has ended by itself, which it should not.
    pub async fn wait(&self) -> ExitStatus {
        self.guardian.exited().await
    }

    /// Stops PostgreSQL and waits until it has stopped: clients are cut off,
    /// and a persistent cluster writes a checkpoint. Within 75 seconds it is
    /// gone, by force if need be.
    pub async fn stop(self) {
        let exit = self.guardian.release();
        if timeout(STOP_BOUND, exit.resolved()).await.is_err() {
            tracing::warn!("PostgreSQL's guardian does not stop it");
        }
        // Also where the guardian was killed and PostgreSQL lives on.
        if let Err(error) = leftover::stop(&self.binaries, &self.layout, self.stop_signal).await {
            tracing::warn!(%error, "PostgreSQL may still be running");
        }
        self.layout.clean_up();
    }
}

/// Starts PostgreSQL and sets up what is in it.
async fn run(
    binaries: &Binaries,
    options: &ClusterOptions,
    layout: &Layout,
    superuser: &Config,
    owner: &SecretString,
) -> Result<Guardian, ClusterError> {
    let deadline = Instant::now() + PREDECESSOR_BOUND;
    let mut pause = Duration::from_millis(50);
    loop {
        leftover::stop(binaries, layout, StopSignal::Fast).await?;
        let guardian = Guardian::spawn(
            layout.user(),
            options.stop_signal(),
            &binaries.program("postgres"),
            options.args(layout),
        )?;
        match ready::set_up(&guardian, superuser, owner).await {
            // The predecessor's last process is on its way out.
            Err(ClusterError::Start { .. })
                if held_up(&guardian) && Instant::now() + pause < deadline =>
            {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            result => return result.map(|()| guardian),
        }
    }
}

/// Whether PostgreSQL did not start because another one is still there.
fn held_up(guardian: &Guardian) -> bool {
    let log = guardian.log();
    log.contains("pre-existing shared memory block")
        || (log.contains("lock file") && log.contains("already exists"))
}

fn config(layout: &Layout, user: &str, database: &str, password: &SecretString) -> Config {
    let mut config = Config::new();
    config
        .host_path(layout.socket_folder())
        .port(5432)
        .user(user)
        .password(password.expose_secret())
        .dbname(database);
    config
}
