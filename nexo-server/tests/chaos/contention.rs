//! F7 to F9: a lock, and too few connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nexo_core::tokio_postgres::Client;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::crashes::{ROLES, terminate_one};
use crate::harness::{Call, User, until_ready};
use crate::load::Load;
use crate::process::{deadline, pause};
use crate::program::Program;
use crate::readiness;
use crate::report::Row;
use crate::wire::Reply;
use crate::world::{MAX_CONNECTIONS, RECOVERY, REQUEST, World, ended};

/// A client of the user's, by its id.
pub(crate) async fn client(world: &World, user: &User, name: &str) -> String {
    let reply = world.program.post("/api/clients", &json!({ "name": name })).by(user).send().await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Begins a transaction that holds a client's row.
pub(crate) async fn hold(superuser: &Client, id: &str) {
    let lock = format!("begin; select from nexo.clients where id = '{id}' for update");
    superuser.batch_execute(&lock).await.unwrap();
}

/// For so long somebody holds a row that many of its account want.
const HELD: Duration = Duration::from_secs(30);

/// Twice as many callers as there are connections want one row of one account.
const WAITING: usize = 32;

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
    let (from, failed) = (load.served(), load.failed());
    let until = Instant::now() + HELD;
    let mut waiting = JoinSet::new();
    for number in 0..WAITING {
        let call = {
            let (address, id, token) = (world.program.address, id.clone(), eve.token.clone());
            move || {
                let patch = json!({ "notes": format!("{number}") }).to_string();
                Call::to(address, "PATCH", &format!("/api/clients/{id}"))
                    .bearer(&token)
                    .body("application/merge-patch+json", patch)
            }
        };
        waiting.spawn(async move {
            let mut replies = Vec::new();
            while Instant::now() < until {
                replies.push(call().send().await);
                sleep(Duration::from_millis(50)).await;
            }
            replies
        });
    }
    let replies: Vec<Reply> = waiting.join_all().await.into_iter().flatten().collect();
    let during = load.p99_since(from);
    let others = load.failed() - failed;
    let mut row = Row::default();
    readiness::said_yes(&load, &mut row);
    superuser.batch_execute("rollback").await.unwrap();
    row.merge(world.settle(load).await);
    row.requests += replies.len();
    let mut told = BTreeMap::<_, usize>::new();
    for reply in &replies {
        *told.entry((reply.status, reply.problem())).or_default() += 1;
        let is_retry_told = reply.header("retry-after").is_some();
        row.hold(is_retry_told, "who waited is not told when to try again");
    }
    // A wait for a connection, one for those who wait for the row, and one for the row
    // itself, 5 s each, come to what a request may take here.
    let odd = told.keys().find(|(status, _)| !matches!(status, 409 | 503));
    row.hold(odd.is_none(), format!("who waited for the row was told {odd:?}"));
    row.hold(told.keys().any(|(status, _)| *status == 409), "nobody met the end of the wait");
    let ratio = during.as_secs_f64() / before.as_secs_f64().max(0.001);
    row.figure(format!(
        "{WAITING} callers of one account told {told:?}; \
         p99 of others {before:.1?} before, {during:.1?} meanwhile: ×{ratio:.2}"
    ));
    row.hold(others == 0, format!("{others} requests of other accounts were refused"));
    goes_on(before, during, &mut row);
    row
}

/// Holds that those whom a lock does not concern were served as before, as far as a machine
/// that does other things can tell: whoever waits for a connection waits for who waits for
/// the lock, which is 5 seconds.
pub(crate) fn goes_on(before: Duration, during: Duration, row: &mut Row) {
    let most = (2 * before).max(before + Duration::from_millis(150));
    row.hold(during <= most, format!("others wait, too: p99 is {during:.1?} of {most:.1?}"));
}

/// How long who collects metrics has patience.
const SCRAPE: Duration = Duration::from_secs(5);

pub(crate) async fn small_pool(world: &mut World) -> Row {
    let args = ["--pool-size", "2", "--metrics-listen", "127.0.0.1:0"];
    let mut small = Program::spawn(world.server(&args));
    // It is told before the other address.
    let line = small.logs("metrics are told");
    let metrics: SocketAddr = line.split("address=").nth(1).unwrap().trim().parse().unwrap();
    let small = small.listening();
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
    let scraped = Instant::now();
    let scrape = timeout(SCRAPE, Call::to(metrics, "GET", "/metrics").try_send()).await;
    let took = scraped.elapsed();
    let told = scrape.map(|reply| reply.map(|reply| (reply.status, reply.body.len())));
    let mut row = Row::default();
    readiness::said_yes(&load, &mut row);
    superuser.batch_execute("rollback").await.unwrap();
    row.merge(world.settle(load).await);
    row.hold(asked < Duration::from_secs(2), format!("bad tokens took {asked:.1?} to refuse"));
    row.hold(
        matches!(told, Ok(Ok((200, 1..)))),
        format!("/metrics said {told:?} within {took:.1?} while no connection was free"),
    );
    row.figure(format!("/metrics answered in {took:.1?} while no connection was free"));
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
        for role in ROLES.into_iter().cycle().take(32) {
            terminate_one(&superuser, role).await;
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
