//! The program with a certificate of its own.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::program::{Program, command};

struct Files {
    _folder: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// A certificate that signs itself, and so is its own authority.
    fn create() -> (Self, String) {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let files = Self { _folder: folder, certificate, key };
        let pem = files.renew();
        (files, pem)
    }

    fn renew(&self) -> String {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let pem = CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem();
        std::fs::write(&self.key, key.serialize_pem()).unwrap();
        std::fs::write(&self.certificate, &pem).unwrap();
        pem
    }

    fn flags(&self) -> [&str; 4] {
        fn text(path: &Path) -> &str {
            path.to_str().unwrap()
        }
        ["--tls-cert", text(&self.certificate), "--tls-key", text(&self.key)]
    }
}

/// Somebody who trusts this certificate and no other.
fn client(pem: &str) -> reqwest::Client {
    let trusted = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap()
}

#[tokio::test]
async fn a_certificate_is_renewed_while_the_server_runs() {
    let (files, first) = Files::create();
    let mut program = Program::start(&files.flags());
    let url = format!("https://{}/health", program.address);
    let old = client(&first);
    let reply = old.get(&url).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["strict-transport-security"], "max-age=31536000");
    drop(reply.bytes().await.unwrap());

    let second = files.renew();
    program.signal("HUP");
    program.logs("the TLS certificate was read again");
    assert_eq!(client(&second).get(&url).send().await.unwrap().status(), 200);
    client(&first).get(&url).send().await.unwrap_err();
    // The connection that was there is, still.
    assert_eq!(old.get(&url).send().await.unwrap().status(), 200);

    std::fs::write(&files.key, "no key").unwrap();
    program.signal("HUP");
    program.logs("the TLS certificate stays as it was");
    assert_eq!(client(&second).get(&url).send().await.unwrap().status(), 200);
    let log = program.stop();
    assert!(!log.contains("PRIVATE"), "{log}");
}

#[test]
fn a_missing_certificate_stops_the_start_and_is_explained() {
    let mut command = command(&["--ephemeral", "--tls-cert", "/nowhere/a.crt"]);
    let done = command.args(["--tls-key", "/nowhere/a.key"]).output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{told}");
    for part in ["/nowhere/a.crt", "NEXO_TLS_CERT", "cannot be read", "expected a PEM file"] {
        assert!(told.contains(part), "{told}");
    }
}
