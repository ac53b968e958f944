//! Keeps PostgreSQL running.

use std::pin::pin;
use std::time::Duration;

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After this long without an incident, the next one is a first one.
const STABLE: Duration = Duration::from_secs(30);
/// How long a stop waits for a start that is under way.
const START_BOUND: Duration = Duration::from_secs(10);

/// The task that starts PostgreSQL again whenever it ends. Dropping this ends
/// the task and with it PostgreSQL.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Supervises a running cluster.
    pub(super) fn watch(cluster: Cluster, binaries: Binaries, options: ClusterOptions) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise(cluster, binaries, options, stopped));
        Self { stop: Some(stop), task }
    }

    /// Stops PostgreSQL and waits until it has stopped.
    pub(super) async fn stop(mut self) {
        // Dropping the sender is the signal.
        self.stop = None;
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "PostgreSQL's supervisor failed");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn supervise(
    mut cluster: Cluster,
    binaries: Binaries,
    options: ClusterOptions,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        tokio::select! {
            _ = &mut stopped => return cluster.stop().await,
            status = cluster.wait() => {
                tracing::error!(%status, "PostgreSQL ended unexpectedly; starting it again");
            }
        }
        // What is left of it must not hold up its successor.
        drop(cluster);
        if started.elapsed() > STABLE {
            pause = FIRST_PAUSE;
        }
        cluster = match start_again(&binaries, &options, &mut pause, &mut stopped).await {
            Some(cluster) => cluster,
            None => return,
        };
        tracing::info!("PostgreSQL runs again");
    }
}

/// Tries until it succeeds, because a server without its database is no use
/// and the cause (a full disk, say) may pass. `None` when told to stop.
async fn start_again(
    binaries: &Binaries,
    options: &ClusterOptions,
    pause: &mut Duration,
    stopped: &mut oneshot::Receiver<()>,
) -> Option<Cluster> {
    loop {
        if timeout(*pause, &mut *stopped).await.is_ok() {
            return None;
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        let mut start = pin!(Cluster::start(binaries, options));
        let result = tokio::select! {
            result = &mut start => result,
            _ = &mut *stopped => {
                // Only what has started can be stopped in order. A long
                // recovery is left to the guardian to break off.
                if let Ok(Ok(cluster)) = timeout(START_BOUND, start).await {
                    cluster.stop().await;
                }
                return None;
            }
        };
        match result {
            Ok(cluster) => return Some(cluster),
            Err(error) => tracing::error!(%error, "PostgreSQL cannot be started yet"),
        }
    }
}
