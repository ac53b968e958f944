//! The program as a child process, with a PostgreSQL of its own that keeps
//! nothing.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// A running `nexo-server`.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    stderr: BufReader<ChildStderr>,
    log: String,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nexo-server"))
            .args(["--ephemeral", "--listen", "127.0.0.1:0"])
            .args(args)
            .env_remove("DATABASE_URL")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        while !log.contains("listening") {
            let read = stderr.read_line(&mut log).unwrap();
            assert!(read > 0, "it ended: {log}");
        }
        let address = log.lines().last().unwrap();
        let start = address.find("127.0.0.1:").unwrap();
        let ends = |c: char| !(c.is_ascii_digit() || c == '.' || c == ':');
        let address = address[start..].split(ends).next().unwrap().parse().unwrap();
        Self { child, address, stderr, log }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for its end; its exit status, and what it printed and logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        self.stderr.read_to_string(&mut self.log).unwrap();
        let output = self.child.wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stdout).unwrap(), self.log)
    }
}
