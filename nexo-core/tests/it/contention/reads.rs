//! Reads that somebody is in the way of.

use nexo_core::model::{Client, ErrorCode};

use super::World;

/// F2, F3: a read whose connection is ended is done on another one, and a write is not.
#[tokio::test(flavor = "multi_thread")]
async fn f3_a_read_whose_backend_is_ended_is_done_again() {
    let world = World::create().await;
    let id = world.client(&world.ada).await;
    let superuser = world.test.superuser().await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
        where usename = 'nexo_app' and datname = current_database() and wait_event_type = 'Lock'";
    for writes in [false, true] {
        superuser.batch_execute("begin; lock table nexo.clients").await.expect("locked");
        let (clients, scope) = (world.database.repository::<Client>(), world.ada.clone());
        let call = tokio::spawn(async move {
            match writes {
                false => clients.get(&scope, id).await,
                true => clients.patch(&scope, id, &super::noted("more"), None).await,
            }
        });
        world.until_waiting(1).await;
        superuser.batch_execute(end).await.expect("ended");
        if !writes {
            // On its other connection.
            world.until_waiting(1).await;
        }
        superuser.batch_execute("commit").await.expect("released");
        let done = call.await.expect("no panic");
        match writes {
            false => assert_eq!(done.expect("read").id, id),
            true => assert_eq!(done.expect_err("lost").code(), ErrorCode::Unavailable),
        }
    }
    assert_eq!(world.client_now(id).await.version, 1);
}

/// F7: a read collides with nothing, so that is not what it is told.
#[tokio::test(flavor = "multi_thread")]
async fn f7_a_read_that_waits_for_a_table_is_told_to_come_again() {
    let world = World::create().await;
    let id = world.client(&world.ada).await;
    let superuser = world.test.superuser().await;
    let impatient = "do $$ begin
        execute format('alter role nexo_app in database %I set lock_timeout = ''50ms''', current_database());
    end $$";
    world.test.superuser().await.batch_execute(impatient).await.expect("set");
    let database = world.test.open().await;
    superuser.batch_execute("begin; lock table nexo.clients").await.expect("locked");
    let waited = database.repository::<Client>().get(&world.ada, id).await.expect_err("too long");
    assert_eq!(waited.code(), ErrorCode::Unavailable);
    assert!(waited.retry_after().is_some());
    superuser.batch_execute("commit").await.expect("released");
}
