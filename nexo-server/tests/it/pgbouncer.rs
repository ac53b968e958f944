//! PgBouncer between the server and PostgreSQL, in transaction mode.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nexo_core::testing::TestDatabase;
use nexo_core::tokio_postgres::Config;
use nexo_core::tokio_postgres::config::Host;
use nexo_core::{AuthConfig, Database, DatabaseConfig};
use nexo_server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::component::installed;
use crate::harness::{Call, User, config, register};
use crate::process::eventually;
use crate::wire::{Reply, Wire};

const PORT: u16 = 6432;
const TENANTS: usize = 20;
const REQUESTS: usize = 5_000;

/// A PgBouncer that gives each transaction one of two connections a role. It is
/// killed when dropped.
struct PgBouncer {
    child: Child,
    folder: TempDir,
}

impl PgBouncer {
    async fn start(database: &TestDatabase, app: &Config, auth: &Config) -> Option<Self> {
        let program = installed("pgbouncer")?;
        let folder = tempfile::tempdir().unwrap();
        let sockets = sockets(database);
        let users: String = [app, auth].into_iter().map(user).collect();
        write(folder.path(), "userlist.txt", &users);
        let place = folder.path().display();
        let settings = format!(
            "[databases]\n\
             * = host={}\n\
             [pgbouncer]\n\
             listen_addr =\n\
             listen_port = {PORT}\n\
             unix_socket_dir = {place}\n\
             auth_type = scram-sha-256\n\
             auth_file = {place}/userlist.txt\n\
             pool_mode = transaction\n\
             default_pool_size = 2\n\
             max_client_conn = 100\n",
            sockets.display()
        );
        write(folder.path(), "pgbouncer.ini", &settings);
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("pgbouncer.ini").current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // It refuses to run as root, and only PostgreSQL's user is let to its sockets.
        let owner = fs::metadata(&sockets).unwrap();
        if fs::metadata(folder.path()).unwrap().uid() != owner.uid() {
            for path in [folder.path().to_owned(), folder.path().join("userlist.txt")] {
                chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
            }
            command.uid(owner.uid()).gid(owner.gid());
        }
        let child = command.spawn().unwrap();
        let mut bouncer = Self { child, folder };
        bouncer.listens().await;
        Some(bouncer)
    }

    /// The same connection by way of this.
    fn through(&self, config: &Config) -> Config {
        let mut through = Config::new();
        through.host_path(self.folder.path()).port(PORT);
        through.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
        through.password(config.get_password().unwrap());
        through
    }

    async fn listens(&mut self) {
        let socket = self.folder.path().join(format!(".s.PGSQL.{PORT}"));
        let connects = || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                panic!("PgBouncer ended with {status}: {log}");
            }
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        };
        eventually("PgBouncer listens", connects).await;
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn sockets(database: &TestDatabase) -> PathBuf {
    match database.owner_config().get_hosts() {
        [Host::Unix(folder)] => folder.clone(),
        hosts => panic!("one unix socket, and not {hosts:?}"),
    }
}

fn user(config: &Config) -> String {
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    format!("\"{}\" \"{password}\"\n", config.get_user().unwrap())
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    let mode = if name.ends_with(".ini") { 0o644 } else { 0o600 };
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server, and its database as the server sees it.
async fn serve(settings: DatabaseConfig) -> (SocketAddr, Database) {
    let database = Database::open(settings).await.unwrap();
    let keys = database.authenticator(AuthConfig::default()).await.unwrap();
    let server = Server::bind(config(), database.clone(), keys).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    (address, database)
}

/// One tenant's part, and all that was told to them.
struct Tenant {
    number: usize,
    owner: User,
    /// Somebody who sees their own records alone.
    member: User,
    client: String,
    made: HashSet<Uuid>,
    told: HashSet<Uuid>,
}

impl Tenant {
    async fn create(at: SocketAddr, number: usize) -> Self {
        let owner = register(at, &format!("owner-{number}")).await;
        let post = |path: &'static str, body: Value| {
            let call = Call::to(at, "POST", path).by(&owner).json(&body);
            async { created(&call.send().await) }
        };
        let role = json!({ "name": "Own", "permissions": ["client:read_own", "client:write"] });
        let role = post("/api/roles", role).await;
        let invite = json!({ "email": format!("member-{number}@example.com"), "role": role["id"] });
        let invited = post("/api/invitations", invite).await;
        let accept = json!({
            "token": invited["token"], "password": nexo_core::testing::PASSWORD, "name": "Member",
        });
        let accepted = Call::to(at, "POST", "/api/auth/invitations/accept").json(&accept);
        let accepted = accepted.send().await;
        created(&accepted);
        let member = User::of(format!("member-{number}@example.com"), &accepted);
        let client =
            post("/api/clients", json!({ "name": mark(number), "status": "active" })).await;
        let client = client["id"].as_str().unwrap().to_owned();
        let (made, told) = (ids(&client), HashSet::new());
        Self { number, owner, member, client, made, told }
    }

    /// Sends its share of the requests, one after the other.
    async fn work(mut self, at: SocketAddr, foreign: String) -> Self {
        let mut wire = Wire::connect(at).await;
        for turn in 0..REQUESTS / TENANTS {
            let (client, mark) = (self.client.clone(), mark(self.number));
            let (method, path, body, expected) = match turn % 10 {
                0 => ("GET", "/api/clients?limit=200&count=exact".to_owned(), None, 200),
                1 => ("GET", format!("/api/clients/{client}"), None, 200),
                2 => ("GET", format!("/api/clients/{foreign}"), None, 404),
                3 => {
                    let body = json!({ "name": format!("{mark} {turn}"), "status": "active" });
                    ("POST", "/api/clients".to_owned(), Some(body), 201)
                }
                4 => ("GET", "/api/search?q=tenant".to_owned(), None, 200),
                5 => {
                    let body = json!({ "name": format!("{mark} {turn}"), "client_id": client });
                    ("POST", "/api/projects".to_owned(), Some(body), 201)
                }
                6 => {
                    let body = json!({ "notes": format!("{mark} {turn}") });
                    ("PATCH", format!("/api/clients/{foreign}"), Some(body), 404)
                }
                7 => {
                    let body = json!({ "notes": format!("{mark} {turn}") });
                    ("PATCH", format!("/api/clients/{client}"), Some(body), 200)
                }
                8 => ("GET", "/api/auth/profile".to_owned(), None, 200),
                _ => ("GET", "/api/clients?limit=200".to_owned(), None, 200),
            };
            // The last is asked by who sees less, on connections of their own.
            let by = if turn % 10 == 9 { &self.member } else { &self.owner };
            let body = body.map(|body| body.to_string()).unwrap_or_default();
            wire.send(format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
                 content-type: application/{}json\r\ncontent-length: {}\r\n\r\n{body}",
                by.token,
                if method == "PATCH" { "merge-patch+" } else { "" },
                body.len()
            ))
            .await;
            let reply = wire.reply().await;
            let text = String::from_utf8(reply.body.clone()).unwrap();
            assert_eq!(reply.status, expected, "{} {method} {path}: {text}", self.number);
            if turn % 10 == 9 {
                assert_eq!(reply.json()["data"], json!([]), "they own nothing");
            }
            if expected == 201 {
                self.made.insert(reply.json()["id"].as_str().unwrap().parse().unwrap());
            }
            // A problem repeats the path that was asked for, and that alone.
            let text = if expected == 404 { text.replace(&foreign, "") } else { text };
            for other in (0..TENANTS).filter(|other| *other != self.number) {
                assert!(!text.contains(&self::mark(other)), "{other} in {text}");
            }
            self.told.extend(ids(&text));
        }
        self
    }
}

