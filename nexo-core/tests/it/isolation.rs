//! No row of one account is visible to, or writable by, another.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use nexo_core::model::{Account, Client, ClientPatch, Id, ListParams, NewClient};
use nexo_core::testing::{Tenant, TestDatabase, registered_tables};
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::tokio_postgres::types::Type;
use nexo_core::tokio_postgres::{self, Client as Connection};
use nexo_core::{AuthConfig, Database, DatabaseConfig, TenantScope};

/// Two accounts on one database, with a client each.
struct Two {
    test: TestDatabase,
    database: Database,
    a: TenantScope,
    b: TenantScope,
    of_a: Client,
    of_b: Client,
}

impl Two {
    async fn create() -> Self {
        Self::with(|config| config).await
    }

    async fn with(change: impl FnOnce(DatabaseConfig) -> DatabaseConfig) -> Self {
        let test = TestDatabase::create().await;
        let database = Database::open(change(test.config())).await.expect("opens");
        let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");
        let a = Tenant::register(&authenticator).await.scope;
        let b = Tenant::register(&authenticator).await.scope;
        let clients = database.repository::<Client>();
        let of_a = clients.create(&a, &NewClient::named("A's")).await.expect("created");
        let of_b = clients.create(&b, &NewClient::named("B's")).await.expect("created");
        Self { test, database, a, b, of_a, of_b }
    }
}

async fn begin_as(connection: &Connection, account: Id<Account>) {
    let sql = format!(
        "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1'"
    );
    connection.batch_execute(&sql).await.expect("begins");
}

fn state(result: Result<impl Sized, tokio_postgres::Error>) -> Option<SqlState> {
    result.err().and_then(|error| error.code().cloned())
}

/// R14: through the repository, another account's record is not found, in the
/// same words as one that does not exist, and stays as it is.
#[tokio::test]
async fn r14_another_accounts_record_is_not_found() {
    let two = Two::create().await;
    let clients = two.database.repository::<Client>();
    let (patch, new) = (ClientPatch::default(), NewClient::named("taken over"));
    for version in [None, Some(1)] {
        let mut answers = Vec::new();
        for id in [two.of_a.id, Id::new()] {
            answers.push([
                clients.get(&two.b, id).await.map(drop).expect_err("get").to_string(),
                clients
                    .patch(&two.b, id, &patch, version)
                    .await
                    .map(drop)
                    .expect_err("patch")
                    .to_string(),
                clients
                    .replace(&two.b, id, &new, version)
                    .await
                    .map(drop)
                    .expect_err("put")
                    .to_string(),
                clients.delete(&two.b, id, version).await.expect_err("delete").to_string(),
            ]);
        }
        assert_eq!(answers[0], answers[1]);
    }
    assert_eq!(clients.get(&two.a, two.of_a.id).await.expect("kept"), two.of_a);
    let seen = clients.list(&two.b, &ListParams::default()).await.expect("list").data;
    assert_eq!(seen, [two.of_b]);
}

/// Every statement of every registered table is prepared as `nexo_app`, takes
/// the account as its first parameter, and names it; a statement that forgot
/// its predicate would still be held by the policy.
#[tokio::test]
async fn every_statement_carries_the_account_and_the_policy_holds_without_it() {
    let two = Two::create().await;
    let app = two.test.as_app().await;
    let tables = registered_tables();
    assert!(!tables.is_empty());
    for table in tables {
        let name = table.name;
        two.test.superuser().await.batch_execute(&format!("delete from {name}")).await.unwrap();
        let record = table.create_example(&two.database, &two.a, 1).await;
        table.create_example(&two.database, &two.b, 1).await;
        for sql in table.statements(&record) {
            let statement =
                app.prepare(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            assert_eq!(statement.params()[0], Type::UUID, "{sql}");
            let (scans, predicates) = (scans(&sql), sql.matches("account_id = $1").count());
            assert!(predicates >= scans, "{sql}");
            assert!(predicates > 0 || sql.contains("values ($1"), "{sql}");
        }
        begin_as(&app, two.b.account_id()).await;
        let sql = format!(
            "select count(*) filter (where account_id = $1) as foreign_rows, count(*) from {name}"
        );
        let row = app.query_one(&sql, &[&two.a.account_id()]).await.expect("counted");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 1), "{name}");
        for change in [
            "update {table} set account_id = account_id where account_id = $1",
            "delete from {table} where account_id = $1",
        ] {
            let changed =
                app.execute(&change.replace("{table}", name), &[&two.a.account_id()]).await;
            assert_eq!(changed.expect("runs"), 0, "{name}");
        }
        app.batch_execute("rollback").await.expect("ends");
    }
}

