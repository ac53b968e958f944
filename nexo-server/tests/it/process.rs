//! Processes, looked at and killed by id, and the folders they work in.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// A temporary folder that PostgreSQL's user may pass through, whatever the
/// umask. It is removed when nothing runs in it any more, so it has to be
/// declared before the server.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE / 3;
        while !running_in(self).is_empty() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }
}

/// Polls a condition that is about to come true.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = deadline();
    while !condition() {
        pause(deadline, what).await;
    }
}

/// When to give up polling.
pub(crate) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// Waits a little before the next poll.
pub(crate) async fn pause(deadline: Instant, what: &str) {
    assert!(Instant::now() < deadline, "still not so after a minute: {what}");
    tokio::time::sleep(PAUSE).await;
}

/// The id of the PostgreSQL on the cluster in `folder`.
pub(crate) fn postmaster(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("postgres/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}

/// Whether the process runs; one that only waits to be reaped does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let state = one("stat=", pid);
    !state.is_empty() && !state.starts_with('Z')
}

/// The id of a process's parent.
pub(crate) fn parent(pid: u32) -> u32 {
    one("ppid=", pid).parse().unwrap()
}

/// The id of the user whom a process runs as.
pub(crate) fn user(pid: u32) -> u32 {
    one("uid=", pid).parse().unwrap()
}

/// `kill -9`. The first one must be there; others may follow it by themselves.
pub(crate) fn kill_9(pids: &[u32]) {
    assert!(is_alive(pids[0]), "no process {} to kill", pids[0]);
    Command::new("kill").arg("-9").args(pids.iter().map(u32::to_string)).output().unwrap();
}

/// The children of a process, their children, and so on.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let all = all("ppid=");
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).map(u32::to_string) {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Those of `pids` that still run.
pub(crate) fn alive(pids: &[u32]) -> Vec<u32> {
    let running: HashSet<_> = all("stat=")
        .into_iter()
        .filter(|(_, state)| !state.starts_with('Z'))
        .map(|(pid, _)| pid)
        .collect();
    pids.iter().copied().filter(|pid| running.contains(pid)).collect()
}

/// The processes with `folder` in their command line: servers, PostgreSQL, and
/// whoever looks after it.
pub(crate) fn running_in(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    all("args=").into_iter().filter(|(_, args)| args.contains(folder)).map(|(pid, _)| pid).collect()
}

fn one(column: &str, pid: u32) -> String {
    ps(&["-o", column, "-p", &pid.to_string()]).trim().to_owned()
}

/// A column of every process.
fn all(column: &str) -> Vec<(u32, String)> {
    ps(&["-A", "-ww", "-o", "pid=", "-o", column])
        .lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .map(|(pid, value)| (pid.parse().unwrap(), value.trim().to_owned()))
        .collect()
}

fn ps(args: &[&str]) -> String {
    let output = Command::new("ps").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
