//! Those who want the same rows, and those who want others.

mod deadlocks;
mod reads;
#[cfg(target_os = "linux")]
mod silence;

use std::time::Duration;

use futures_util::future::join_all;
use nexo_core::model::{Client, ClientPatch, Id, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::tokio_postgres::Client as Session;
use nexo_core::{AuthConfig, Database, IdempotencyKey, TenantScope};
use tokio::task::JoinHandle;

struct World {
    test: TestDatabase,
    database: Database,
    ada: TenantScope,
    eve: TenantScope,
}

impl World {
    /// With four connections, of which one account may have three.
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        // A wait for a lock ends by what is tested, and by nothing else.
        let patience = "do $$ begin
            execute format('alter role nexo_app in database %I set lock_timeout = 0', current_database());
            execute format('alter role nexo_app in database %I set statement_timeout = ''10min''', current_database());
        end $$";
        test.superuser().await.batch_execute(patience).await.expect("set");
        let config = test.config().pool_size(4).acquire_timeout(Duration::from_secs(60));
        let database = Database::open(config).await.expect("opens");
        let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");
        let ada = Tenant::register(&authenticator).await.scope;
        let eve = Tenant::register(&authenticator).await.scope;
        Self { test, database, ada, eve }
    }

    async fn client(&self, scope: &TenantScope) -> Id<Client> {
        let new = NewClient::named("Acme");
        self.database.repository::<Client>().create(scope, &new).await.expect("made").id
    }

    async fn client_now(&self, id: Id<Client>) -> Client {
        self.database.repository::<Client>().get(&self.ada, id).await.expect("there")
    }

    /// Waits until as many of the server's statements wait for somebody's lock.
    async fn until_waiting(&self, count: i64) {
        let superuser = self.test.superuser().await;
        let sql = "select count(*) from pg_stat_activity where usename = 'nexo_app'
            and datname = current_database() and wait_event_type = 'Lock'";
        loop {
            let waiting: i64 = superuser.query_one(sql, &[]).await.expect("asked").get(0);
            if waiting >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn noted(notes: &str) -> ClientPatch {
    ClientPatch { notes: notes.to_owned().into(), ..ClientPatch::default() }
}

async fn lock(session: &Session, id: Id<Client>) {
    let sql = format!("select from nexo.clients where id = '{id}' for update");
    session.batch_execute(&sql).await.expect("locked");
}

/// F7: whatever the statements of one account wait for, the others have connections.
#[tokio::test(flavor = "multi_thread")]
async fn f7_a_locked_row_holds_up_its_own_account_alone() {
    let world = World::create().await;
    let (locked, other) = (world.client(&world.ada).await, world.client(&world.eve).await);
    let superuser = world.test.superuser().await;
    superuser.batch_execute("begin").await.expect("begun");
    lock(&superuser, locked).await;
    let waiting: Vec<_> = (0..32)
        .map(|number| {
            let (database, scope) = (world.database.clone(), world.ada.clone());
            tokio::spawn(async move {
                let patch = noted(&number.to_string());
                database.repository::<Client>().patch(&scope, locked, &patch, None).await
            })
        })
        .collect();
    world.until_waiting(3).await;
    for _ in 0..20 {
        let read = world.database.repository::<Client>().get(&world.eve, other).await;
        assert_eq!(read.expect("served").id, other);
    }
    assert!(waiting.iter().all(|patch| !patch.is_finished()), "and they still wait");
    while world.database.pools()[0].waiting < 29 {
        tokio::task::yield_now().await;
    }
    superuser.batch_execute("commit").await.expect("released");
    for patch in join_all(waiting).await {
        patch.expect("no panic").expect("patched");
    }
    assert_eq!(world.client_now(locked).await.version, 33);
    assert_eq!(world.database.pools()[0].waiting, 0);
}

/// F7, R17: nor do statements whose callers have gone, which go on for a while.
#[tokio::test(flavor = "multi_thread")]
async fn f7_callers_who_leave_hold_up_nobody() {
    let world = World::create().await;
    let (locked, other) = (world.client(&world.ada).await, world.client(&world.eve).await);
    let superuser = world.test.superuser().await;
    superuser.batch_execute("begin").await.expect("begun");
    lock(&superuser, locked).await;
    for round in 0..4 {
        let leaving: Vec<_> = (0..4)
            .map(|number| {
                let (database, scope) = (world.database.clone(), world.ada.clone());
                let name = format!("{round}-{number}");
                tokio::spawn(async move {
                    let key = IdempotencyKey::new(name, &[b"archive"]).expect("a good key");
                    let clients = database.repository::<Client>();
                    clients.once(&key).archive(&scope, locked, None).await.map(drop)
                })
            })
            .collect();
        world.until_waiting(1).await;
        leaving.iter().for_each(JoinHandle::abort);
        for gone in join_all(leaving).await {
            assert!(gone.expect_err("it was waiting").is_cancelled());
        }
        for _ in 0..8 {
            let read = world.database.repository::<Client>();
            let read = read.get(&world.eve, other);
            let read = tokio::time::timeout(Duration::from_secs(30), read).await;
            assert_eq!(read.expect("not behind somebody else's").expect("served").id, other);
        }
    }
    superuser.batch_execute("commit").await.expect("released");
    assert_eq!(world.database.leaked_settings().await.expect("asked"), "");
}