/// How many times a statement reads or changes a table's rows.
fn scans(sql: &str) -> usize {
    ["from nexo.", "join nexo.", "update nexo."].iter().map(|word| sql.matches(word).count()).sum()
}

/// Every statement of every registered table, with account A's id as `$1` and
/// the id of a row of A: in a transaction of A each finds it, in one of B none
/// does, by the policy alone.
#[tokio::test]
async fn every_statement_with_a_foreign_account_finds_nothing() {
    let two = Two::create().await;
    let app = two.test.as_app().await;
    for table in registered_tables() {
        let record = table.create_example(&two.database, &two.a, 1).await;
        begin_as(&app, two.a.account_id()).await;
        for (sql, rows) in table.run(&app, two.a.account_id(), &record).await {
            assert!(rows > 0, "finds its own: {sql}");
        }
        app.batch_execute("rollback").await.expect("ends");
        begin_as(&app, two.b.account_id()).await;
        for (sql, rows) in table.run(&app, two.a.account_id(), &record).await {
            assert_eq!(rows, 0, "{sql}");
        }
        app.batch_execute("rollback").await.expect("ends");
    }
}

/// R12: without an account every table is empty and nothing can be written.
#[tokio::test]
async fn r12_without_a_scope_there_is_nothing() {
    let two = Two::create().await;
    let app = two.test.as_app().await;
    // Before any scope, and after one has ended, when the setting is ''.
    for _ in 0..2 {
        let count: i64 =
            app.query_one("select count(*) from nexo.clients", &[]).await.expect("runs").get(0);
        assert_eq!(count, 0);
        let insert = "insert into nexo.clients (account_id, id, name, kind, status)
                      values ($1, gen_random_uuid(), 'x', 'person', 'lead')";
        let denied = app.execute(insert, &[&two.a.account_id()]).await;
        assert_eq!(state(denied), Some(SqlState::INSUFFICIENT_PRIVILEGE));
        begin_as(&app, two.a.account_id()).await;
        app.batch_execute("commit").await.expect("ends");
    }
}

/// R13: a row can neither be moved to another account nor be made in one.
#[tokio::test]
async fn r13_a_row_cannot_leave_its_account() {
    let two = Two::create().await;
    let app = two.test.as_app().await;
    begin_as(&app, two.a.account_id()).await;
    let moved =
        app.execute("update nexo.clients set account_id = $1", &[&two.b.account_id()]).await;
    assert_eq!(state(moved), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    app.batch_execute("rollback").await.expect("ends");
    begin_as(&app, two.a.account_id()).await;
    let insert = "insert into nexo.clients (account_id, id, name, kind, status)
                  values ($1, gen_random_uuid(), 'x', 'person', 'lead')";
    let made = app.execute(insert, &[&two.b.account_id()]).await;
    assert_eq!(state(made), Some(SqlState::INSUFFICIENT_PRIVILEGE));
}

/// R7, R15: with the account in the key, a row cannot refer to another
/// account's, is not told whether it exists, and survives its deletion.
#[tokio::test]
async fn r7_r15_references_and_cascades_stay_inside_of_the_account() {
    let two = Two::create().await;
    let owner = connect(&two.test.owner_config()).await;
    owner
        .batch_execute(
            "create table nexo.notes (
                account_id uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
                id uuid not null, client_id uuid not null, primary key (account_id, id),
                foreign key (account_id, client_id) references nexo.clients on delete cascade);
             create index notes_client on nexo.notes (account_id, client_id);
             alter table nexo.notes enable row level security;
             alter table nexo.notes force row level security;
             create policy tenant on nexo.notes using (account_id = nexo.current_account())
                with check (account_id = nexo.current_account());
             create policy may on nexo.notes as restrictive to nexo_app
                using (account_id = nexo.account_that_may(1));
             create trigger audit after insert or update or delete on nexo.notes
                for each row execute function nexo.audit_change('notes', 'id');
             grant select, insert, update, delete on nexo.notes to nexo_app",
        )
        .await
        .expect("a table by the rules");
    two.test.open().await;

    let app = two.test.as_app().await;
    let insert = "insert into nexo.notes (id, client_id) values (gen_random_uuid(), $1)";
    for foreign in [two.of_a.id, Id::new()] {
        begin_as(&app, two.b.account_id()).await;
        let refused = app.execute(insert, &[&foreign]).await.expect_err("refused");
        assert_eq!(refused.code(), Some(&SqlState::FOREIGN_KEY_VIOLATION));
        app.batch_execute("rollback").await.expect("ends");
    }
    begin_as(&app, two.b.account_id()).await;
    app.execute(insert, &[&two.of_b.id]).await.expect("its own client");
    app.batch_execute("commit").await.expect("ends");

    let clients = two.database.repository::<Client>();
    clients.delete(&two.a, two.of_a.id, None).await.expect("deleted");
    let left: i64 = two
        .test
        .superuser()
        .await
        .query_one("select count(*) from nexo.notes", &[])
        .await
        .expect("counted")
        .get(0);
    assert_eq!(left, 1);
}

