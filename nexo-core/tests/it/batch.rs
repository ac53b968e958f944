//! Many operations in one call.

use nexo_core::model::{
    Batch, BatchMode, BatchOperation, BatchOutcome, Client, ClientPatch, ClientStatus, Employee,
    ErrorCode, FieldCode, Id, ListParams, MAX_BATCH, NewClient, NewEmployee, NewProject, Project,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, IdempotencyKey, Repository, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    scope: TenantScope,
    clients: Repository<Client>,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let scope = Tenant::register(&authenticator).await.scope;
        let clients = database.repository();
        Self { test, database, scope, clients }
    }

    async fn names(&self) -> Vec<String> {
        let params = ListParams { limit: Some(200), ..ListParams::default() };
        let mut names: Vec<String> = self
            .clients
            .list(&self.scope, &params)
            .await
            .expect("listed")
            .data
            .into_iter()
            .map(|client| client.name)
            .collect();
        names.sort();
        names
    }
}

/// However many fail, and wherever they stand, each has its own result and the
/// others are done in their order.
#[tokio::test]
async fn failures_among_many_stay_where_they_are() {
    let world = World::create().await;
    for failing in [vec![0], vec![49, 50, 51], (0..230).step_by(7).collect(), (0..230).collect()] {
        let mut operations: Vec<BatchOperation<Client>> = Vec::new();
        for at in 0..230 {
            let twin = || with_key(&format!("Twin {at}"), "taken");
            let record =
                if failing.contains(&at) { twin() } else { NewClient::named(format!("{at:03}")) };
            operations.push(BatchOperation::Create { record });
        }
        let taken =
            world.clients.create(&world.scope, &with_key("Taken", "taken")).await.expect("made");
        let done =
            world.clients.batch(&world.scope, &Batch { mode: BatchMode::Each, operations }).await;
        for (at, outcome) in done.expect("done").results.into_iter().enumerate() {
            match outcome {
                BatchOutcome::Failed { error } => {
                    assert!(failing.contains(&at));
                    assert_eq!(error.errors[0].code, FieldCode::Duplicate);
                }
                BatchOutcome::Created { record } => {
                    assert_eq!(record.name, format!("{at:03}"));
                    world.clients.delete(&world.scope, record.id, None).await.expect("deleted");
                }
                other => panic!("{other:?}"),
            }
        }
        world.clients.delete(&world.scope, taken.id, None).await.expect("deleted");
        assert_eq!(world.names().await, Vec::<String>::new());
    }
}

fn create(name: &str) -> BatchOperation<Client> {
    BatchOperation::Create { record: NewClient::named(name) }
}

fn with_key(name: &str, key: &str) -> NewClient {
    NewClient { external_id: Some(key.to_owned()), ..NewClient::named(name) }
}

fn rename(id: Id<Client>, version: Option<i64>, name: &str) -> BatchOperation<Client> {
    let changes = ClientPatch { name: name.to_owned().into(), ..ClientPatch::default() };
    BatchOperation::Patch { id, version, changes }
}

/// Each kind of operation that can fail, beside ones that can be done.
async fn mixed(world: &World) -> Vec<BatchOperation<Client>> {
    let make = async |new: NewClient| world.clients.create(&world.scope, &new).await.expect("made");
    let (old, gone) = (make(with_key("Old", "k")).await, make(NewClient::named("Gone")).await);
    let used = make(NewClient::named("Used")).await;
    let project = NewProject { client_id: Some(used.id), ..NewProject::named("P") };
    let projects = world.database.repository::<Project>();
    projects.create(&world.scope, &project).await.expect("created");
    vec![
        create("New"),
        create(""),
        BatchOperation::Create { record: with_key("Twin", "k") },
        rename(old.id, Some(1), "Renamed"),
        rename(old.id, Some(1), "Too late"),
        rename(Id::new(), None, "Nobody"),
        BatchOperation::Upsert { key: "external_id".into(), record: with_key("Upserted", "k") },
        BatchOperation::Upsert { key: "external_id".into(), record: with_key("Fresh", "f") },
        BatchOperation::Upsert { key: "external_id".into(), record: NewClient::named("No key") },
        BatchOperation::Upsert { key: "name".into(), record: NewClient::named("Bad key") },
        BatchOperation::Delete { id: used.id, version: None },
        BatchOperation::Delete { id: gone.id, version: None },
        BatchOperation::Delete { id: gone.id, version: None },
    ]
}

