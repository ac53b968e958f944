//! F10: transactions that PostgreSQL ends because of others, and that are good again a
//! moment later.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::contention::{client, hold};
use crate::harness::User;
use crate::process::{deadline, pause};
use crate::report::Row;
use crate::wire::Reply;
use crate::world::World;

/// How often a transaction is tried again.
const RETRIES: usize = 3;

pub(crate) async fn retried(world: &mut World) -> Row {
    let eve = world.user().await;
    let load = world.load(4).await;
    load.more(20).await;
    let before = deadlocks(world).await;
    // Once, as often as it is tried again, and once more.
    let (mut told, mut all) = (Vec::new(), 0);
    for wanted in [1, RETRIES, RETRIES + 1] {
        let (collisions, reply) = collide(world, &eve, wanted).await;
        all += i64::try_from(collisions).unwrap();
        told.push((wanted, collisions, reply));
    }
    let mut row = world.settle(load).await;
    for (wanted, collisions, reply) in &told {
        let body = reply.json();
        let holds = match *wanted {
            0..=RETRIES => reply.status == 200 && all_done(&body),
            _ => {
                let told = (reply.status, reply.problem());
                told == (409, "conflict".to_owned()) && reply.header("retry-after").is_some()
            }
        };
        row.hold(
            holds,
            format!("after {collisions} deadlocks it was told {}: {body}", reply.status),
        );
    }
    let statuses: Vec<_> = told.iter().map(|(_, times, reply)| (times, reply.status)).collect();
    let expected = i64::try_from(2 * RETRIES + 2).unwrap();
    // Statistics come with a delay.
    let until = deadline();
    while deadlocks(world).await < before + all {
        pause(until, "deadlocks are counted").await;
    }
    row.figure(format!("{all} deadlocks, told after so many of them {statuses:?}"));
    row.requests += told.len();
    serialization(world, &eve, &mut row).await;
    row
}

/// A batch of the server's and transactions of somebody else, one after the other, each
/// wait for the other, and the server's is the one that PostgreSQL ends: so many times, if
/// it comes again as often. How often it did, and what it was told.
async fn collide(world: &World, eve: &User, times: usize) -> (usize, Reply) {
    let (first, second) = (client(world, eve, "x").await, client(world, eve, "y").await);
    let mut other = world.superuser().await;
    // Only the server's side looks for a circle in time.
    other.batch_execute("set deadlock_timeout = '1min'").await.unwrap();
    hold(&other, &second).await;
    let patch = |id: &str| json!({ "op": "patch", "id": id, "changes": { "notes": "z" } });
    let batch = json!({ "operations": [patch(&first), patch(&second)] });
    let sent = spawn(world, eve, "/api/clients/batch", &batch);
    let mut collisions = 0;
    for time in 1..=times {
        // One that is not tried again, or not so often, has its answer already.
        if !waits_for_lock(world, 1, &sent).await {
            break;
        }
        collisions += 1;
        let next = world.superuser().await;
        next.batch_execute("set deadlock_timeout = '1min'").await.unwrap();
        let waits = (time < times).then(|| {
            // In the queue before the server comes again.
            let second = second.clone();
            tokio::spawn(async move {
                hold(&next, &second).await;
                next
            })
        });
        if waits.is_some() {
            waits_for_lock(world, 2, &sent).await;
        }
        let close = format!("select from nexo.clients where id = '{first}' for update");
        other.batch_execute(&close).await.unwrap();
        other.batch_execute("commit").await.unwrap();
        if let Some(waits) = waits {
            other = waits.await.unwrap();
        }
    }
    (collisions, sent.await.unwrap())
}

/// The row has been changed since the transaction began, where that matters.
async fn serialization(world: &World, eve: &User, row: &mut Row) {
    let superuser = world.superuser().await;
    let isolation =
        |level: &str| format!("alter role nexo_app set default_transaction_isolation = '{level}'");
    superuser.batch_execute(&isolation("repeatable read")).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nexo_app'";
    superuser.batch_execute(end).await.unwrap();
    crate::harness::until_ready(world.program.address).await;
    let id = client(world, eve, "z").await;
    // Nobody's work, so it has no entries in the audit log.
    superuser.batch_execute("set session_replication_role = replica; begin").await.unwrap();
    let change = format!("update nexo.clients set notes = 'other' where id = '{id}'");
    superuser.batch_execute(&change).await.unwrap();
    let patch = json!({ "op": "patch", "id": id, "changes": { "notes": "ours" } });
    let sent = spawn(world, eve, "/api/clients/batch", &json!({ "operations": [patch] }));
    waits_for_lock(world, 1, &sent).await;
    superuser.batch_execute("commit").await.unwrap();
    let reply = sent.await.unwrap();
    superuser.batch_execute(&isolation("read committed")).await.unwrap();
    superuser.batch_execute(end).await.unwrap();
    row.hold(
        reply.status == 200 && all_done(&reply.json()),
        format!("after a serialization failure it was told {}: {}", reply.status, reply.json()),
    );
    row.requests += 1;
    row.figure(format!("a serialization failure, told {}", reply.status));
}

fn spawn(world: &World, user: &User, path: &str, body: &Value) -> JoinHandle<Reply> {
    tokio::spawn(world.program.post(path, body).by(user).send())
}

fn all_done(body: &Value) -> bool {
    !body.to_string().contains("\"error\"")
}

async fn deadlocks(world: &World) -> i64 {
    let sql = "select deadlocks from pg_stat_database where datname = 'nexo'";
    world.superuser().await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until so many statements wait for somebody's lock, one of the server's among
/// them; false if what was sent has its answer before.
async fn waits_for_lock(world: &World, count: i64, sent: &JoinHandle<Reply>) -> bool {
    let superuser = world.superuser().await;
    let sql = "select count(*), count(*) filter (where usename = 'nexo_app')
        from pg_stat_activity where wait_event_type = 'Lock'
            and wait_event in ('transactionid', 'tuple')";
    let until = deadline();
    while !sent.is_finished() {
        let waiting = superuser.query_one(sql, &[]).await.unwrap();
        if waiting.get::<_, i64>(0) >= count && waiting.get::<_, i64>(1) >= 1 {
            return true;
        }
        pause(until, "the server waits for the lock").await;
    }
    false
}
