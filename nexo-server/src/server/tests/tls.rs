//! Connections that are encrypted, with certificates of an authority of the tests' own.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::config::TlsConfig;

/// Who signs certificates, and what clients trust.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate and its key, as the server's files have them.
struct Issued {
    certificate: String,
    der: CertificateDer<'static>,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed").der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// For `localhost`, good until the beginning of the year.
    fn issue(&self, until: i32) -> Issued {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("signed");
        Issued { certificate: signed.pem(), der: signed.der().clone(), key: key.serialize_pem() }
    }

    /// A client that trusts it.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_protocol_versions(versions).expect("versions");
        client.with_root_certificates(roots).with_no_client_auth()
    }
}

const YEAR: i32 = 2100;

/// The files of a server.
struct Files {
    _folder: TempDir,
    config: TlsConfig,
}

impl Files {
    fn of(issued: &Issued) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        // So long that nothing but the test reads them again.
        let check_interval = Duration::from_secs(3600);
        let files =
            Self { _folder: folder, config: TlsConfig { certificate, key, check_interval } };
        files.write(issued);
        files
    }

    fn write(&self, issued: &Issued) {
        write(&self.config.certificate, &issued.certificate);
        write(&self.config.key, &issued.key);
    }

    fn http(&self) -> HttpConfig {
        HttpConfig { tls: Some(self.config.clone()), ..HttpConfig::default() }
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

impl Running {
    /// A connection that is encrypted.
    async fn shake(&self, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(client)).connect(name, stream).await
    }

    /// What a new connection is shown.
    async fn shown(&self, authority: &Authority) -> CertificateDer<'static> {
        let stream = self.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
        let shown = stream.get_ref().1.peer_certificates().expect("a chain");
        shown[0].clone().into_owned()
    }
}

/// Asks, and reads the reply to the end of its body, which is `"here"`.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(get("/").as_bytes()).await.expect("the server reads");
    let mut read = Vec::new();
    while !read.ends_with(b"\"here\"") {
        assert!(stream.read_buf(&mut read).await.expect("the server answers") > 0, "{read:?}");
    }
    String::from_utf8(read).expect("text")
}

#[tokio::test]
async fn tls_is_ended_in_both_versions() {
    let authority = Authority::new();
    let server = Running::start(Files::of(&authority.issue(YEAR)).http(), Vec::new()).await;
    for version in [&version::TLS13, &version::TLS12] {
        for alpn in [vec![], vec![b"h2".to_vec(), b"http/1.1".to_vec()]] {
            let mut client = authority.client(&[version]);
            let expected = (!alpn.is_empty()).then_some(&b"http/1.1"[..]);
            client.alpn_protocols = alpn;
            let mut stream = server.shake(client).await.expect("trusted");
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            assert_eq!(stream.get_ref().1.alpn_protocol(), expected);
            for _ in 0..2 {
                let reply = ask(&mut stream).await;
                assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
                assert!(reply.contains("strict-transport-security: max-age=31536000\r\n"));
            }
        }
    }
    // Only another protocol than is spoken here.
    let mut client = authority.client(&[&version::TLS13]);
    client.alpn_protocols = vec![b"h2".to_vec()];
    server.shake(client).await.expect_err("there is no HTTP/2");

    let plain = Running::start(HttpConfig::default(), Vec::new()).await;
    let mut wire = plain.connect().await;
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.header("strict-transport-security"), None);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections() {
    let authority = Authority::new();
    let (first, second, third) =
        (authority.issue(YEAR), authority.issue(YEAR), authority.issue(YEAR));
    let files = Files::of(&first);
    let server = Running::start(files.http(), Vec::new()).await;
    let certificates = server.certificates.clone().expect("it ends TLS");
    let mut open = server.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
    ask(&mut open).await;
    assert_eq!(server.shown(&authority).await, first.der);

    files.write(&second);
    certificates.reload().await;
    assert_eq!(server.shown(&authority).await, second.der);
    ask(&mut open).await;

    // What is no good changes nothing: another key, no key, no file.
    write(&files.config.key, &third.key);
    certificates.reload().await;
    assert_eq!(server.shown(&authority).await, second.der);
    write(&files.config.key, "no key");
    certificates.reload().await;
    assert_eq!(server.shown(&authority).await, second.der);
    std::fs::remove_file(&files.config.certificate).expect("removed");
    certificates.reload().await;
    assert_eq!(server.shown(&authority).await, second.der);

    files.write(&third);
    certificates.reload().await;
    assert_eq!(server.shown(&authority).await, third.der);
    ask(&mut open).await;
}

#[tokio::test]
async fn files_that_change_are_read_by_themselves() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(YEAR), authority.issue(YEAR));
    let files = Files::of(&first);
    let mut http = files.http();
    http.tls.as_mut().expect("it ends TLS").check_interval = Duration::from_millis(5);
    let server = Running::start(http, Vec::new()).await;
    assert_eq!(server.shown(&authority).await, first.der);
    // The pair does not fit in between, which is logged and no more.
    write(&files.config.certificate, &second.certificate);
    assert_eq!(server.shown(&authority).await, first.der);
    write(&files.config.key, &second.key);
    while server.shown(&authority).await != second.der {}
}

