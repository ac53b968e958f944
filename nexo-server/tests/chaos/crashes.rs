//! F1 to F3: PostgreSQL is killed, restarted, and loses its backends.

use std::time::Duration;

use tokio::time::sleep;

use crate::load::Load;
use crate::process::{deadline, pause};
use crate::readiness;
use crate::report::Row;
use crate::world::{Stop, World};

const CALLERS: usize = 8;

pub(crate) async fn killed(world: &mut World) -> Row {
    let mut row = Row::default();
    let load = world.load(CALLERS).await;
    load.more(50).await;
    outage(world, &load, Stop::Kill, &mut row).await;
    row.merge(world.settle(load).await);
    row
}

pub(crate) async fn restarted(world: &mut World) -> Row {
    let mut row = Row::default();
    for how in [Stop::Fast, Stop::Immediate] {
        let load = world.load(CALLERS).await;
        load.more(50).await;
        outage(world, &load, how, &mut row).await;
        row.merge(world.settle(load).await);
    }
    row
}

/// How long PostgreSQL is away.
const AWAY: Duration = Duration::from_secs(5);

/// Stops PostgreSQL, waits until probes and callers have been told so, and starts it.
async fn outage(world: &mut World, load: &Load, how: Stop, row: &mut Row) {
    let (refused, not_ready) = (load.count("503"), load.not_ready());
    world.stop_database(how).await;
    readiness::says_no(world, AWAY, row).await;
    let deadline = deadline();
    while load.count("503") == refused || load.not_ready() == not_ready {
        pause(deadline, "callers and probes are told that the database is away").await;
    }
    world.start_database().await;
}

pub(crate) async fn terminated(world: &mut World) -> Row {
    // Who logs in and refreshes has work for the other role.
    let load = world.mixed_load(CALLERS).await;
    load.more(50).await;
    let superuser = world.superuser().await;
    let (mut row, mut terminated) = (Row::default(), 0);
    for role in ROLES.into_iter().cycle().take(8) {
        let ended = terminate_one(&superuser, role).await;
        row.hold(ended, format!("there was no backend of {role} to terminate"));
        terminated += usize::from(ended);
        sleep(Duration::from_secs(1)).await;
    }
    let failed = load.failed();
    readiness::said_yes(&load, &mut row);
    row.merge(world.settle(load).await);
    // Of a backend at work its request alone, and not more.
    row.hold(failed <= terminated, format!("{failed} requests failed of {terminated} backends"));
    row.figure(format!("{terminated} backends terminated, {failed} requests failed"));
    row
}

/// Those whom the server works as.
pub(crate) const ROLES: [&str; 2] = ["nexo_app", "nexo_auth"];

/// Ends a backend of the server's that works as this role, by preference one at work.
pub(crate) async fn terminate_one(
    superuser: &nexo_core::tokio_postgres::Client,
    role: &str,
) -> bool {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
        where usename = $1::text and datname = 'nexo'
        order by state = 'active' desc, random() limit 1";
    superuser.query_opt(sql, &[&role]).await.unwrap().is_some()
}
