//! F7 to F10: locks, and too few connections.

use std::time::{Duration, Instant};

use nexo_core::tokio_postgres::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::crashes::terminate_one;
use crate::harness::{Call, User, until_ready};
use crate::load::Load;
use crate::process::{deadline, pause};
use crate::program::Program;
use crate::report::Row;
use crate::wire::Reply;
use crate::world::{MAX_CONNECTIONS, RECOVERY, REQUEST, World, ended};

/// A client of the user's, by its id.
async fn client(world: &World, user: &User, name: &str) -> String {
    let reply = world.program.post("/api/clients", &json!({ "name": name })).by(user).send().await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Begins a transaction that holds a client's row.
async fn hold(superuser: &Client, id: &str) {
    let lock = format!("begin; select from nexo.clients where id = '{id}' for update");
    superuser.batch_execute(&lock).await.unwrap();
}

pub(crate) async fn locked_row(world: &mut World) -> Row {
    let eve = world.user().await;
    let id = client(world, &eve, "locked").await;
    let load = world.load(8).await;
    load.more(50).await;
    let from = load.served();
    sleep(Duration::from_secs(4)).await;
    let before = load.p99_since(from);

    let superuser = world.superuser().await;
    hold(&superuser, &id).await;
    let from = load.served();
    let mut waiting = JoinSet::new();
    for number in 0..4 {
        let patch = json!({ "notes": format!("{number}") });
        let call = world.program.call("PATCH", &format!("/api/clients/{id}")).by(&eve);
        waiting.spawn(call.body("application/merge-patch+json", patch.to_string()).send());
    }
    let replies = waiting.join_all().await;
    let during = load.p99_since(from);
    superuser.batch_execute("rollback").await.unwrap();
    let mut row = world.settle(load).await;
    for reply in replies {
        let told = (reply.status, reply.problem());
        row.hold(matches!(told.0, 409 | 503), format!("who waited for the row was told {told:?}"));
        row.hold(reply.header("retry-after").is_some(), "and not when to try again");
    }
    let ratio = during.as_secs_f64() / before.as_secs_f64().max(0.001);
    row.figure(format!("p99 of others {before:.1?} before, {during:.1?} meanwhile: ×{ratio:.2}"));
    // Generous: the machine may be busy. Whoever waits for the lock waits far longer.
    row.hold(during < Duration::from_secs(2), "others wait, too");
    row
}

pub(crate) async fn small_pool(world: &mut World) -> Row {
    let small = Program::spawn(world.server(&["--pool-size", "2"])).listening();
    until_ready(small.address).await;
    let users = [world.user().await, world.user().await];
    let load = Load::start(small.address, users, 200, REQUEST);
    load.more(100).await;
    let superuser = world.superuser().await;
    // Each statement of the load waits for it and keeps its connection.
    superuser.batch_execute("begin; lock table nexo.clients").await.unwrap();
    let until = deadline();
    while load.count("503 overloaded") < 190 {
        pause(until, "those without a connection are refused").await;
    }
    // Nobody's token needs a connection.
    let asked = Instant::now();
    for token in ["nonsense", "a.b.c"] {
        let reply = small.get("/api/clients").bearer(token).send().await;
        assert_eq!(reply.status, 401);
    }
    let asked = asked.elapsed();
    superuser.batch_execute("rollback").await.unwrap();
    let mut row = world.settle(load).await;
    row.hold(asked < Duration::from_secs(2), format!("bad tokens took {asked:.1?} to refuse"));
    row.figure(format!("2 bad tokens refused in {asked:.1?} while no connection was free"));
    row
}

pub(crate) async fn none_left(world: &mut World) -> Row {
    let load = world.load(8).await;
    load.more(50).await;
    let superuser = world.superuser().await;
    let mut taken = Vec::new();
    let refused = load.count("503");
    let until = deadline();
    while load.count("503") < refused + 20 {
        // The server's own go, and the superuser is there first for most of them.
        for _ in 0..16 {
            terminate_one(&superuser).await;
        }
        while let Ok(client) = world.try_superuser().await {
            taken.push(client);
        }
        pause(until, "there are no connections left").await;
    }
    // One that starts now does not give up, or its supervisor would start it for ever.
    let starting = Program::spawn(world.server(&[]));
    let gave_up = timeout(Duration::from_secs(6), ended(starting.pid())).await.is_ok();
    let most = taken.len();
    drop(taken);
    let freed = Instant::now();
    let mut row = world.settle(load).await;
    row.hold(!gave_up, "a server that starts meanwhile gives up");
    if !gave_up {
        let starting = starting.listening();
        until_ready(starting.address).await;
        let took = freed.elapsed();
        row.hold(took < RECOVERY, format!("the one that starts takes {took:.1?} after that"));
        row.figure(format!("a server started meanwhile serves within {took:.1?} of that"));
    }
    row.figure(format!("{most} of {MAX_CONNECTIONS} connections taken"));
    row
}

/// A transaction of the server's and one of somebody else each wait for the other, and
/// the server's is the one that PostgreSQL ends.
pub(crate) async fn deadlocks(world: &mut World) -> Row {
    let eve = world.user().await;
    let (first, second) = (client(world, &eve, "x").await, client(world, &eve, "y").await);
    let load = world.load(4).await;
    load.more(20).await;
    let superuser = world.superuser().await;
    // Only the server's side looks for a circle in time.
    superuser.batch_execute("set deadlock_timeout = '1min'").await.unwrap();
    let mut told = Vec::new();
    for round in 0..3 {
        hold(&superuser, &second).await;
        let patch = |id: &str| json!({ "op": "patch", "id": id, "changes": { "notes": format!("{round}") } });
        let batch = json!({ "operations": [patch(&first), patch(&second)] });
        let sent = tokio::spawn(send_batch(world.program.post("/api/clients/batch", &batch), &eve));
        wait_for_lock(world).await;
        let close = format!("select from nexo.clients where id = '{first}' for update");
        superuser.batch_execute(&close).await.unwrap();
        superuser.batch_execute("commit").await.unwrap();
        told.push(sent.await.unwrap());
    }
    let mut row = world.settle(load).await;
    let sql = "select deadlocks from pg_stat_database where datname = 'nexo'";
    // Statistics come with a delay.
    let until = deadline();
    let deadlocks = loop {
        let count: i64 = world.superuser().await.query_one(sql, &[]).await.unwrap().get(0);
        if count >= 3 {
            break count;
        }
        pause(until, "deadlocks are counted").await;
    };
    let statuses: Vec<u16> = told.iter().map(|reply| reply.status).collect();
    for reply in told {
        let holds = match reply.status {
            200 => all_done(&reply.json()),
            409 => reply.problem() == "conflict" && reply.header("retry-after").is_some(),
            _ => false,
        };
        row.hold(holds, format!("the batch was told {}: {}", reply.status, reply.json()));
    }
    row.figure(format!("{deadlocks} deadlocks, told {statuses:?}"));
    row
}

fn send_batch(call: Call, user: &User) -> impl Future<Output = Reply> + Send + use<> {
    call.by(user).send()
}

fn all_done(body: &Value) -> bool {
    !body.to_string().contains("\"error\"")
}

/// Waits until a statement of the server's waits for somebody's lock.
async fn wait_for_lock(world: &World) {
    let superuser = world.superuser().await;
    let sql = "select count(*) from pg_stat_activity
        where usename = 'nexo_app' and wait_event_type = 'Lock' and wait_event in ('transactionid', 'tuple')";
    let until = deadline();
    while superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        pause(until, "the server waits for the lock").await;
    }
}
