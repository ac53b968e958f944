//! F14 and F15: several servers on one database.

use std::process::Command;
use std::time::{Duration, Instant};

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions};
use nexo_core::testing::PASSWORD;
use nexo_core::tokio_postgres::config::Host;
use nexo_core::tokio_postgres::{Client, NoTls};
use serde_json::json;
use tokio::time::sleep;

use crate::harness::{Call, UNSEALED, register, until_ready};
use crate::load::Load;
use crate::process::Folder;
use crate::program::{Program, command};
use crate::report::Row;
use crate::stored;
use crate::world::{REQUEST, World};

/// How long entries wait for their seals, several times.
const SEALED: Duration = Duration::from_secs(15);

/// The services behind gateways, each a process of its own.
pub(crate) struct Services {
    auth: Program,
    crms: Vec<Program>,
}

impl Services {
    pub(crate) fn start(world: &World, crms: usize) -> Self {
        let auth = service(world, "auth", "127.0.0.1:0", &[]);
        let mut services = Self { auth, crms: Vec::new() };
        for _ in 0..crms {
            services.crms.push(services.crm(world, "127.0.0.1:0"));
        }
        services
    }

    fn crm(&self, world: &World, listen: &str) -> Program {
        let auth = format!("http://{}", self.auth.address);
        service(world, "crm", listen, &["--auth-service-url", &auth])
    }

    /// What a gateway must be told to find them.
    pub(crate) fn urls(&self) -> [String; 4] {
        let crms = self.crms.iter().map(|crm| format!("http://{}", crm.address));
        [
            "--auth-service-url".to_owned(),
            format!("http://{}", self.auth.address),
            "--crm-service-url".to_owned(),
            crms.collect::<Vec<_>>().join(","),
        ]
    }
}

fn service(world: &World, role: &str, listen: &str, args: &[&str]) -> Program {
    let mut command = world.server(&["--role", role, "--trusted-proxy", "127.0.0.1"]);
    command.args(args).env("NEXO_LISTEN", listen);
    Program::spawn(command).listening()
}

/// Two CRM processes behind a gateway are told to stop one after the other. (The gateway
/// asks them for `/ready`; who asks gateways is outside of NEXO: see `gateways.rs`.)
pub(crate) async fn rolling_restart(world: &mut World) -> Row {
    let mut services = Services::start(world, 2);
    let mut gateway = command(&["--role", "gateway"]);
    gateway.args(services.urls());
    let gateway = Program::spawn(gateway).listening();
    until_ready(gateway.address).await;
    let users =
        [register(gateway.address, "rolling1").await, register(gateway.address, "rolling2").await];
    let load = Load::start(gateway.address, users, 8, REQUEST);
    load.more(30).await;
    for at in 0..services.crms.len() {
        let stopped = services.crms.remove(at);
        let listen = stopped.address.to_string();
        // Fails unless it ends by itself, with 0.
        tokio::task::spawn_blocking(move || stopped.stop()).await.unwrap();
        services.crms.insert(at, services.crm(world, &listen));
        until_ready(services.crms[at].address).await;
        load.more(30).await;
    }
    let done = load.finish().await;
    let failed = done.seen.failed();
    let mut row = stored::check(&world.superuser().await, done).await;
    row.hold(failed == 0, format!("{failed} requests failed"));
    row.figure("both CRM processes restarted, each ended with 0");
    row
}

/// On a database that neither has seen before.
pub(crate) async fn races(_: &mut World) -> Row {
    let folder = Folder::new();
    let options = ClusterOptions::persistent(&*folder);
    let cluster = Cluster::start(&Binaries::find_for(&folder).unwrap(), &options).await.unwrap();
    let mut row = Row::default();
    // Both migrate.
    let server = || {
        let mut command = command(&[]);
        command.env("DATABASE_URL", url(&cluster)).env("NEXO_LOG", "warn,nexo_server::run=info");
        command
    };
    let (one, two) = (Program::spawn(server()), Program::spawn(server()));
    let (one, two) = (one.listening(), two.listening());
    until_ready(one.address).await;
    until_ready(two.address).await;
    row.figure("both migrated an empty database at the same time");
    duplicate_email(&one, &two, &mut row).await;
    refresh(&one, &two, &mut row).await;

    // One key of one user at both.
    let users = [one.register("eve").await, one.register("mallory").await];
    let mut doubled = 0;
    for number in 0..20 {
        let body = json!({ "name": format!("of-{} {number}", users[0].account) });
        let key = format!("race-{number}");
        let post = |at: &Program| {
            at.post("/api/clients", &body).by(&users[0]).header("idempotency-key", &key).send()
        };
        let (first, second) = tokio::join!(post(&one), post(&two));
        let holds = (first.status, second.status) == (201, 201)
            && first.json()["id"] == second.json()["id"];
        doubled += usize::from(!holds);
    }
    row.hold(doubled == 0, format!("{doubled} of 20 keys had two answers"));

    // Both seal what both have written.
    let more = [one.register("ada").await, one.register("bob").await];
    let load = Load::start(two.address, more, 8, REQUEST);
    load.more(100).await;
    let mut superuser = cluster.superuser_config();
    let (superuser, connection) = superuser.dbname("nexo").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    row.merge(stored::check(&superuser, load.finish().await).await);
    seals(&one, &two, &superuser, &mut row).await;
    let stop = move || (one.stop(), two.stop());
    tokio::task::spawn_blocking(stop).await.unwrap();
    let mut verify = command(&["audit", "verify"]);
    let verified = verify.env("DATABASE_URL", url(&cluster)).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stdout).into_owned();
    row.hold(verified.status.success(), format!("the chain of seals is broken: {told}"));
    row.figure("two sealers made one chain, which audit verify accepts");
    cluster.stop().await;
    row
}

