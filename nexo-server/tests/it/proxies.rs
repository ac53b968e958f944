//! Behind proxies that others run: HAProxy and nginx, which keep connections to the
//! server and send the requests of many callers over each.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nexo_server::HttpConfig;

use crate::component::installed;
use crate::harness::{Call, TestServer};
use crate::process::{deadline, pause};
use crate::wire::Wire;

/// A proxy in front of a server. It is killed when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Proxy {
    /// Starts what `command` says, with a configuration in a folder of its own, and
    /// waits until it hands requests on.
    async fn start(
        configure: impl FnOnce(SocketAddr, &Path) -> String,
        command: impl FnOnce(&Path, &Path) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free a moment ago; a proxy cannot be told to look for one itself.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = folder.path().join("proxy.conf");
        std::fs::write(&file, configure(address, folder.path())).unwrap();
        let mut command = command(&file, folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = Self { child, address, _folder: folder };
        let deadline = deadline();
        loop {
            let reply = Call::to(address, "GET", "/ready").try_send().await;
            if reply.is_ok_and(|reply| reply.status == 200) {
                return proxy;
            }
            pause(deadline, "the proxy hands requests on").await;
        }
    }

    /// One that speaks this protocol with the server.
    async fn haproxy(server: SocketAddr, protocol: &str) -> Option<Self> {
        let program = installed("haproxy")?;
        let configure = |address: SocketAddr, _: &Path| {
            format!(
                "defaults\n mode http\n timeout connect 5s\n timeout client 20s\n \
                 timeout server 20s\n option forwardfor\n http-reuse always\n\
                 frontend callers\n bind {address}\n default_backend nexo\n\
                 backend nexo\n server one {server} proto {protocol}\n"
            )
        };
        let command = |file: &Path, _: &Path| {
            let mut command = Command::new(program);
            command.arg("-db").arg("-f").arg(file);
            command
        };
        Some(Self::start(configure, command).await)
    }

    async fn nginx(server: SocketAddr) -> Option<Self> {
        let program = installed("nginx")?;
        let configure = |address: SocketAddr, folder: &Path| {
            let folder = folder.display();
            format!(
                "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors;\n\
                 events {{}}\nhttp {{\n access_log off;\n client_body_temp_path {folder}/body;\n \
                 proxy_temp_path {folder}/proxy;\n fastcgi_temp_path {folder}/fastcgi;\n \
                 uwsgi_temp_path {folder}/uwsgi;\n scgi_temp_path {folder}/scgi;\n \
                 upstream nexo {{ server {server}; keepalive 4; }}\n server {{\n  listen {address};\n  \
                 location / {{\n   proxy_pass http://nexo;\n   proxy_http_version 1.1;\n   \
                 proxy_request_buffering off;\n   proxy_set_header Connection \"\";\n   \
                 proxy_set_header Host $http_host;\n   \
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n  }}\n }}\n}}\n"
            )
        };
        let command = |file: &Path, folder: &Path| {
            let mut command = Command::new(program);
            command.arg("-p").arg(folder).arg("-c").arg(file);
            command
        };
        Some(Self::start(configure, command).await)
    }
}

async fn server() -> TestServer {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    TestServer::with(HttpConfig { trusted_proxies, ..HttpConfig::default() }).await
}

/// A request that must never be answered: it registers a user.
fn smuggled() -> String {
    let body = format!(
        r#"{{"email":"smuggled@example.com","password":"{}","name":"S","account_name":"S"}}"#,
        nexo_core::testing::PASSWORD
    );
    format!(
        "POST /api/auth/register HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Requests whose end two parsers may see at different places, each with another one
/// in what one of them takes for the body.
fn ambiguous() -> Vec<String> {
    let inner = smuggled();
    let length = inner.len() + 5;
    let framings = [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}\r\ntransfer-encoding: xchunked\r\n"),
        format!("content-length: {length}\r\ntransfer-encoding : chunked\r\n"),
        format!("content-length: {length}\r\ntransfer-encoding:\r\n chunked\r\n"),
        format!(
            "content-length: {length}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n"
        ),
        format!("content-length: {length}\r\nx: y\ntransfer-encoding: chunked\r\n"),
        format!("content-length: {length}\r\nx: y\rtransfer-encoding: chunked\r\n"),
    ];
    let posts = framings.iter().map(|framing| {
        format!("POST /api/auth/login HTTP/1.1\r\nhost: nexo.test\r\n{framing}\r\n0\r\n\r\n{inner}")
    });
    let zero = ["content-length: 0\r\ncontent-length: 9\r\n", "content-length: +0\r\n", ""];
    let lengths = zero.iter().map(|lengths| {
        format!(
            "GET /ready HTTP/1.1\r\nhost: nexo.test\r\n{lengths}content-length: {}\r\n\r\n{inner}",
            inner.len()
        )
    });
    posts.chain(lengths).collect()
}

/// H1: nothing smuggled is ever served, and each caller gets their own reply.
async fn h1_nothing_is_smuggled_through(proxy: &Proxy, server: &TestServer) {
    for request in ambiguous() {
        let mut wire = Wire::connect(proxy.address).await;
        wire.send_unheeded(&request).await;
        // One reply, whatever it is, or none: what is no second one is no harm.
        drop(wire.try_reply(true).await);
        for _ in 0..8 {
            let health = Call::to(proxy.address, "GET", "/health").send().await;
            assert_eq!((health.status, &health.json()["status"]), (200, &"ok".into()));
            let missing = Call::to(proxy.address, "GET", "/missing").send().await;
            assert_eq!(missing.problem(), "route_not_found", "{request:?}");
        }
        let users = "select count(*) from nexo.users where email like 'smuggled%'";
        let users = server.database.superuser().await.query_one(users, &[]).await.unwrap();
        assert_eq!(users.get::<_, i64>(0), 0, "{request:?}");
    }
}

#[tokio::test]
async fn h1_behind_haproxy() {
    let server = server().await;
    let Some(proxy) = Proxy::haproxy(server.address, "h1").await else { return };
    h1_nothing_is_smuggled_through(&proxy, &server).await;
    works_through(&proxy).await;
}

#[tokio::test]
async fn h1_behind_haproxy_over_http2() {
    let server = server().await;
    let Some(proxy) = Proxy::haproxy(server.address, "h2").await else { return };
    h1_nothing_is_smuggled_through(&proxy, &server).await;
    works_through(&proxy).await;
}

#[tokio::test]
async fn h1_behind_nginx() {
    let server = server().await;
    let Some(proxy) = Proxy::nginx(server.address).await else { return };
    h1_nothing_is_smuggled_through(&proxy, &server).await;
    works_through(&proxy).await;
}

/// What is no attack goes through as it does without a proxy.
async fn works_through(proxy: &Proxy) {
    let ada = crate::harness::register(proxy.address, "ada").await;
    let body = serde_json::json!({ "name": "Babbage & Sons" });
    let made = Call::to(proxy.address, "POST", "/api/clients").by(&ada).json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.json());
    let path = made.header("location").unwrap();
    let read = Call::to(proxy.address, "GET", path).by(&ada).send().await;
    assert_eq!(read.json(), made.json());
    let file = Call::to(proxy.address, "GET", "/api/clients/export").by(&ada).send().await;
    assert!(String::from_utf8(file.body).unwrap().contains("Babbage & Sons"));
}
