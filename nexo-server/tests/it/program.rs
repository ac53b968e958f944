//! The program as a child process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Call, User, register};

/// Long enough for any start or stop. What takes longer hangs.
const HANGING: Duration = Duration::from_secs(120);

/// A running `nexo-server`. It is killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// Where it listens, once it is [`listening`](Self::listening).
    pub(crate) address: SocketAddr,
    lines: Receiver<String>,
    log: String,
}

/// The command for a server on a free port, configured by `args` alone.
pub(crate) fn command(args: &[&str]) -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_nexo-server")), args)
}

/// The same with another copy of the binary.
pub(crate) fn command_of(binary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    // Two servers on a machine would want the same one.
    if !args.contains(&"--metrics-listen") {
        command.args(["--metrics-listen", "off"]);
    }
    command.args(args).env_remove("DATABASE_URL").env_remove("REDIS_URL");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"NEXO_") && name != "NEXO_PG_BINDIR" {
            command.env_remove(name);
        }
    }
    command.env("NEXO_LISTEN", "127.0.0.1:0");
    // A test sends as much in a second as people do in a minute.
    for name in ["NEXO_RATE_LIMIT", "NEXO_RATE_LIMIT_AUTH", "NEXO_RATE_LIMIT_USER"] {
        command.env(name, "off");
    }
    command
}

impl Program {
    /// With a PostgreSQL of its own that keeps nothing.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = command(&["--ephemeral"]);
        command.args(args);
        Self::spawn(command).listening()
    }

    /// With a PostgreSQL of its own in `folder`.
    pub(crate) fn keeping(folder: &Path) -> Self {
        Self::spawn(keeping(folder)).listening()
    }

    /// Does not wait for anything.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        // Also when nobody asks: a full pipe would hold the server up.
        thread::spawn(move || {
            for line in stderr.lines() {
                drop(send.send(line.unwrap()));
            }
        });
        let address = (Ipv4Addr::UNSPECIFIED, 0).into();
        Self { child, address, lines, log: String::new() }
    }

    /// Waits until it serves.
    pub(crate) fn listening(mut self) -> Self {
        // PostgreSQL listens too, which is told to those who want to know all.
        let (line, start) = loop {
            let line = self.logs("listening");
            if let Some(start) = line.find("127.0.0.1:") {
                break (line, start);
            }
        };
        let ends = |c: char| !(c.is_ascii_digit() || c == '.' || c == ':');
        self.address = line[start..].split(ends).next().unwrap().parse().unwrap();
        self
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn logs(&mut self, text: &str) -> String {
        let deadline = Instant::now() + HANGING;
        loop {
            match self.next_line(deadline) {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("it ended without {text:?}: {}", self.log),
            }
        }
    }

    /// Resolves when it has ended, by itself or not.
    pub(crate) async fn exited(&mut self) {
        while self.child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end; its exit status, and what it printed and logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let deadline = Instant::now() + HANGING;
        while self.next_line(deadline).is_some() {}
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap(), printed, std::mem::take(&mut self.log))
    }

    /// Asks it to stop and waits until it has; its log.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (status, _, log) = self.end();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// The next line of the log; none at its end, which is the program's.
    fn next_line(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.log.push_str(&line);
                self.log.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it hangs: {}", self.log),
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::to(self.address, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call {
        self.call("POST", path).json(body)
    }

    /// Registers `name@example.com`.
    pub(crate) async fn register(&self, name: &str) -> User {
        register(self.address, name).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Without effect on one that has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command for a server with a PostgreSQL of its own in `folder`.
pub(crate) fn keeping(folder: &Path) -> Command {
    let mut command = command(&[]);
    command.args([OsStr::new("--data-dir"), folder.as_os_str()]);
    command
}

/// What only looks at a database makes none where its folder is misspelt.
#[test]
fn an_audit_of_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let misspelt = folder.path().join("dta");
    for places in [vec!["--data-dir", misspelt.to_str().unwrap()], vec!["--ephemeral"]] {
        let mut command = command(&["audit", "verify"]);
        let done = command.args(places).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(told.contains("there is no database yet"), "{told}");
        assert!(!misspelt.exists());
    }
}
