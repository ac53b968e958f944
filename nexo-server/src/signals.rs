//! SIGTERM and SIGINT: please stop. SIGHUP: please look again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// From its making on, signals no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "asked to stop");
    }
}

/// SIGHUP: please look again. From its making on, it does not end the process.
#[derive(Debug)]
pub(crate) struct HangUps(Signal);

impl HangUps {
    pub(crate) fn install() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Option<()> {
        self.0.recv().await
    }
}
