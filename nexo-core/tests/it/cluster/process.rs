//! Processes, looked at and killed by id.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The id of the PostgreSQL on the cluster in `folder`.
pub(super) fn postmaster(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("postgres/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}

/// Sends a signal, which must arrive.
pub(super) fn signal(name: &str, pid: u32) {
    let pid = pid.to_string();
    let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
    assert!(status.success(), "no process {pid} to kill");
}

/// Whether the process runs; one that only waits to be reaped does not.
pub(super) fn is_alive(pid: u32) -> bool {
    let state = ps("stat=", pid);
    !state.is_empty() && !state.starts_with('Z')
}

/// The id of a process's parent.
pub(super) fn parent(pid: u32) -> u32 {
    ps("ppid=", pid).parse().unwrap()
}

/// Kills the guardian of a PostgreSQL and everything that belongs to it, so
/// that PostgreSQL is left to itself.
pub(super) fn orphan(pid: u32) {
    let group = ps("pgid=", pid);
    let all = Command::new("ps").args(["-A", "-o", "pid=,pgid="]).output().unwrap();
    let mut killed = 0;
    for line in String::from_utf8(all.stdout).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (member, of) = (words.next().unwrap(), words.next().unwrap());
        if of == group && member != pid.to_string() {
            signal("KILL", member.parse().unwrap());
            killed += 1;
        }
    }
    assert_eq!(killed, 2, "the guardian and its watcher");
}

fn ps(column: &str, pid: u32) -> String {
    let output = Command::new("ps").args(["-o", column, "-p", &pid.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
