//! A server on a free port with a database of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;

use nexo_core::AuthConfig;
use nexo_core::model::Permissions;
use nexo_core::testing::{PASSWORD, TestDatabase};
use nexo_server::{
    HttpConfig, MailConfig, OidcProviders, RemoteConfig, Role, Server, TrafficCounters,
    TrafficLimits,
};
use serde_json::{Value, json};

use crate::process::{deadline, pause};
use crate::wire::{Reply, Wire};

/// A running server; it ends with the test's runtime.
pub(crate) struct TestServer {
    pub(crate) database: TestDatabase,
    pub(crate) address: SocketAddr,
}

/// A user who is logged in to an account of their own.
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(HttpConfig::default()).await
    }

    /// One with this configuration, but for the limits on traffic.
    pub(crate) async fn with(config: HttpConfig) -> Self {
        Self::limited(HttpConfig { traffic: TrafficLimits::off(), ..config }).await.0
    }

    /// One with its limits, and what they do.
    pub(crate) async fn limited(config: HttpConfig) -> (Self, TrafficCounters) {
        let database = TestDatabase::create().await;
        let (address, counters) = serve(&database, config, SignIn::default()).await;
        (Self { database, address }, counters)
    }

    /// A gateway with an authentication and a CRM service behind it.
    pub(crate) async fn split(config: HttpConfig) -> Self {
        let database = TestDatabase::create().await;
        let (address, _) = serve_split(&database, config, SignIn::default(), "http").await;
        Self { database, address }
    }

    /// One that sends its mail there.
    pub(crate) async fn with_mail(mail: MailConfig) -> Self {
        let database = TestDatabase::create().await;
        let sign_in = SignIn { mail: Some(mail), ..SignIn::default() };
        let (address, _) = serve(&database, config(), sign_in).await;
        Self { database, address }
    }

    /// One whose users sign in through these.
    pub(crate) async fn with_sign_in(providers: OidcProviders) -> Self {
        let database = TestDatabase::create().await;
        let sign_in = SignIn { providers, ..SignIn::default() };
        let (address, _) = serve(&database, config(), sign_in).await;
        Self { database, address }
    }

    /// Another one on the same database.
    pub(crate) async fn second(&self, providers: OidcProviders) -> SocketAddr {
        let sign_in = SignIn { providers, ..SignIn::default() };
        serve(&self.database, config(), sign_in).await.0
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(self.address).await
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

    /// Invites somebody new to the user's account, who accepts.
    pub(crate) async fn join(&self, by: &User, name: &str, role: &str) -> User {
        let email = format!("{name}@example.com");
        let invite = json!({ "email": email, "role": role });
        let invited = self.post("/api/invitations", &invite).by(by).send().await;
        assert_eq!(invited.status, 201, "{}", invited.json());
        let accept =
            json!({ "token": invited.json()["token"], "password": PASSWORD, "name": name });
        let accepted = self.post("/api/auth/invitations/accept", &accept).send().await;
        assert_eq!(accepted.status, 201, "{}", accepted.json());
        User::of(email, &accepted)
    }

    /// How many rows a table has, whoever they belong to.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        let statement = format!("select count(*) from {table}");
        self.database.superuser().await.query_one(&statement, &[]).await.unwrap().get(0)
    }
}

/// How many entries of audit logs no seal covers.
pub(crate) const UNSEALED: &str = "select count(*) from nexo.audit_log as entry where not exists (
    select from nexo.audit_seals as seal where seal.account_id = entry.account_id
        and (seal.tx, seal.last_id) >= (entry.tx, entry.id))";

/// A free port, and no limits: a test sends as much in a second as people do in a
/// minute.
pub(crate) fn config() -> HttpConfig {
    HttpConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        traffic: TrafficLimits::off(),
        ..HttpConfig::default()
    }
}

/// A server with its limits on a database that others may be on, too.
pub(crate) async fn serve_limited(
    database: &TestDatabase,
    config: HttpConfig,
) -> (SocketAddr, TrafficCounters) {
    serve(database, config, SignIn::default()).await
}

/// How users get in besides their passwords.
#[derive(Default)]
pub(crate) struct SignIn {
    mail: Option<MailConfig>,
    providers: OidcProviders,
}

/// With this set to `http` or `h2c`, what is tested is a gateway with an
/// authentication and a CRM service behind it, and nothing else may be different.
const SPLIT: &str = "NEXO_TEST_SPLIT";

async fn serve(
    database: &TestDatabase,
    config: HttpConfig,
    sign_in: SignIn,
) -> (SocketAddr, TrafficCounters) {
    match std::env::var(SPLIT) {
        Ok(protocol) => serve_split(database, config, sign_in, &protocol).await,
        Err(_) => serve_as(Role::All, database, config, sign_in).await,
    }
}

/// A gateway and its services on one database, over `http` or `h2c`.
async fn serve_split(
    database: &TestDatabase,
    config: HttpConfig,
    sign_in: SignIn,
    protocol: &str,
) -> (SocketAddr, TrafficCounters) {
    let url = |address: SocketAddr| vec![format!("{protocol}://{address}").parse().unwrap()];
    let inside = HttpConfig {
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        request_timeout: config.request_timeout,
        body_timeout: config.body_timeout,
        reply_memory: config.reply_memory,
        // Only keys are counted there: see the gateway's stages.
        traffic: TrafficLimits {
            per_user: config.traffic.per_user,
            redis: config.traffic.redis.clone(),
            ..TrafficLimits::off()
        },
        ..HttpConfig::default()
    };
    let auth = url(serve_as(Role::Auth, database, inside.clone(), sign_in).await.0);
    let remote = RemoteConfig { auth, ..RemoteConfig::default() };
    let inside = HttpConfig { remote: remote.clone(), ..inside };
    let crm = url(serve_as(Role::Crm, database, inside, SignIn::default()).await.0);
    let remote = RemoteConfig { crm, ..remote };
    let config = HttpConfig { remote, ..config };
    let (gateway, counters) = serve_as(Role::Gateway, database, config, SignIn::default()).await;
    until_ready(gateway).await;
    (gateway, counters)
}

