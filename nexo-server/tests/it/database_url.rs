//! The program on a database that somebody else runs.

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions};
use nexo_core::testing::PASSWORD;
use nexo_core::tokio_postgres::config::Host;
use nexo_core::tokio_postgres::{Client, Config, NoTls};
use serde_json::json;

use crate::harness::User;
use crate::process::{Folder, deadline, pause};
use crate::program::{Program, command};

/// What a password may hold, in both ways of writing connections.
const SECRET: &str = r"p/w:w@r?d#%41& \'";
const IN_URL: &str = "p%2Fw%3Aw%40r%3Fd%23%2541%26%20%5C%27";
const QUOTED: &str = r"'p/w:w@r?d#%41& \\\''";

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A cluster with an owner whose password is [`SECRET`], and an empty database.
async fn cluster(folder: &Folder) -> Cluster {
    let options = ClusterOptions::persistent(&**folder);
    let cluster = Cluster::start(&Binaries::find().unwrap(), &options).await.unwrap();
    let set = format!("alter role nexo_owner password '{}'", SECRET.replace('\'', "''"));
    connect(&cluster.superuser_config()).await.batch_execute(&set).await.unwrap();
    cluster
}

fn socket_folder(cluster: &Cluster) -> String {
    match cluster.owner_config().get_hosts() {
        [Host::Unix(folder)] => folder.to_str().unwrap().to_owned(),
        hosts => panic!("not one unix socket but {hosts:?}"),
    }
}

fn start(database_url: &str) -> Program {
    let mut command = command(&[]);
    command.env("DATABASE_URL", database_url);
    Program::spawn(command)
}

/// Waits until the only connections to the database are of run-time roles, and
/// both have some.
async fn only_run_time_roles(superuser: &Client) {
    const CONNECTED: &str = "select distinct usename::text from pg_stat_activity
        where datname = 'nexo' order by 1";
    let deadline = deadline();
    loop {
        let rows = superuser.query(CONNECTED, &[]).await.unwrap();
        let roles: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if roles == ["nexo_app", "nexo_auth"] {
            const NAMED: &str = "select distinct application_name from pg_stat_activity
                where datname = 'nexo'";
            let names = superuser.query(NAMED, &[]).await.unwrap();
            let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
            assert_eq!(names, [concat!("nexo-server/", env!("CARGO_PKG_VERSION"))]);
            return;
        }
        pause(deadline, &format!("run-time roles alone are connected, not {roles:?}")).await;
    }
}

#[tokio::test]
async fn two_servers_on_one_database_agree() {
    let folder = Folder::new();
    let cluster = cluster(&folder).await;
    let run = socket_folder(&cluster);
    // Together: one of them migrates, the other one waits.
    let url = start(&format!("postgres://nexo_owner:{IN_URL}@/nexo?host={run}"));
    let keys = start(&format!("host={run} user=nexo_owner password={QUOTED} dbname=nexo"));
    let (one, other) = (url.listening(), keys.listening());
    // Connected to another database, and so not seen by itself.
    let superuser = connect(&cluster.superuser_config()).await;

    let ada = one.register("ada").await;
    let body = json!({ "name": "Babbage" });
    let created = one.post("/api/clients", &body).by(&ada).send().await;
    let path = created.header("location").unwrap();
    assert_eq!(other.get(path).by(&ada).send().await.json(), created.json());
    let keys = one.get("/.well-known/jwks.json").send().await.json();
    assert_eq!(other.get("/.well-known/jwks.json").send().await.json(), keys);

    let login = json!({ "email": ada.email, "password": PASSWORD });
    let mut sessions = Vec::new();
    for (here, there) in [(&one, &other), (&other, &one)] {
        let reply = here.post("/api/auth/login", &login).send().await;
        let session = User::of(ada.email.clone(), &reply);
        assert_eq!(there.get(path).by(&session).send().await.status, 200);
        let refresh = json!({ "refresh_token": session.refresh_token });
        let reply = there.post("/api/auth/refresh", &refresh).send().await;
        sessions.push(User::of(ada.email.clone(), &reply));
    }
    only_run_time_roles(&superuser).await;

    // What ends at one has ended at the other, though both know the token.
    for (session, (here, there)) in sessions.iter().zip([(&one, &other), (&other, &one)]) {
        assert_eq!(there.get(path).by(session).send().await.status, 200);
        assert_eq!(here.call("POST", "/api/auth/logout").by(session).send().await.status, 204);
        let ended = there.get(path).by(session).send().await;
        assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"));
    }

    for program in [one, other] {
        program.signal("TERM");
        let (status, printed, log) = program.end();
        assert!(status.success(), "{status}: {log}");
        let place = format!("{run}/nexo (DATABASE_URL)");
        assert!(log.contains(&place) && printed.contains(&place), "{printed}{log}");
        assert!(!log.contains("private PostgreSQL"), "{log}");
        for secret in ["w@r?d", "w%40r"] {
            assert!(!log.contains(secret) && !printed.contains(secret), "{printed}{log}");
        }
    }
    assert!(superuser.simple_query("select").await.is_ok(), "it is not theirs to stop");
    drop(superuser);
    cluster.stop().await;
}

