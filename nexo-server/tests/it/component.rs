//! Programs beside the server that some tests need: Redis, proxies and the like.
//!
//! Debian's packages have them (see `scripts/install-test-components.sh`). Where one
//! is missing its tests say so and do nothing; where `CI` is set they fail.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::eventually;

/// The path of an installed program. Without it the test is over:
///
/// ```ignore
/// let Some(promtool) = installed("promtool") else { return };
/// ```
#[track_caller]
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where administrators' programs are, too.
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let told = format!("{program} is not installed: sh scripts/install-test-components.sh");
        assert!(std::env::var_os("CI").is_none(), "{told}");
        // Not by a macro, whose output is kept from sight when a test passes: one that
        // is skipped must not look like one that has.
        let note = format!("\nSKIPPED {test}: {told}\n");
        drop(std::io::stderr().write_all(note.as_bytes()));
    }
    found
}

/// A Redis of the test's own, which keeps nothing and listens on a socket in a
/// folder. It is killed when dropped.
pub(crate) struct Redis {
    program: PathBuf,
    child: Child,
    folder: TempDir,
    port: Option<u16>,
}

impl Redis {
    pub(crate) async fn start() -> Option<Self> {
        let program = installed("redis-server")?;
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&program, folder.path(), None);
        let redis = Self { program, child, folder, port: None };
        redis.listens().await;
        Some(redis)
    }

    /// One that is also called over TLS, under [`url_of_tls`](Self::url_of_tls).
    pub(crate) async fn with_tls() -> Option<Self> {
        let (program, openssl) = (installed("redis-server")?, installed("openssl")?);
        let folder = tempfile::tempdir().unwrap();
        let mut make = Command::new(openssl);
        make.args("req -x509 -nodes -days 2 -newkey rsa:2048 -subj /CN=localhost".split(' '))
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"]);
        assert!(make.current_dir(folder.path()).output().unwrap().status.success());
        // Taken by nobody a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(&program, folder.path(), Some(port));
        let redis = Self { program, child, folder, port: Some(port) };
        redis.listens().await;
        Some(redis)
    }

    pub(crate) fn url_of_tls(&self) -> String {
        format!("rediss://localhost:{}", self.port.unwrap())
    }

    /// Its certificate, which is its own authority.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", socket(self.folder.path()).display())
    }

    /// `kill -9`. Afterwards nobody listens.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(socket(self.folder.path())).unwrap();
    }

    /// Stops it where it stands, as a machine that hangs does: it listens, and says
    /// nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Starts it again, empty.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.program, self.folder.path(), self.port);
        self.listens().await;
    }

    /// What a command answers, as a program for people shows it.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let socket = socket(self.folder.path());
        let mut cli = Command::new(self.program.with_file_name("redis-cli"));
        let output = cli.arg("-s").arg(socket).args(command).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    async fn listens(&self) {
        let socket = socket(self.folder.path());
        let connects = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        eventually("Redis listens", connects).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Without effect on one that has ended; one that is stopped ends, too.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn spawn(program: &Path, folder: &Path, tls_port: Option<u16>) -> Child {
    let mut command = Command::new(program);
    if let Some(port) = tls_port {
        command.args(["--bind", "127.0.0.1", "--tls-port", &port.to_string()]);
        command.args(["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem"]);
        command.args(["--tls-auth-clients", "no"]);
    }
    command
        .current_dir(folder)
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"])
        .arg("--unixsocket")
        .arg(socket(folder))
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
