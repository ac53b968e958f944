//! PgBouncer between the server and PostgreSQL, in transaction mode.

mod tenants;

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
use tempfile::TempDir;

use crate::component::installed;
use crate::harness::config;
use crate::process::eventually;
use tenants::nobody_is_told_of_another;

const PORT: u16 = 6432;

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
        let settings = settings + keeps_nothing_apart(&program);
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

/// What tells a newer one to know nothing of prepared statements, as the older do.
fn keeps_nothing_apart(program: &Path) -> &'static str {
    let told = Command::new(program).arg("--version").output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let version = told.split_whitespace().find_map(|word| word.strip_prefix("1."));
    let minor = version.and_then(|rest| rest.split('.').next()).map(str::parse::<u32>);
    if minor.expect("PgBouncer 1.x").unwrap() < 21 { "" } else { "max_prepared_statements = 0\n" }
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

/// R18: one that would mix up what is prepared is found out before anybody is served.
#[tokio::test(flavor = "multi_thread")]
async fn r18_statements_are_not_prepared_where_they_would_be_mixed_up() {
    let database = TestDatabase::create().await;
    let (app, auth) = roles(&database).await;
    let Some(bouncer) = PgBouncer::start(&database, &app, &auth).await else { return };
    let settings =
        || DatabaseConfig::from_roles(None, bouncer.through(&app), bouncer.through(&auth));
    // What the first leaves behind tells the second no lie.
    for _ in 0..3 {
        let opened = Database::open(settings().prepared_statements(true)).await;
        let refused = opened.map(drop).expect_err("it knows nothing of them");
        assert!(refused.to_string().contains("NEXO_PREPARED_STATEMENTS=false"), "{refused}");
    }
    Database::open(settings().prepared_statements(false)).await.expect("as it was told to");
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
