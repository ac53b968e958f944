//! F7 again: somebody has locked a whole table, as a change of its columns does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::contention;
use crate::harness::Call;
use crate::readiness;
use crate::report::Row;
use crate::wire::Reply;
use crate::world::World;

/// Longer than who waits for a lock waits, twice.
const HELD: Duration = Duration::from_secs(12);

/// How many read the table, and how many write to it.
const WAITING: usize = 4;

const PATH: &str = "/api/departments";

pub(crate) async fn locked_table(world: &mut World) -> Row {
    let eve = world.user().await;
    let load = world.load(8).await;
    load.more(50).await;
    let from = load.served();
    sleep(Duration::from_secs(4)).await;
    let before = load.p99_since(from);
    let superuser = world.superuser().await;
    // Of another collection than the load's, which goes on.
    superuser.batch_execute("begin; lock table nexo.departments").await.unwrap();
    let (from, failed) = (load.served(), load.failed());
    let until = Instant::now() + HELD;
    let mut waiting = JoinSet::new();
    for number in 0..2 * WAITING {
        let method = if number % 2 == 0 { "GET" } else { "POST" };
        let (address, token) = (world.program.address, eve.token.clone());
        waiting.spawn(ask(address, token, method, number, until));
    }
    let replies: Vec<_> = waiting.join_all().await.into_iter().flatten().collect();
    let (others, during) = (load.failed() - failed, load.p99_since(from));
    let mut row = Row { requests: replies.len(), ..Row::default() };
    readiness::said_yes(&load, &mut row);
    superuser.batch_execute("rollback").await.unwrap();
    row.merge(world.settle(load).await);

    let mut told = BTreeMap::<_, usize>::new();
    for (method, reply) in &replies {
        *told.entry((*method, reply.status, reply.problem())).or_default() += 1;
        row.hold(reply.header("retry-after").is_some(), format!("{method}: no Retry-After"));
    }
    let is_odd = |method: &str, status: u16| match method {
        "GET" => status != 503,
        _ => !matches!(status, 409 | 503),
    };
    let odd = told.keys().find(|(method, status, _)| is_odd(method, *status));
    row.hold(odd.is_none(), format!("who waited for the table was told {odd:?}"));
    row.hold(others == 0, format!("{others} requests for other tables were refused"));
    contention::goes_on(before, during, &mut row);
    row.figure(format!("p99 of others {before:.1?} before, {during:.1?} meanwhile"));
    let after = world.program.get(PATH).by(&eve).send().await.status;
    row.hold(after == 200, format!("a read after it was told {after}"));
    row.figure(format!("{WAITING} who read the table and as many who write to it: {told:?}"));
    row
}

/// Reads or writes again and again; what it was told.
async fn ask(
    address: SocketAddr,
    token: String,
    method: &'static str,
    number: usize,
    until: Instant,
) -> Vec<(&'static str, Reply)> {
    let mut replies = Vec::new();
    while Instant::now() < until {
        let call = Call::to(address, method, PATH).bearer(&token);
        let body = json!({ "name": format!("department {number}") });
        let call = if method == "GET" { call } else { call.json(&body) };
        replies.push((method, call.send().await));
        sleep(Duration::from_millis(50)).await;
    }
    replies
}
