//! Starting on a database: empty, shared, newer, or with roles gone astray.
//! The roles belong to a whole cluster, so most of these have one of their own.

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};
use nexo_core::testing::TestDatabase;
use nexo_core::tokio_postgres::{Client, Config, NoTls};
use nexo_core::{Database, DatabaseConfig, schema_version};

struct Own {
    cluster: Cluster,
    _folder: EphemeralDir,
}

impl Own {
    async fn start() -> Self {
        let folder = EphemeralDir::create().expect("a folder");
        let options = ClusterOptions::ephemeral(folder.path()).setting("fsync", "off");
        let binaries = Binaries::find().expect("PostgreSQL is installed");
        let cluster = Cluster::start(&binaries, &options).await.expect("starts");
        Self { cluster, _folder: folder }
    }

    fn config(&self) -> DatabaseConfig {
        DatabaseConfig::from_owner(self.cluster.owner_config())
    }

    async fn stop(self) {
        self.cluster.stop().await;
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

/// F15: several servers start together on an empty database; all agree, and
/// an owner without SUPERUSER, BYPASSRLS and CREATEDB is enough.
#[tokio::test]
async fn f15_servers_that_start_together_agree() {
    let own = Own::start().await;
    let opens = (0..4).map(|_| tokio::spawn(Database::open(own.config())));
    let opens: Vec<_> = opens.collect();
    for open in opens {
        open.await.expect("no panic").expect("opens").ping().await.expect("works");
    }
    let owner = connect(&own.cluster.owner_config()).await;
    let applied =
        owner.query("select version from nexo.schema_history order by 1", &[]).await.expect("read");
    let applied: Vec<i32> = applied.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, (1..=schema_version()).collect::<Vec<_>>(), "each once");
    let superuser: bool =
        owner.query_one("select rolsuper or rolbypassrls or rolcreatedb from pg_roles where rolname = current_user", &[]).await.expect("asked").get(0);
    assert!(!superuser);
    own.stop().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let test = TestDatabase::create().await;
    let newer = "insert into nexo.schema_history (version, name, applied_on, checksum)
                 values (99, 'from_the_future', '2026-01-01T00:00:00Z', '1')";
    test.superuser().await.batch_execute(newer).await.expect("inserted");
    let refused = Database::open(test.config()).await.expect_err("refused");
    assert!(refused.is_setup());
    assert!(refused.to_string().contains("version 99, newer than"), "{refused}");
}

/// With connections for both roles and no owner, nothing is migrated: the
/// schema must be there.
#[tokio::test]
async fn separate_connections_work_without_an_owner() {
    let test = TestDatabase::create().await;
    let as_role = async |role: &str| {
        let sql = "select password from nexo.runtime_credentials where role = $1";
        let password: String =
            test.superuser().await.query_one(sql, &[&role]).await.expect("stored").get(0);
        let mut config = test.owner_config();
        config.user(role).password(password);
        config
    };
    let (app, auth) = (as_role("nexo_app").await, as_role("nexo_auth").await);
    let config = DatabaseConfig::from_roles(None, app.clone(), auth.clone());
    Database::open(config).await.expect("opens").ping().await.expect("works");

    // The owner in the place of a run-time role is refused, by name.
    let config = DatabaseConfig::from_roles(None, test.owner_config(), auth);
    let refused = Database::open(config).await.expect_err("too much");
    assert!(refused.to_string().contains("nexo_owner is more than an ordinary role"), "{refused}");

    let old = "delete from nexo.schema_history where version = $1";
    test.superuser().await.execute(old, &[&schema_version()]).await.expect("deleted");
    let config = DatabaseConfig::from_roles(None, app.clone(), app);
    let refused = Database::open(config).await.expect_err("too old");
    assert!(refused.to_string().contains("start once with the owner's connection"), "{refused}");
}

/// A password that somebody changed is set again; a role that serves another
/// database is left alone.
#[tokio::test]
async fn lost_passwords_are_mended_but_not_over_another_database() {
    let own = Own::start().await;
    Database::open(own.config()).await.expect("opens");
    let superuser = connect(&own.cluster.superuser_config()).await;
    superuser.batch_execute("alter role nexo_app password 'changed'").await.expect("changed");
    Database::open(own.config()).await.expect("mended").ping().await.expect("works");

    superuser.batch_execute("create database other owner nexo_owner").await.expect("made");
    let mut other = own.cluster.owner_config();
    other.dbname("other");
    let refused = Database::open(DatabaseConfig::from_owner(other)).await.expect_err("refused");
    assert!(refused.to_string().contains("serves another database"), "{refused}");
    Database::open(own.config()).await.expect("undisturbed").ping().await.expect("works");
    own.stop().await;
}

/// F21: a start that is cut off in the middle is done again by the next one.
#[tokio::test]
async fn f21_a_start_that_was_cut_off_is_completed() {
    let own = Own::start().await;
    for polls in [5, 20, 60, 150] {
        let open = Database::open(own.config());
        let mut open = std::pin::pin!(open);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..polls {
            if open.as_mut().poll(&mut context).is_ready() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    Database::open(own.config()).await.expect("completed").ping().await.expect("works");
    own.stop().await;
}

#[tokio::test]
async fn what_cannot_be_reached_says_so_without_the_password() {
    let refused = Database::open(
        DatabaseConfig::from_url("postgres://nexo:s3cret@127.0.0.1:1/nexo").expect("a URL"),
    )
    .await;
    let refused = refused.expect_err("nobody listens there");
    assert!(
        refused.is_setup()
            && refused.to_string().contains("\"nexo\" at 127.0.0.1 port 1 cannot be reached"),
        "{refused}"
    );
    assert!(!format!("{refused:?}").contains("s3cret"));
    let url = DatabaseConfig::from_url("mysql://nexo:s3cret@host/nexo").expect_err("no PostgreSQL");
    assert!(url.to_string().contains("expected postgres://"), "{url}");
    assert!(!format!("{url:?}").contains("s3cret"));
}
