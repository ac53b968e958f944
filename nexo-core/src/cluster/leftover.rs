//! A PostgreSQL that lost its guardian.
//!
//! Normally nothing is left over: the guardian stops PostgreSQL. It may still
//! be at it when the next server starts, or have been killed itself.

use std::process::Stdio;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::ClusterError;
use super::binaries::Binaries;
use super::error::Action;
use super::guardian::StopSignal;
use super::layout::Layout;
use super::user::command;

/// What `pg_ctl` is given to stop PostgreSQL, in seconds.
const BOUND: u64 = 60;

/// Stops the PostgreSQL that runs on the cluster of `layout`, if there is one.
pub(super) async fn stop(
    binaries: &Binaries,
    layout: &Layout,
    signal: StopSignal,
) -> Result<(), ClusterError> {
    // A pid file alone proves nothing, and the process that it names may be
    // anyone's by now. Only PostgreSQL answers at the socket.
    let pid_file = layout.data().join("postmaster.pid");
    if !pid_file.exists() {
        return Ok(());
    }
    match timeout(Duration::from_secs(1), UnixStream::connect(layout.socket())).await {
        Ok(Err(_)) => return Ok(()),
        // Closed at once: PostgreSQL would wait for what this client has to say.
        Ok(Ok(answered)) => drop(answered),
        // One that is too busy to accept is there as well.
        Err(_) => {}
    }
    tracing::info!(folder = %layout.data().display(), "stopping the PostgreSQL left running here");
    let mode = match signal {
        StopSignal::Fast => "fast",
        StopSignal::Immediate => "immediate",
    };
    let mut pg_ctl = Command::from(command(layout.user(), binaries.program("pg_ctl")));
    pg_ctl
        .args(["stop", "--silent", "--wait", "--mode", mode, "--timeout", &BOUND.to_string()])
        .arg("--pgdata")
        .arg(layout.data())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // Its verdict does not matter: it fails as well when PostgreSQL has ended
    // meanwhile. The start that follows finds out.
    match timeout(Duration::from_secs(BOUND + 5), pg_ctl.output()).await {
        Ok(output) => {
            let output = output.action(|| "run pg_ctl".to_owned())?;
            tracing::debug!(status = %output.status, "pg_ctl stop");
        }
        Err(_) => tracing::warn!("pg_ctl stop did not come back"),
    }
    Ok(())
}