/// One process of a deployment.
pub(crate) async fn serve_as(
    role: Role,
    database: &TestDatabase,
    config: HttpConfig,
    sign_in: SignIn,
) -> (SocketAddr, TrafficCounters) {
    let config = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), role, ..config };
    let server = Server::listen(config).await.unwrap();
    let provider = server.provider();
    match role {
        Role::Gateway => {}
        Role::Crm => provider.provide_crm(database.open().await),
        Role::All | Role::Auth => {
            let (opened, keys) = database.open_with_auth(AuthConfig::default()).await;
            provider.provide_with_sign_in(opened, keys, sign_in.mail, sign_in.providers);
        }
    }
    let (address, counters) = (server.local_addr(), server.traffic_counters());
    tokio::spawn(server.run(std::future::pending()));
    (address, counters)
}

/// Waits until a server takes requests.
pub(crate) async fn until_ready(address: SocketAddr) {
    let deadline = deadline();
    // A gateway is ready while one of its services is away, and not healthy.
    while Call::to(address, "GET", "/health").send().await.json()["status"] != "ok"
        || Call::to(address, "GET", "/ready").send().await.status != 200
    {
        pause(deadline, "the server is ready").await;
    }
}

/// Registers `name@example.com`.
pub(crate) async fn register(address: SocketAddr, name: &str) -> User {
    let email = format!("{name}@example.com");
    let request = json!({
        "email": email, "password": PASSWORD, "name": name, "account_name": "Engines",
    });
    let reply = Call::to(address, "POST", "/api/auth/register").json(&request).send().await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    User::of(email, &reply)
}

impl User {
    pub(crate) fn of(email: String, reply: &Reply) -> Self {
        let body = reply.json();
        let text = |text: &Value| text.as_str().unwrap().to_owned();
        Self {
            email,
            id: text(&body["user"]["id"]),
            account: text(&body["account"]["id"]),
            token: text(&body["access_token"]),
            refresh_token: text(&body["refresh_token"]),
        }
    }
}

/// A request to be.
pub(crate) struct Call {
    address: SocketAddr,
    head: String,
    is_head: bool,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn to(address: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            address,
            head: format!("{method} {path} HTTP/1.1\r\nhost: nexo.test\r\nconnection: close\r\n"),
            is_head: method == "HEAD",
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").unwrap();
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn by(self, user: &User) -> Self {
        self.bearer(&user.token)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-type", content_type).header("content-length", &length)
    }

    pub(crate) async fn send(self) -> Reply {
        self.try_send().await.expect("the server answers")
    }

    /// Where it goes to, its head as HTTP/1.1 has it, and its body.
    pub(crate) fn into_parts(self) -> (SocketAddr, String, Vec<u8>) {
        (self.address, self.head, self.body)
    }

    /// Sends it to a server that may be gone.
    pub(crate) async fn try_send(self) -> Result<Reply, String> {
        let mut wire = Wire::try_connect(self.address).await?;
        let mut request = self.head.into_bytes();
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&self.body);
        wire.send_unheeded(request).await;
        wire.try_reply(!self.is_head).await
    }
}

impl Reply {
    /// The whole reply as text, with what differs from run to run redacted.
    pub(crate) fn snapshot(&self) -> String {
        let mut text = format!("{}\n", self.status);
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| name != "date" && name != "content-length")
            .collect();
        headers.sort();
        for (name, value) in headers {
            let value = if name == "x-request-id" { "[id]" } else { value };
            writeln!(text, "{name}: {}", redact_ids(value)).unwrap();
        }
        if !self.body.is_empty() {
            let mut body = self.json();
            redact(&mut body);
            writeln!(text, "{body:#}").unwrap();
        }
        text
    }
}

/// Replaces ids, times and tokens, and the long list of an owner's permissions.
pub(crate) fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "access_token" | "refresh_token" => *member = "[token]".into(),
                    "permissions" if *member == json!(Permissions::ALL) => *member = "[all]".into(),
                    "next_cursor" if member.is_string() => *member = "[cursor]".into(),
                    _ => redact(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::String(text) => *text = redact_ids(text),
        _ => {}
    }
}

/// `text` without the ids in its path segments, and without times.
fn redact_ids(text: &str) -> String {
    let is_time = text.parse::<jiff::Timestamp>().is_ok();
    if is_time {
        return "[time]".to_owned();
    }
    let segment = |part: &str| match part.parse::<uuid::Uuid>() {
        Ok(_) => "[id]".to_owned(),
        Err(_) => part.to_owned(),
    };
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Compares a reply with what is expected, written with an indent.
#[track_caller]
pub(crate) fn assert_snapshot(reply: &Reply, expected: &str) {
    let lines: Vec<&str> = expected.trim_matches('\n').lines().collect();
    let indent = lines.first().map_or(0, |line| line.len() - line.trim_start().len());
    let expected: Vec<&str> =
        lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect();
    assert_eq!(reply.snapshot().trim_end(), expected.join("\n").trim_end());
}
