//! A child process that cannot outlive this one.
//!
//! The child is a small shell script that runs the program and waits for the
//! end of a pipe that this process holds open. The system closes that pipe
//! however this process ends, `kill -9` included, and the script then stops
//! the program in an orderly way.
//!
//! Two plain threads, not tasks, read the child's output and wait for it: a
//! database must not stall because an async runtime is busy or gone.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::ClusterError;
use super::error::Action;
use super::log::LogTail;
use super::user::{RunAs, command};

const SCRIPT: &str = include_str!("guardian.sh");
/// How long a program may take to stop before it is told so more firmly.
const GRACE_SECONDS: u32 = 30;
/// The longest that a program can take to stop: the signal, `SIGQUIT` and
/// `SIGKILL`, with the grace after each of the first two, and some air.
pub(super) const STOP_BOUND: Duration = Duration::from_secs(2 * GRACE_SECONDS as u64 + 15);

/// How PostgreSQL is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopSignal {
    /// Cut the clients off, write a checkpoint, go.
    Fast,
    /// Go at once: the data is about to be thrown away.
    Immediate,
}

/// A running program and the pipe that keeps it running.
#[derive(Debug)]
pub(super) struct Guardian {
    // Only held: dropping it is what stops the program.
    _pipe: ChildStdin,
    exit: Exit,
    log: LogTail,
}

/// The end of a guarded program, to be awaited by anyone.
#[derive(Debug, Clone)]
pub(super) struct Exit(watch::Receiver<Option<ExitStatus>>);

impl Guardian {
    /// Starts `program` as `user`.
    pub(super) fn spawn(
        user: Option<&RunAs>,
        stop: StopSignal,
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self, ClusterError> {
        let action = || format!("run {}", program.display());
        let signal = match stop {
            StopSignal::Fast => "INT",
            StopSignal::Immediate => "QUIT",
        };
        let mut child = command(user, "/bin/sh")
            .args(["-c", SCRIPT, "nexo-guardian", signal, &GRACE_SECONDS.to_string()])
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .action(action)?;
        let pipe = child.stdin.take().expect("stdin was asked for as a pipe");
        let stderr = child.stderr.take().expect("stderr was asked for as a pipe");

        let log = LogTail::default();
        let (read_all, all_read) = mpsc::channel();
        let tail = log.clone();
        thread::Builder::new()
            .name("postgres-log".to_owned())
            .spawn(move || {
                tail.forward(stderr);
                // Nobody listens unless the child has ended.
                let _ = read_all.send(());
            })
            .action(action)?;

        let (ended, exit) = watch::channel(None);
        thread::Builder::new()
            .name("postgres-wait".to_owned())
            .spawn(move || {
                // The status is lost only where the process ignores SIGCHLD.
                let status = child.wait().unwrap_or_default();
                // Let the last words in, for the error message; a left-over
                // grandchild may hold the other end, so not forever.
                let _ = all_read.recv_timeout(Duration::from_secs(1));
                ended.send_replace(Some(status));
            })
            .action(action)?;
        Ok(Self { _pipe: pipe, exit: Exit(exit), log })
    }

    /// Closes the pipe: the program is told to stop. The result resolves when
    /// it has.
    pub(super) fn release(self) -> Exit {
        self.exit
    }

    /// Resolves when the program has ended, by itself or not.
    pub(super) async fn exited(&self) -> ExitStatus {
        self.exit.clone().resolved().await
    }

    /// The last lines that the program printed.
    pub(super) const fn log(&self) -> &LogTail {
        &self.log
    }
}

impl Exit {
    /// The status, once there is one.
    pub(super) async fn resolved(mut self) -> ExitStatus {
        let status = self.0.wait_for(Option::is_some).await;
        // An error would mean that the waiting thread died without a word.
        status.ok().and_then(|status| *status).unwrap_or_default()
    }
}