fn url(cluster: &Cluster) -> String {
    let owner = cluster.owner_config();
    let [Host::Unix(folder)] = owner.get_hosts() else { panic!("one socket") };
    let password = String::from_utf8(owner.get_password().unwrap().to_vec()).unwrap();
    let user = owner.get_user().unwrap();
    format!("host={} user={user} dbname=nexo password={password}", folder.display())
}

async fn duplicate_email(one: &Program, two: &Program, row: &mut Row) {
    for number in 0..5 {
        let body = json!({
            "email": format!("twice{number}@example.com"), "password": PASSWORD, "name": "Twice",
            "account_name": "Engines",
        });
        let (first, second) = tokio::join!(
            one.post("/api/auth/register", &body).send(),
            two.post("/api/auth/register", &body).send()
        );
        let (winner, loser) = if first.status == 201 { (first, second) } else { (second, first) };
        let told = (winner.status, loser.status, loser.problem());
        let holds = told == (201, 409, "email_taken".to_owned());
        row.hold(holds, format!("one address twice: {told:?}"));
    }
    row.figure("5 addresses registered at both: one winner each");
}

/// Each seals what was written through it, and nobody leaves anything.
async fn seals(one: &Program, two: &Program, superuser: &Client, row: &mut Row) {
    let mut accounts = Vec::new();
    for (server, name) in [(one, "only1"), (two, "only2")] {
        let user = server.register(name).await;
        let made = server.post("/api/clients", &json!({ "name": "x" })).by(&user).send().await;
        assert_eq!(made.status, 201);
        accounts.push(user.account);
    }
    let count = async |sql: &str| superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    let since = Instant::now();
    while count(UNSEALED).await > 0 && since.elapsed() < SEALED {
        sleep(Duration::from_millis(100)).await;
    }
    let (left, took) = (count(UNSEALED).await, since.elapsed());
    row.hold(left == 0, format!("{left} entries are not sealed after {took:.1?}"));
    // Nobody else looks after them so soon.
    for (account, name) in accounts.iter().zip(["the first", "the second"]) {
        let sql = format!("select count(*) from nexo.audit_seals where account_id = '{account}'");
        row.hold(count(&sql).await > 0, format!("{name} server has sealed nothing"));
    }
    row.figure(format!("both servers sealed what they wrote, all of it {took:.1?} later"));
}

async fn refresh(one: &Program, two: &Program, row: &mut Row) {
    let mut statuses = Vec::new();
    for number in 0..5 {
        let user = one.register(&format!("refresh{number}")).await;
        let body = json!({ "refresh_token": user.refresh_token });
        let (first, second) = tokio::join!(
            one.post("/api/auth/refresh", &body).send(),
            two.post("/api/auth/refresh", &body).send()
        );
        for reply in [&first, &second] {
            let defined = match reply.status {
                200 => true,
                401 => reply.problem() == "invalid_refresh_token",
                _ => false,
            };
            row.hold(defined, format!("a refresh at both was told {}", reply.status));
        }
        let winner = if first.status == 200 { &first } else { &second };
        row.hold(winner.status == 200, "a refresh at both had no winner");
        let token = winner.json()["access_token"].as_str().unwrap_or_default().to_owned();
        let profile = Call::to(two.address, "GET", "/api/auth/profile").bearer(&token).send().await;
        row.hold(profile.status == 200, format!("the session after it: {}", profile.status));
        statuses.push((first.status, second.status));
    }
    row.figure(format!("5 refresh tokens used at both: {statuses:?}"));
}

/// The command for a server whose process is prepared by a line of shell.
pub(crate) fn within_shell(command: &Command, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{line}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
