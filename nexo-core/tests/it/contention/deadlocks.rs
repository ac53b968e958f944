//! Those who wait for each other, of whom PostgreSQL ends one.

use std::time::Duration;

use futures_util::future::join_all;
use nexo_core::model::{
    Batch, BatchMode, BatchOperation, BatchOutcome, BatchResult, Client, Duplicates, ErrorCode, Id,
    NewClient, NewImport, NewRole, RolePatch,
};
use nexo_core::tokio_postgres::Client as Session;
use nexo_core::{Error, IdempotencyKey, Result};
use tokio::task::JoinHandle;

use super::{World, lock, noted};

/// Both records, one after the other, once for a key.
fn patch_both(
    world: &World,
    mode: BatchMode,
    ids: [Id<Client>; 2],
) -> JoinHandle<Result<BatchResult<Client>>> {
    let (database, scope) = (world.database.clone(), world.ada.clone());
    let operation = |id| BatchOperation::Patch { id, version: None, changes: noted("both") };
    let batch = Batch { mode, operations: ids.map(operation).to_vec() };
    let key = IdempotencyKey::new("both", &[b"both"]).expect("a good key");
    tokio::spawn(async move {
        let done = database.repository().once(&key).batch(&scope, &batch).await;
        done.map(nexo_core::Once::into_inner)
    })
}

/// Lets PostgreSQL end the server's transaction, which has the first record and waits
/// for the second: this session has that, and takes the first.
async fn deadlock(world: &World, session: &Session, first: Id<Client>) {
    world.until_waiting(1).await;
    session.batch_execute("savepoint before").await.expect("set");
    lock(session, first).await;
}

async fn session(world: &World, second: Id<Client>) -> Session {
    let session = patient(world).await;
    lock(&session, second).await;
    session
}

/// Only the server's side looks for a circle in time.
async fn patient(world: &World) -> Session {
    let session = world.test.superuser().await;
    session.batch_execute("set deadlock_timeout = '1min'; begin").await.expect("begun");
    session
}

/// F10: what was in another's way is done again, whole.
#[tokio::test(flavor = "multi_thread")]
async fn f10_a_deadlock_is_nothing_to_a_caller() {
    let modes = [BatchMode::Atomic, BatchMode::Each];
    join_all(modes.map(a_deadlock_is_nothing_in)).await;
}

async fn a_deadlock_is_nothing_in(mode: BatchMode) {
    let world = World::create().await;
    let ids = [world.client(&world.ada).await, world.client(&world.ada).await];
    let session = session(&world, ids[1]).await;
    let batch = patch_both(&world, mode, ids);
    deadlock(&world, &session, ids[0]).await;
    session.batch_execute("commit").await.expect("released");
    let done = batch.await.expect("no panic").expect("done the second time");
    assert!(done.results.iter().all(|result| !matches!(result, BatchOutcome::Failed { .. })));
    for id in ids {
        assert_eq!(world.client_now(id).await.version, 2, "and it was done once");
    }
    let told =
        "select count(*) from nexo.audit_log where action = 'update' and subject = 'clients'";
    let told: i64 = world.test.superuser().await.query_one(told, &[]).await.expect("asked").get(0);
    assert_eq!(told, 2, "as the audit log tells");
}

/// F10: but not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn f10_four_deadlocks_are_a_conflict() {
    let world = World::create().await;
    let ids = [world.client(&world.ada).await, world.client(&world.ada).await];
    let session = session(&world, ids[1]).await;
    let mut batch = patch_both(&world, BatchMode::Each, ids);
    let refused = loop {
        tokio::select! {
            done = &mut batch => break done.expect("no panic").expect_err("refused"),
            // One that is run again at once may be there before this has its lock, and
            // then two end in one turn.
            () = deadlock(&world, &session, ids[0]) => {}
        }
        // The first is free again, the second is not.
        session.batch_execute("rollback to before").await.expect("released");
    };
    let ended = "select deadlocks from pg_stat_database where datname = current_database()";
    let superuser = world.test.superuser().await;
    // They are counted a moment later.
    while superuser.query_one(ended, &[]).await.expect("asked").get::<_, i64>(0) < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert!(refused.retry_after().is_some());
    session.batch_execute("commit").await.expect("released");
    for id in ids {
        assert_eq!(world.client_now(id).await.version, 1, "nothing of it is kept");
    }
    // And the key is free.
    patch_both(&world, BatchMode::Each, ids).await.expect("no panic").expect("done");
    assert_eq!(world.client_now(ids[1]).await.version, 2);
}

/// F10: changes of roles wait for one another, and may for a row.
#[tokio::test(flavor = "multi_thread")]
async fn f10_a_deadlock_is_nothing_to_who_changes_a_role() {
    let world = World::create().await;
    let new = NewRole { name: "Sales".to_owned(), ..NewRole::default() };
    let made = world.database.roles().create(&world.ada, &new, None).await.expect("made");
    let id = made.into_inner().id;
    let session = patient(&world).await;
    let row = format!("select from nexo.roles where id = '{id}' for update");
    session.batch_execute(&row).await.expect("locked");
    let (roles, scope) = (world.database.roles(), world.ada.clone());
    let patch = tokio::spawn(async move {
        let patch = RolePatch { name: "Trade".to_owned().into(), ..RolePatch::default() };
        roles.patch(&scope, id, &patch, None).await
    });
    world.until_waiting(1).await;
    let turn = format!("select nexo.hold_roles('{}')", world.ada.account_id());
    session.batch_execute(&turn).await.expect("the server's transaction was ended");
    session.batch_execute("commit").await.expect("released");
    let role = patch.await.expect("no panic").expect("done the second time");
    assert_eq!((role.name.as_str(), role.version), ("Trade", 2));
}

/// F10: nor to an import, which does the rows again.
#[tokio::test(flavor = "multi_thread")]
async fn f10_a_deadlock_is_nothing_to_an_import() {
    let world = World::create().await;
    let new = NewClient { external_id: Some("1".to_owned()), ..NewClient::named("Acme") };
    let clients = world.database.repository::<Client>();
    let client = clients.create(&world.ada, &new).await.expect("made").id;
    let text = b"external_id,name\n1,Acme & Sons\n";
    let importer = world.database.importer();
    let new = NewImport {
        duplicates: Duplicates::Update,
        ..NewImport::csv("clients", text.len() as u64)
    };
    let import = importer.create(&world.ada, &new, None).await.expect("begun").into_inner().id;
    importer.write(&world.ada, import, 0, text).await.expect("it arrives");
    let session = session(&world, client).await;
    let scope = world.ada.clone();
    let advance = tokio::spawn(async move {
        loop {
            let import = importer.advance(&scope, import).await?;
            if import.status.is_final() {
                return Ok::<_, Error>(import);
            }
        }
    });
    world.until_waiting(1).await;
    let held = format!("select from nexo.imports where id = '{import}' for update");
    session.batch_execute(&held).await.expect("the server's transaction was ended");
    session.batch_execute("commit").await.expect("released");
    let import = advance.await.expect("no panic").expect("done the second time");
    assert_eq!((import.changed, import.failed), (1, 0));
    assert_eq!(world.client_now(client).await.version, 2);
}