/// What can be done is done, in order; what cannot leaves nothing behind.
#[tokio::test]
async fn each_operation_has_its_own_result() {
    let world = World::create().await;
    let operations = mixed(&world).await;
    let batch = Batch { mode: BatchMode::Each, operations };
    let done = world.clients.batch(&world.scope, &batch).await.expect("done");
    let outcomes: Vec<String> = done
        .results
        .iter()
        .map(|outcome| match outcome {
            BatchOutcome::Created { record } => format!("created {}", record.name),
            BatchOutcome::Changed { record } => format!("changed {}", record.name),
            BatchOutcome::Deleted { .. } => "deleted".to_owned(),
            BatchOutcome::Failed { error } => {
                let fields: Vec<&str> = error.errors.iter().map(|it| it.field.as_str()).collect();
                format!("{} {}", error.code, fields.join(" ")).trim().to_owned()
            }
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            "created New",
            "validation_failed record.name",
            "validation_failed external_id",
            "changed Renamed",
            "version_conflict",
            "not_found",
            "changed Upserted",
            "created Fresh",
            "validation_failed record.external_id",
            "invalid_query",
            "in_use",
            "deleted",
            "not_found",
        ]
    );
    assert_eq!((done.succeeded, done.failed), (5, 8));
    assert_eq!(world.names().await, ["Fresh", "New", "Upserted", "Used"]);
}

/// Whichever operation fails, nothing of an atomic batch is kept.
#[tokio::test]
async fn an_atomic_batch_is_done_whole_or_not_at_all() {
    let world = World::create().await;
    let bad = [1, 2, 4, 5, 8, 9, 10];
    let operations = mixed(&world).await;
    let before = world.names().await;
    for at in bad {
        let operations = vec![create("First"), operations[at].clone(), create("Last")];
        // The one whose version is stale follows the one that makes it so.
        let operations = match at {
            4 => [vec![operations[0].clone(), rename_first(&operations[1])], operations].concat(),
            _ => operations,
        };
        let batch = Batch { mode: BatchMode::Atomic, operations };
        let error = world.clients.batch(&world.scope, &batch).await.expect_err("refused");
        let place = error.fields().first().map(|field| field.field.clone()).unwrap_or_default();
        let expected = if at == 4 { "operations[3]" } else { "operations[1]" };
        assert!(place.starts_with(expected), "{at}: {error:?}");
        assert_eq!(world.names().await, before, "{at}");
    }
    let good = Batch { mode: BatchMode::Atomic, operations: vec![create("A"), create("B")] };
    let done = world.clients.batch(&world.scope, &good).await.expect("done");
    assert_eq!((done.succeeded, done.failed), (2, 0));
    assert_eq!(world.names().await.len(), before.len() + 2);
    assert_eq!(world.database.leaked_settings().await.expect("asked"), "");
}

fn rename_first(operation: &BatchOperation<Client>) -> BatchOperation<Client> {
    let BatchOperation::Patch { id, .. } = operation else { panic!("{operation:?}") };
    rename(*id, Some(1), "First to come")
}

/// A thousand operations, every third of which fails.
#[tokio::test]
async fn a_full_batch_and_no_more() {
    let world = World::create().await;
    let name = |at: usize| if at.is_multiple_of(3) { String::new() } else { format!("C{at}") };
    let unique = |at: usize| NewClient {
        external_id: Some(format!("{}", at / 2)),
        status: ClientStatus::Active,
        ..NewClient::named(name(at))
    };
    let operations: Vec<_> =
        (0..MAX_BATCH).map(|at| BatchOperation::Create { record: unique(at) }).collect();
    let batch = Batch { mode: BatchMode::Each, operations: operations.clone() };
    let done = world.clients.batch(&world.scope, &batch).await.expect("done");
    // Of each pair at most one has its identifier, and every third no name.
    let mut taken = std::collections::HashSet::new();
    for (at, outcome) in done.results.iter().enumerate() {
        let good = at % 3 > 0 && taken.insert(at / 2);
        assert_eq!(outcome.error().is_none(), good, "{at}: {outcome:?}");
    }
    let count = "select count(*) from nexo.clients";
    let stored: i64 =
        world.test.superuser().await.query_one(count, &[]).await.expect("counted").get(0);
    assert_eq!(usize::try_from(stored).expect("few"), done.succeeded);

    for operations in [vec![], [operations, vec![create("one more")]].concat()] {
        let batch = Batch { mode: BatchMode::Each, operations };
        let error = world.clients.batch(&world.scope, &batch).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidBody);
    }
}

/// F6: with a key it is done once, and its answer given again.
#[tokio::test]
async fn f6_a_batch_is_done_once_for_its_key() {
    let world = World::create().await;
    let key = IdempotencyKey::new("k", &[b"batch"]).expect("a key");
    let operations = vec![create("A"), create(""), create("B")];
    let batch = Batch { mode: BatchMode::Each, operations };
    let once = world.clients.once(&key);
    let first = once.batch(&world.scope, &batch).await.expect("done");
    let again = once.batch(&world.scope, &batch).await.expect("remembered");
    assert!(!first.is_before() && again.is_before());
    assert_eq!(first.into_inner(), again.into_inner());
    assert_eq!(world.names().await, ["A", "B"]);
}

