//! A PostgreSQL of the harness's own, the way to it, and the server under test.

use std::process::Command;
use std::time::{Duration, Instant};

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions};
use nexo_core::testing::Proxy;
use nexo_core::tokio_postgres::{Client, Config, NoTls};

use crate::harness::{User, register, until_ready};
use crate::load::Load;
use crate::process::{Folder, descendants, is_alive, kill_9, pause, postmaster};
use crate::program::{Program, command};
use crate::report::Row;
use crate::stored;

/// How long recovery may take.
pub(crate) const RECOVERY: Duration = Duration::from_secs(10);

/// How long the server under test gives a request.
pub(crate) const REQUEST: Duration = Duration::from_secs(15);

/// How many connections PostgreSQL takes.
pub(crate) const MAX_CONNECTIONS: usize = 120;

pub(crate) struct World {
    pub(crate) program: Program,
    pub(crate) proxy: Proxy,
    cluster: Option<Cluster>,
    superuser: Config,
    url: String,
    users: usize,
    // After what runs in it.
    folder: Folder,
}

/// How PostgreSQL is made to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// `kill -9` of it and all its children.
    Kill,
    /// As `pg_ctl stop -m fast`.
    Fast,
    /// As `pg_ctl stop -m immediate`.
    Immediate,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = Folder::new();
        let cluster = start(&folder).await;
        let mut superuser = cluster.superuser_config();
        superuser.dbname("nexo");
        let proxy = Proxy::start(&superuser).await;
        let owner = cluster.owner_config();
        let password = String::from_utf8(owner.get_password().unwrap().to_vec()).unwrap();
        let url = format!(
            "host=127.0.0.1 port={} user={} dbname=nexo password={password}",
            proxy.address().port(),
            owner.get_user().unwrap()
        );
        let program = Program::spawn(server(&url, &[])).listening();
        until_ready(program.address).await;
        Self { program, proxy, cluster: Some(cluster), superuser, url, users: 0, folder }
    }

    /// The command for another server on the same database.
    pub(crate) fn server(&self, args: &[&str]) -> Command {
        server(&self.url, args)
    }

    /// A user of the server under test, in an account of their own.
    pub(crate) async fn user(&mut self) -> User {
        self.users += 1;
        register(self.program.address, &format!("user{}", self.users)).await
    }

    /// A connection that no fault on the way touches.
    pub(crate) async fn superuser(&self) -> Client {
        self.try_superuser().await.unwrap()
    }

    pub(crate) async fn try_superuser(&self) -> Result<Client, nexo_core::tokio_postgres::Error> {
        let (client, connection) = self.superuser.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Stops PostgreSQL and waits until it is gone.
    pub(crate) async fn stop_database(&mut self, how: Stop) {
        let pid = postmaster(&self.folder).unwrap();
        match how {
            Stop::Kill => {
                let mut all = vec![pid];
                all.extend(descendants(pid));
                kill_9(&all);
            }
            Stop::Fast => signal(pid, "INT"),
            Stop::Immediate => signal(pid, "QUIT"),
        }
        let cluster = self.cluster.take().unwrap();
        cluster.wait().await;
        cluster.stop().await;
    }

    pub(crate) async fn start_database(&mut self) {
        self.cluster = Some(start(&self.folder).await);
    }

    /// Takes back whatever a fault may have left.
    pub(crate) async fn heal(&mut self) {
        self.proxy.heal();
        if self.cluster.is_none() {
            self.start_database().await;
        }
        crate::read_only::set(self, "off").await;
        crate::deadlocks::isolate(&self.superuser().await, "read committed").await;
        until_ready(self.program.address).await;
    }

    pub(crate) async fn stop(mut self) {
        let program = self.program;
        tokio::task::spawn_blocking(move || program.stop()).await.unwrap();
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await;
        }
    }

    /// A load of two accounts on the server under test.
    pub(crate) async fn load(&mut self, callers: usize) -> Load {
        let users = [self.user().await, self.user().await];
        Load::start(self.program.address, users, callers, REQUEST)
    }

    /// The same, and they do whatever else users do.
    pub(crate) async fn mixed_load(&mut self, callers: usize) -> Load {
        let users = [self.user().await, self.user().await];
        Load::mixed(self.program.address, users, callers, REQUEST)
    }

    /// Waits until writes are acknowledged again, ends the load and looks for all that
    /// it was promised.
    pub(crate) async fn settle(&self, load: Load) -> Row {
        let healed = Instant::now();
        let before = load.acknowledged();
        while load.acknowledged() < before + 20 {
            pause(healed + Duration::from_secs(60), "writes are acknowledged again").await;
        }
        let took = healed.elapsed();
        load.more(30).await;
        until_ready(self.program.address).await;
        let mut row = self.finish(load).await;
        row.hold(took <= RECOVERY, format!("it took {took:.1?} to recover"));
        row.figure(format!("20 writes {:.2} s after the fault", took.as_secs_f64()));
        row
    }

    /// Ends the load and looks for all that it was promised.
    pub(crate) async fn finish(&self, load: Load) -> Row {
        let done = load.finish().await;
        stored::check(&self.superuser().await, done).await
    }
}

/// Resolves when a process has ended.
pub(crate) async fn ended(pid: u32) {
    while is_alive(pid) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn start(folder: &Folder) -> Cluster {
    let options = ClusterOptions::persistent(&**folder)
        .setting("max_connections", MAX_CONNECTIONS.to_string())
        // Longer than the harness takes to make one.
        .setting("deadlock_timeout", "2s");
    Cluster::start(&Binaries::find_for(folder).unwrap(), &options).await.unwrap()
}

fn server(url: &str, args: &[&str]) -> Command {
    let mut command = command(args);
    let request = format!("{}s", REQUEST.as_secs());
    command
        .env("DATABASE_URL", url)
        .env("NEXO_REQUEST_TIMEOUT", request)
        // Longer than any soak.
        .env("NEXO_ACCESS_TOKEN_TTL", "12h")
        .env("NEXO_MAX_CONNECTIONS_PER_IP", "2000")
        .env("NEXO_LOG", "warn,nexo_server::run=info,nexo_server::request=off");
    command
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}