/// R19: one prepared statement serves both accounts, also after the planner
/// has gone over to a generic plan.
#[tokio::test]
async fn r19_a_generic_plan_keeps_accounts_apart() {
    let two = Two::with(|config| config.pool_size(1)).await;
    let clients = two.database.repository::<Client>();
    for (scope, own, foreign) in [
        (&two.a, &two.of_a, &two.of_b),
        (&two.b, &two.of_b, &two.of_a),
        (&two.a, &two.of_a, &two.of_b),
    ] {
        for _ in 0..8 {
            assert_eq!(&clients.get(scope, own.id).await.expect("own"), own);
            assert!(clients.get(scope, foreign.id).await.expect_err("foreign").is_not_found());
            let list = clients.list(scope, &ListParams::default()).await.expect("list").data;
            assert_eq!(&list, std::slice::from_ref(own));
        }
    }
}

/// R17: whatever happens to a request, the next borrower of its connection
/// finds no account set and no open transaction.
#[tokio::test]
async fn r17_nothing_of_a_request_stays_on_its_connection() {
    let two = Two::with(|config| config.pool_size(1)).await;
    let clients = two.database.repository::<Client>();
    let clean = async || {
        assert_eq!(two.database.leaked_settings().await.expect("asked"), "");
        let superuser = two.test.superuser().await;
        let open: i64 = superuser
            .query_one(
                "select count(*) from pg_stat_activity where datname = current_database()
                 and usename = 'nexo_app' and (state <> 'idle' or xact_start is not null)",
                &[],
            )
            .await
            .expect("asked")
            .get(0);
        assert_eq!(open, 0);
    };
    clients.get(&two.a, two.of_a.id).await.expect("found");
    clean().await;

    // Cancelled at each point where the future can be left.
    for polls in 1..6 {
        let new = NewClient::named("half way");
        poll_times(clients.create(&two.a, &new), polls).await;
        clean().await;
        poll_times(clients.get(&two.a, two.of_a.id), polls).await;
        clean().await;
        poll_times(
            async {
                let unit = two.database.unit_of_work(&two.a).await.expect("begins");
                unit.create::<Client>(&new).await.expect("created");
                unit.commit().await.expect("commits");
            },
            polls,
        )
        .await;
        clean().await;
    }

    // A database error, inside of a flush and inside of a unit of work.
    let too_long = NewClient { notes: Some("x".repeat(9_000)), ..NewClient::named("ok") };
    clients.create(&two.a, &too_long).await.expect("long notes are fine");
    let missing = two.database.system_scope(Id::new(), "an account that does not exist");
    clients.create(&missing, &NewClient::named("orphan")).await.expect_err("no such account");
    clean().await;
    let unit = two.database.unit_of_work(&missing).await.expect("begins");
    unit.create::<Client>(&NewClient::named("orphan")).await.expect_err("no such account");
    drop(unit);
    clean().await;

    // A panic while a unit of work is open.
    let (database, scope) = (two.database.clone(), two.a.clone());
    let panicked = tokio::spawn(async move {
        let _unit = database.unit_of_work(&scope).await.expect("begins");
        panic!("in the middle");
    });
    assert!(panicked.await.expect_err("panicked").is_panic());
    clean().await;
}

/// R20: what a caller is told of a refused row names nothing of the database.
#[tokio::test]
async fn r20_errors_tell_nothing_of_the_schema() {
    let two = Two::create().await;
    let clients = two.database.repository::<Client>();
    let missing = two.database.system_scope(Id::new(), "an account that does not exist");
    let error = clients.create(&missing, &NewClient::named("orphan")).await.expect_err("refused");
    let text = error.to_string();
    for word in ["nexo", "clients", "fkey", "account_id", "23503"] {
        assert!(!text.contains(word), "{text}");
    }
    assert!(std::error::Error::source(&error).is_some(), "the log is told");
}

async fn connect(config: &tokio_postgres::Config) -> Connection {
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

/// Polls a future so many times, lets the driver work in between, and drops it.
async fn poll_times<F: Future>(future: F, times: usize) {
    let mut future = pin!(future);
    for _ in 0..times {
        let mut context = Context::from_waker(Waker::noop());
        if future.as_mut().poll(&mut context).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
