//! Certificates that change while the server runs.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use tokio::time::{MissedTickBehavior, interval};

use super::files::{TlsError, load};
use crate::config::TlsConfig;

/// What a server ends TLS with, which may be read again.
///
/// Cheap to clone. Connections that are there go on with what they began with.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    files: TlsConfig,
    current: Mutex<Arc<ServerConfig>>,
    /// How the files were when they were last read.
    read: Mutex<[Stamp; 2]>,
}

/// When a file was changed, and its length; nothing of one that is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Certificates {
    pub(in crate::server) fn open(files: TlsConfig) -> Result<Self, TlsError> {
        let read = Mutex::new(stamps(&files));
        let current = Mutex::new(load(&files)?);
        Ok(Self(Arc::new(Inner { files, current, read })))
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. If they are no good, that is logged, and the server
    /// goes on with what it has.
    pub async fn reload(&self) {
        let this = self.clone();
        // Files may be on a slow disk.
        let reading = tokio::task::spawn_blocking(move || this.read_again());
        match reading.await {
            Ok(Ok(())) => tracing::info!("the TLS certificate was read again"),
            Ok(Err(error)) => tracing::warn!(%error, "the TLS certificate stays as it was"),
            Err(error) => tracing::warn!(%error, "the TLS certificate stays as it was"),
        }
    }

    fn read_again(&self) -> Result<(), TlsError> {
        // Before they are read: what changes meanwhile is seen the next time.
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&self.0.files);
        let newer = load(&self.0.files)?;
        *self.0.current.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        Ok(())
    }

    /// Reads them again whenever they have changed.
    pub(in crate::server) async fn watch(&self) -> Infallible {
        let mut ticks = interval(self.0.files.check_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = None;
        loop {
            ticks.tick().await;
            let files = self.0.files.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || stamps(&files)).await else {
                continue;
            };
            let is_new = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) != now;
            // One of them is written after the other: they are read when both stand still.
            if is_new && before == Some(now) {
                self.reload().await;
            }
            before = Some(now);
        }
    }
}

fn stamps(files: &TlsConfig) -> [Stamp; 2] {
    let stamp = |file: &Path| {
        // Of what a link leads to, which is how mounted secrets are exchanged.
        let of = std::fs::metadata(file).ok()?;
        Some((of.modified().ok()?, of.len()))
    };
    [stamp(&files.certificate), stamp(&files.key)]
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.0.files).finish_non_exhaustive()
    }
}