fn created(reply: &Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()
}

fn mark(number: usize) -> String {
    format!("tenant {number:02}")
}

/// All ids in a text.
fn ids(text: &str) -> HashSet<Uuid> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    words.filter(|word| word.len() == 36).filter_map(|word| word.parse().ok()).collect()
}

/// All tenants at once.
async fn nobody_is_told_of_another(at: SocketAddr, database: &Database) {
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        tenants.push(Tenant::create(at, number).await);
    }
    let clients: Vec<_> = tenants.iter().map(|tenant| tenant.client.clone()).collect();
    let work = tenants.into_iter().enumerate().map(|(number, tenant)| {
        tokio::spawn(tenant.work(at, clients[(number + 1) % TENANTS].clone()))
    });
    let tenants = futures_util::future::join_all(work.collect::<Vec<_>>()).await;
    let tenants: Vec<_> = tenants.into_iter().map(Result::unwrap).collect();
    let mut belongs = HashMap::new();
    for tenant in &tenants {
        let user_ids = [&tenant.owner, &tenant.member].map(|user| user.id.parse().unwrap());
        let account: Uuid = tenant.owner.account.parse().unwrap();
        for id in tenant.made.iter().copied().chain(user_ids).chain([account]) {
            assert_eq!(belongs.insert(id, tenant.number), None);
        }
        assert!(tenant.made.len() >= 2 * REQUESTS / TENANTS / 10);
    }
    for tenant in &tenants {
        assert!(tenant.told.is_superset(&tenant.made), "everybody is told of their own");
        let foreign: Vec<_> = tenant
            .told
            .iter()
            .filter(|id| belongs.get(id).is_some_and(|owner| *owner != tenant.number))
            .collect();
        assert!(foreign.is_empty(), "{} was told of {foreign:?}", tenant.number);
    }
    assert_eq!(database.leaked_settings().await.unwrap(), "");
}

/// The connections of the two roles, after the owner has made them.
async fn roles(database: &TestDatabase) -> (Config, Config) {
    drop(database.open().await);
    (database.app_config().await, database.auth_config().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn r18_twenty_tenants_over_two_connections() {
    let database = TestDatabase::create().await;
    let (at, seen) = serve(database.config().pool_size(2)).await;
    nobody_is_told_of_another(at, &seen).await;
}

/// Without preparation, two connections are no different.
#[tokio::test(flavor = "multi_thread")]
async fn r18_twenty_tenants_through_pgbouncer() {
    let database = TestDatabase::create().await;
    let (app, auth) = roles(&database).await;
    let Some(bouncer) = PgBouncer::start(&database, &app, &auth).await else { return };
    let settings = DatabaseConfig::from_roles(None, bouncer.through(&app), bouncer.through(&auth));
    // More than PgBouncer has, so that transactions change places.
    let (at, seen) = serve(settings.pool_size(8).prepared_statements(false)).await;
    nobody_is_told_of_another(at, &seen).await;
    // Nothing was left behind on the connections that are shared.
    let left = "select count(*) from pg_prepared_statements";
    for config in [&app, &auth] {
        let (client, connection) =
            bouncer.through(config).connect(nexo_core::tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        // Both of them: the one is held while the other is asked.
        client.batch_execute("begin").await.unwrap();
        let (other, connection) =
            bouncer.through(config).connect(nexo_core::tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        for client in [&client, &other] {
            let rows = client.query_typed(left, &[]).await.unwrap();
            assert_eq!(rows[0].get::<_, i64>(0), 0);
        }
    }
}