#[tokio::test]
async fn a_database_that_is_not_there_stops_the_start() {
    let folder = Folder::new();
    let nowhere = format!("postgres://owner:s3cret@/nexo?host={}", folder.display());
    let (status, printed, log) = start(&nowhere).end();
    assert_eq!((status.code(), printed.as_str()), (Some(1), ""), "{log}");
    let told = format!("the database \"nexo\" at {} cannot be reached", folder.display());
    assert!(log.contains(&told), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

/// The audit logs are sealed while a server runs; the program prints checkpoints
/// and names what was changed behind its back.
#[tokio::test]
async fn audit_logs_are_sealed_and_verified() {
    let folder = Folder::new();
    let cluster = cluster(&folder).await;
    let url = format!("postgres://nexo_owner:{IN_URL}@/nexo?host={}", socket_folder(&cluster));
    let audit = |args: &[&str]| {
        let mut command = command(&["audit"]);
        command.args(args).env("DATABASE_URL", &url);
        let (status, text, log) = Program::spawn(command).end();
        (status.code(), text, log)
    };
    let server = start(&url).listening();
    let ada = server.register("ada").await;
    let made = server.post("/api/clients", &json!({ "name": "Babbage" })).by(&ada).send().await;
    assert_eq!(made.status, 201);
    let mut config = cluster.superuser_config();
    let superuser = connect(config.dbname("nexo")).await;
    let deadline = deadline();
    let unsealed = "select count(*) from nexo.audit_log e where not exists (
        select from nexo.audit_seals s where s.account_id = e.account_id and e.id = any(s.entries))";
    while superuser.query_one(unsealed, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        pause(deadline, "everything is sealed").await;
    }

    let (status, checkpoints, log) = audit(&["checkpoint"]);
    assert_eq!((status, checkpoints.lines().count()), (Some(0), 1), "{log}");
    let file = folder.join("checkpoints");
    std::fs::write(&file, &checkpoints).unwrap();
    let verify = ["verify", "--checkpoints", file.to_str().unwrap()];
    let (status, text, log) = audit(&verify);
    assert_eq!(status, Some(0), "{text}{log}");
    let told = format!("{}: 3 entries, 0 not sealed yet: as it was sealed\n", ada.account);
    assert_eq!(text, told);

    superuser.batch_execute("delete from nexo.audit_log where subject = 'clients'").await.unwrap();
    let (status, text, log) = audit(&["verify", "--account", &ada.account]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("WRONG: entry") && text.contains("was removed"), "{text}");
    assert!(log.contains("1 of the audit logs are not as they were sealed"), "{log}");
    superuser.batch_execute("delete from nexo.audit_seals").await.unwrap();
    assert_eq!(audit(&["verify"]).0, Some(0), "nothing of before is known without a checkpoint");
    assert_eq!(audit(&verify).0, Some(1));
    std::fs::write(&file, "no checkpoint\n").unwrap();
    let (status, _, log) = audit(&verify);
    assert_eq!(status, Some(1));
    assert!(log.contains("line 1: this is no checkpoint"), "{log}");
    server.stop();
    cluster.stop().await;
}