/// H2: who begins to speak TLS and does not go on is closed, and held to the number
/// of connections meanwhile.
#[tokio::test]
async fn h2_a_handshake_that_stands_still_ends() {
    let authority = Authority::new();
    let files = Files::of(&authority.issue(YEAR));
    let http = HttpConfig { header_timeout: SHORT, ..files.http() };
    let server = Running::start(http, Vec::new()).await;
    // Nothing, and the beginning of a ClientHello.
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut wire = server.connect().await;
        wire.send(begun).await;
        wire.closed().await;
    }
    // A head that stands still beneath it, too.
    let mut silent = server.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
    silent.write_all(b"GET / HTTP/1.1\r\nhost: nexo").await.expect("the server reads");
    let mut rest = Vec::new();
    drop(silent.read_to_end(&mut rest).await);
    assert_eq!(rest, b"");

    let header_timeout = Duration::from_secs(3600);
    let http = HttpConfig { header_timeout, max_connections_per_ip: 1, ..files.http() };
    let server = Running::start(http, Vec::new()).await;
    let _first = server.connect().await;
    assert_eq!(server.connect().await.closed().await, b"");
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let authority = Authority::new();
    let server = Running::start(Files::of(&authority.issue(YEAR)).http(), Vec::new()).await;
    let long = "x".repeat(100_000);
    for text in [get("/").as_str(), "\0\0\0\0", long.as_str()] {
        let mut wire = server.connect().await;
        wire.send_unheeded(text).await;
        let told = wire.closed().await;
        // An alert at most.
        assert!(told.len() < 16 && !told.starts_with(b"HTTP"), "{told:?}");
    }
    // Who trusts another authority, and whom the certificate is too old for, go.
    server.shake(Authority::new().client(&[&version::TLS13])).await.expect_err("not trusted");
    let old = Running::start(Files::of(&authority.issue(2021)).http(), Vec::new()).await;
    old.shake(authority.client(&[&version::TLS13])).await.expect_err("expired");
    let mut good = server.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
    ask(&mut good).await;
}

#[tokio::test]
async fn a_drain_gives_handshakes_up() {
    let authority = Authority::new();
    let header_timeout = Duration::from_secs(3600);
    let files = Files::of(&authority.issue(YEAR));
    let http = HttpConfig { header_timeout, ..files.http() };
    let mut server = Running::start(http, Vec::new()).await;
    let mut silent = server.connect().await;
    let mut idle = server.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
    ask(&mut idle).await;
    server.stop();
    assert_eq!(silent.closed().await, b"");
    // It is told that nothing more comes.
    assert_eq!(idle.read(&mut [0; 16]).await.expect("a close_notify"), 0);
    drop(idle);
    assert_eq!(server.ended.await.expect("no panic"), Drained::Completely);
}

#[tokio::test]
async fn an_encrypted_reply_that_nobody_reads_is_given_up() {
    let routes = vec![public(Method::GET, "/large", |_, _| {
        Box::pin(async { respond::ok(&"x".repeat(16 * 1024 * 1024)) })
    })];
    let authority = Authority::new();
    let files = Files::of(&authority.issue(YEAR));
    let http = HttpConfig { idle_timeout: SHORT, ..files.http() };
    let mut server = Running::start(http, routes).await;
    let mut careless = server.shake(authority.client(&[&version::TLS13])).await.expect("trusted");
    careless.write_all(get("/large").as_bytes()).await.expect("the server reads");
    assert_eq!(careless.read_u8().await.expect("it begins"), b'H');
    server.stop();
    assert_eq!(server.ended.await.expect("no panic"), Drained::Completely);
    drop(careless);
}

#[tokio::test]
async fn files_that_are_no_good_are_refused_at_the_start() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(YEAR), authority.issue(YEAR));
    let refused = async |certificate: Option<&str>, key: Option<&str>| {
        let files = Files::of(&one);
        for (path, text) in [(&files.config.certificate, certificate), (&files.config.key, key)] {
            match text {
                Some(text) => write(path, text),
                None => std::fs::remove_file(path).expect("removed"),
            }
        }
        let listen = "127.0.0.1:0".parse().expect("an address");
        let config = HttpConfig { listen, ..files.http() };
        let told = Server::with_routes(config, Vec::new()).await.expect_err("refused").to_string();
        assert!(told.contains("expected") && !told.contains("PRIVATE"), "{told}");
        told
    };
    let (certificate, key) = (Some(one.certificate.as_str()), Some(one.key.as_str()));
    assert!(refused(None, key).await.contains("NEXO_TLS_CERT (--tls-cert)"));
    assert!(refused(certificate, None).await.contains("cannot be read"));
    assert!(refused(Some("no PEM"), key).await.contains("has no certificate"));
    assert!(refused(key, key).await.contains("has no certificate"));
    assert!(refused(certificate, Some("")).await.contains("NEXO_TLS_KEY (--tls-key)"));
    assert!(refused(certificate, certificate).await.contains("has no private key"));
    let mixed = refused(certificate, Some(other.key.as_str())).await;
    assert!(mixed.contains("is of another key"), "{mixed}");
}
