//! F10: transactions that PostgreSQL ends because of others, and that are good again a
//! moment later.

use std::time::{Duration, Instant};

use nexo_core::tokio_postgres::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::contention::{client, hold};
use crate::harness::User;
use crate::process::{deadline, pause};
use crate::readiness;
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
    let mut row = Row::default();
    readiness::said_yes(&load, &mut row);
    row.merge(world.settle(load).await);
    for (wanted, collisions, reply) in &told {
        let body = reply.json();
        let holds = match *wanted {
            0..=RETRIES => reply.status == 200 && all_done(&body),
            _ => {
                reply.status == 409
                    && reply.problem() == "conflict"
                    && reply.header("retry-after").is_some()
            }
        };
        row.hold(
            holds && collisions == wanted,
            format!(
                "after {collisions} deadlocks of {wanted} it was told {}: {body}",
                reply.status
            ),
        );
    }
    let statuses: Vec<_> = told.iter().map(|(_, times, reply)| (times, reply.status)).collect();
    // Statistics come with a delay.
    let until = Instant::now() + Duration::from_secs(20);
    let mut counted = deadlocks(world).await - before;
    while counted < all && Instant::now() < until {
        pause(deadline(), "deadlocks are counted").await;
        counted = deadlocks(world).await - before;
    }
    row.hold(counted == all, format!("PostgreSQL counted {counted} deadlocks of {all}"));
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
    let mut others = Vec::new();
    for _ in 0..times {
        let other = world.superuser().await;
        // Only the server's side looks for a circle in time.
        other.batch_execute("set deadlock_timeout = '1min'").await.unwrap();
        others.push((pid(&other).await, other));
    }
    let mut others = others.into_iter();
    let (mut holder, mut other) = others.next().unwrap();
    hold(&other, &second).await;
    let patch = |id: &str| json!({ "op": "patch", "id": id, "changes": { "notes": "z" } });
    let batch = json!({ "operations": [patch(&first), patch(&second)] });
    let sent = spawn(world, eve, "/api/clients/batch", &batch);
    let close = format!("select from nexo.clients where id = '{first}' for update");
    let mut collisions = 0;
    // One that is not tried again, or not so often, has its answer already.
    while waits_for(world, holder, None, &sent).await {
        collisions += 1;
        let next = others.next().map(|(pid, next)| {
            let second = second.clone();
            let held = tokio::spawn(async move {
                hold(&next, &second).await;
                next
            });
            (pid, held)
        });
        if let Some((pid, _)) = &next {
            // In the queue before the server comes again.
            waits_for(world, holder, Some(*pid), &sent).await;
        }
        other.batch_execute(&close).await.unwrap();
        other.batch_execute("commit").await.unwrap();
        let Some((pid, held)) = next else { break };
        (holder, other) = (pid, held.await.unwrap());
    }
    (collisions, sent.await.unwrap())
}

/// The row has been changed since the transaction began, where that matters.
async fn serialization(world: &World, eve: &User, row: &mut Row) {
    let superuser = world.superuser().await;
    let id = client(world, eve, "z").await;
    isolate(&superuser, "repeatable read").await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'nexo_app'";
    superuser.batch_execute(end).await.unwrap();
    // Until none of its connections is from before.
    let (until, mut served) = (deadline(), 0);
    while served < 5 {
        let reply = world.program.get("/api/clients").by(eve).send().await;
        served = if reply.status == 200 { served + 1 } else { 0 };
        pause(until, "the server has connections again").await;
    }
    // Nobody's work, so it has no entries in the audit log.
    superuser.batch_execute("set session_replication_role = replica; begin").await.unwrap();
    let change = format!("update nexo.clients set notes = 'other' where id = '{id}'");
    superuser.batch_execute(&change).await.unwrap();
    let patch = json!({ "op": "patch", "id": id, "changes": { "notes": "ours" } });
    let sent = spawn(world, eve, "/api/clients/batch", &json!({ "operations": [patch] }));
    waits_for(world, pid(&superuser).await, None, &sent).await;
    superuser.batch_execute("commit").await.unwrap();
    let reply = sent.await.unwrap();
    isolate(&superuser, "read committed").await;
    superuser.batch_execute(end).await.unwrap();
    row.hold(
        reply.status == 200 && all_done(&reply.json()),
        format!("after a serialization failure it was told {}: {}", reply.status, reply.json()),
    );
    row.requests += 1;
    row.figure(format!("a serialization failure, told {}", reply.status));
}

/// Sets what the transactions of the server's next connections see of others.
pub(crate) async fn isolate(superuser: &Client, level: &str) {
    let set = format!("alter role nexo_app set default_transaction_isolation = '{level}'");
    superuser.batch_execute(&set).await.unwrap();
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

/// Waits until a statement of the server's waits for this process, and the process after
/// it waits, too; false if what was sent has its answer before. (Others of the load wait
/// for each other.)
async fn waits_for(
    world: &World,
    holder: i32,
    after: Option<i32>,
    sent: &JoinHandle<Reply>,
) -> bool {
    let superuser = world.superuser().await;
    let sql =
        "select count(*) filter (where usename = 'nexo_app' and $1 = any(pg_blocking_pids(pid))),
            count(*) filter (where pid = $2)
        from pg_stat_activity where wait_event_type = 'Lock'";
    let until = deadline();
    while !sent.is_finished() {
        let waiting = superuser.query_one(sql, &[&holder, &after]).await.unwrap();
        let (server, next): (i64, i64) = (waiting.get(0), waiting.get(1));
        if server > 0 && (after.is_none() || next > 0) {
            return true;
        }
        pause(until, "the server waits for the lock").await;
    }
    false
}

async fn pid(client: &Client) -> i32 {
    client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}
