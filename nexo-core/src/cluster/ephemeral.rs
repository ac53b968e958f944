//! A folder that goes when its process goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ClusterError;
use super::error::Action;
use super::layout::{DATA, new_root, random_name};
use super::user::command;

const SCRIPT: &str = include_str!("janitor.sh");
/// PostgreSQL stops at once in such a folder; the rest is deleting files.
const REMOVE_BOUND: Duration = Duration::from_secs(60);

/// A temporary folder for a cluster. It is removed when this value is dropped
/// and also when this process ends in any other way, `kill -9` included, as
/// soon as the PostgreSQL in it has stopped.
#[derive(Debug)]
pub struct EphemeralDir {
    path: PathBuf,
    janitor: Option<Child>,
}

impl EphemeralDir {
    /// Makes the folder, in the system's temporary folder.
    ///
    /// # Errors
    /// When the folder cannot be made or `/bin/sh` not be run.
    pub fn create() -> Result<Self, ClusterError> {
        let path = std::env::temp_dir().join(random_name("nexo-")?);
        // First the janitor, then the folder: no moment at which a killed
        // process would leave something behind.
        let janitor = command(None, "/bin/sh")
            .args(["-c", SCRIPT, "nexo-janitor"])
            .arg(&path)
            .arg(path.join(DATA).join("postmaster.pid"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .action(|| "run /bin/sh".to_owned())?;
        let folder = Self { path, janitor: Some(janitor) };
        new_root(&folder.path).action(|| format!("make {}", folder.path.display()))?;
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder and waits until it is gone. The cluster in it must
    /// have been stopped before.
    ///
    /// # Errors
    /// When files could not be removed.
    pub async fn remove(mut self) -> Result<(), ClusterError> {
        if let Some(mut janitor) = self.janitor.take() {
            drop(janitor.stdin.take());
            let deadline = Instant::now() + REMOVE_BOUND;
            // Polled: an awaited child would be tied to one runtime.
            while matches!(janitor.try_wait(), Ok(None)) && Instant::now() < deadline {
                sleep(Duration::from_millis(5)).await;
            }
        }
        if self.path.exists() {
            fs::remove_dir_all(&self.path).action(|| format!("remove {}", self.path.display()))?;
        }
        Ok(())
    }
}
