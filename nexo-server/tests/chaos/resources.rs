//! F17 and F22: slow callers and statements, and too little of what a process needs.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::harness::{Call, User, until_ready};
use crate::load::Load;
use crate::process::{deadline, is_alive, pause};
use crate::program::Program;
use crate::report::Row;
use crate::servers::within_shell;
use crate::stored;
use crate::wire::Wire;
use crate::world::{RECOVERY, REQUEST, World};

/// How many clients the export has; about 50 MB.
const ROWS: usize = 200_000;

const READERS: usize = 12;

/// How long nobody reads, which is less than the server has patience.
const UNREAD: Duration = Duration::from_secs(15);

/// More than all buffers between hold: so much is still to come for who reads again.
const MORE_THAN_FITS: usize = 24 << 20;

/// What they and the load beside them may take: less than a tenth of what they asked for.
const LARGEST_GROWTH: usize = READERS * (4 << 20);

pub(crate) async fn slow(world: &mut World) -> Row {
    let eve = world.user().await;
    fill(world, &eve).await;
    // Nothing that others have given back is there to be taken again.
    let fresh = Program::spawn(world.server(&[])).listening();
    until_ready(fresh.address).await;
    let users = [world.user().await, world.user().await];
    let load = Load::start(fresh.address, users, 8, REQUEST);
    load.more(200).await;
    let pid = fresh.pid();
    let before = memory(pid);
    let (mut readers, mut given, mut odd) = (Vec::new(), 0, Vec::new());
    for _ in 0..READERS {
        let mut wire = Wire::connect(fresh.address).await;
        wire.send(request("/api/clients/export?format=csv", &eve)).await;
        // An account has a part of the room for files, and no more.
        match wire.head().await {
            head if head.contains(" 200 ") => {
                given += 1;
                readers.push(wire);
            }
            head if head.contains(" 503 ") => {}
            head => odd.push(head),
        }
    }
    // Longer than it takes to fill what is between, and at any time of it.
    let (since, mut most) = (Instant::now(), before);
    while since.elapsed() < UNREAD {
        most = most.max(memory(pid));
        sleep(Duration::from_millis(50)).await;
    }
    let grown = most.saturating_sub(before);
    let mut left = 0;
    if let Some(mut reader) = readers.pop() {
        while left < MORE_THAN_FITS {
            left += reader.chunk().await.unwrap().len();
        }
    }
    drop(readers);
    let mut row = world.settle(load).await;
    // What it may still have to do is not to be taken for the query below.
    tokio::task::spawn_blocking(move || fresh.stop()).await.unwrap();
    // 12 times 50 MB, were they in memory.
    row.hold(grown < LARGEST_GROWTH, format!("slow readers took {} MiB", grown >> 20));
    row.hold(left > 0, format!("none of {READERS} readers was given a file"));
    row.hold(odd.is_empty(), format!("readers were told {odd:?}"));
    row.figure(format!(
        "{READERS} readers of 50 MB, {given} given it and the others 503, who do not read for \
         {UNREAD:?}: at most {} MiB more",
        grown >> 20
    ));

    let superuser = world.superuser().await;
    superuser.batch_execute("begin; lock table nexo.clients").await.unwrap();
    let mut wire = Wire::connect(world.program.address).await;
    wire.send(request("/api/clients?limit=3", &eve)).await;
    let sql = "select count(*) from pg_stat_activity where usename = 'nexo_app'
        and wait_event_type = 'Lock'";
    let observer = world.superuser().await;
    let waiting = async || observer.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    let until = deadline();
    while waiting().await == 0 {
        pause(until, "the query waits").await;
    }
    drop(wire);
    let since = Instant::now();
    while waiting().await > 0 && since.elapsed() < Duration::from_secs(8) {
        sleep(Duration::from_millis(20)).await;
    }
    let took = since.elapsed();
    superuser.batch_execute("rollback").await.unwrap();
    // A second for the server and two for PostgreSQL; the wait for the lock would end by
    // itself after 5.
    row.hold(
        took < Duration::from_millis(4200),
        format!("a query went on for {took:.1?} after its caller went away"),
    );
    row.figure(format!("a query was cancelled {took:.1?} after its caller went away"));
    row
}

/// Gives an account as many clients as make a large file.
async fn fill(world: &World, user: &User) {
    let superuser = world.superuser().await;
    // Nobody's work, so it has no entries in the audit log.
    superuser.batch_execute("set session_replication_role = replica").await.unwrap();
    let fill = format!(
        "insert into nexo.clients (account_id, id, kind, status, name, notes)
         select '{}', gen_random_uuid(), 'company', 'lead', 'client ' || n, repeat('x', 200)
         from generate_series(1, {ROWS}) as n",
        user.account
    );
    superuser.batch_execute(&fill).await.unwrap();
}

fn request(path: &str, user: &User) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n\r\n",
        user.token
    )
}

pub(crate) async fn exhausted(world: &mut World) -> Row {
    let mut row = descriptors(world).await;
    row.merge(address_space(world).await);
    row
}

async fn descriptors(world: &mut World) -> Row {
    let command = within_shell(&world.server(&["--pool-size", "4"]), "ulimit -n 64");
    let mut program = Program::spawn(command).listening();
    until_ready(program.address).await;
    let users = [world.user().await, world.user().await];
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(Wire::connect(program.address).await);
    }
    program.logs("cannot accept connections");
    drop(idle);
    let since = Instant::now();
    until_ready(program.address).await;
    let took = since.elapsed();
    let load = Load::start(program.address, users, 8, REQUEST).that_may_end();
    load.more(50).await;
    let mut row = stored::check(&world.superuser().await, load.finish().await).await;
    row.hold(took < RECOVERY, format!("it accepts {took:.1?} after there were descriptors"));
    row.figure(format!("64 descriptors: it accepts {took:.1?} after 100 connections ended"));
    row
}

/// Many log-ins, each of which takes 19 MiB, with little more memory than some of them.
async fn address_space(world: &mut World) -> Row {
    let command = within_shell(&world.server(&["--pool-size", "4"]), "ulimit -v 1000000");
    let program = Program::spawn(command).listening();
    until_ready(program.address).await;
    let users = [world.user().await, world.user().await];
    let load = Load::start(program.address, users, 8, REQUEST).that_may_end();
    let mut logins = JoinSet::new();
    for number in 0..60 {
        let email = format!("nobody{number}@example.com");
        let login = json!({ "email": email, "password": "wrong but long enough" });
        let call = Call::to(program.address, "POST", "/api/auth/login").json(&login);
        logins.spawn(call.try_send());
    }
    let mut odd = Vec::new();
    while let Some(reply) = logins.join_next().await {
        match reply.unwrap() {
            Ok(reply) if matches!(reply.status, 401 | 429 | 503) => {}
            Ok(reply) => odd.push(reply.status.to_string()),
            Err(error) => odd.push(error),
        }
    }
    load.more(50).await;
    let mut row = stored::check(&world.superuser().await, load.finish().await).await;
    row.hold(is_alive(program.pid()), "with 1 GB of addresses it ended");
    row.hold(odd.is_empty(), format!("log-ins were told {odd:?}"));
    row.figure("1 GB of addresses, 60 log-ins at a time: it lives");
    row
}

/// A process's memory in bytes.
pub(crate) fn memory(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// How many descriptors a process has open.
pub(crate) fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}