/// A10: nothing is done for a session that has ended, in either mode.
#[tokio::test]
async fn a10_a_dead_session_changes_nothing() {
    let world = World::create().await;
    let end = "update nexo.sessions set revoked_at = now(), revoked_for = 'logout'";
    world.test.superuser().await.batch_execute(end).await.expect("revoked");
    for mode in [BatchMode::Atomic, BatchMode::Each] {
        for operations in [vec![create("A"), create("B")], vec![create("")]] {
            if mode == BatchMode::Atomic && operations.len() == 1 {
                continue;
            }
            let batch = Batch { mode, operations };
            let error = world.clients.batch(&world.scope, &batch).await.expect_err("refused");
            assert_eq!(error.code(), ErrorCode::SessionEnded);
        }
    }
    let count = "select count(*) from nexo.clients";
    let stored: i64 =
        world.test.superuser().await.query_one(count, &[]).await.expect("counted").get(0);
    assert_eq!(stored, 0);
}

/// By another key of the entity, also when sixteen do so at once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_upserts_make_one_record() {
    let world = World::create().await;
    let mut upserts = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (employees, scope) = (world.database.repository::<Employee>(), world.scope.clone());
        upserts.spawn(async move {
            let record = NewEmployee::named("E-1", format!("Ada {number}"));
            let operations =
                vec![BatchOperation::Upsert { key: "employee_code".to_owned(), record }];
            employees.batch(&scope, &Batch { mode: BatchMode::Atomic, operations }).await
        });
    }
    let done = upserts.join_all().await;
    let versions: std::collections::BTreeSet<i64> = done
        .into_iter()
        .map(|done| match &done.expect("done").results[..] {
            [BatchOutcome::Created { record } | BatchOutcome::Changed { record }] => record.version,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(versions, (1..=16).collect());
    let all = world.database.repository::<Employee>();
    let all = all.list(&world.scope, &ListParams::default()).await.expect("listed").data;
    assert_eq!((all.len(), all[0].version), (1, 16));
}

#[test]
fn the_wire_form_refuses_what_it_does_not_know() {
    for bad in [
        r#"{"operations":[{"op":"drop"}]}"#,
        r#"{"operations":[{"op":"delete","id":"7"}]}"#,
        r#"{"operations":[{"op":"create","record":{"name":"a","id":"b"}}]}"#,
        r#"{"operations":[{"op":"create","record":{"name":"a"},"account_id":"b"}]}"#,
        r#"{"operations":[{"record":{"name":"a"}}]}"#,
        r#"{"mode":"most","operations":[]}"#,
        r#"{"operations":[],"dry":true}"#,
    ] {
        serde_json::from_str::<Batch<Client>>(bad).expect_err(bad);
    }
    let code = FieldCode::Conflict.as_str();
    assert_eq!(code, "conflict");
}

/// F10: a batch that nobody waits for any more ends, and keeps nothing: it does
/// not hold a connection until its last statement has had its turn.
#[tokio::test]
async fn f10_a_batch_that_is_given_up_ends() {
    let world = World::create().await;
    let made = world.clients.create(&world.scope, &NewClient::named("Ada")).await.expect("made");
    let superuser = world.test.superuser().await;
    let hold = format!("begin; select from nexo.clients where id = '{}' for update", made.id);
    superuser.batch_execute(&hold).await.expect("held");
    let operations = (0..10)
        .map(|at| BatchOperation::Create { record: NewClient::named(format!("Before {at}")) });
    let changes = ClientPatch { name: "Eve".to_owned().into(), ..ClientPatch::default() };
    let waits = BatchOperation::Patch { id: made.id, version: None, changes };
    let operations: Vec<_> = operations.chain([waits]).collect();
    let batch = Batch { mode: BatchMode::Each, operations };
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and usename = 'nexo_app' and wait_event_type = 'Lock'";
    let waiters = async || -> i64 {
        superuser.batch_execute("select pg_stat_clear_snapshot()").await.expect("cleared");
        superuser.query_one(waiting, &[]).await.expect("counted").get(0)
    };
    let given_up = async {
        while waiters().await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        done = world.clients.batch(&world.scope, &batch) => panic!("{done:?}"),
        () = given_up => {}
    }
    // It ends though what it waits for is still held.
    let mut looked = 0;
    while waiters().await > 0 {
        looked += 1;
        assert!(looked < 500, "it still waits");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    superuser.batch_execute("rollback").await.expect("let go");
    assert_eq!(world.names().await, ["Ada"]);
}
