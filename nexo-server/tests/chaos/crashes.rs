//! F1 to F3: PostgreSQL is killed, restarted, and loses its backends.

use std::time::Duration;

use tokio::time::sleep;

use crate::load::Load;
use crate::process::{deadline, pause};
use crate::report::Row;
use crate::world::{Stop, World};

const CALLERS: usize = 8;

pub(crate) async fn killed(world: &mut World) -> Row {
    let load = world.load(CALLERS).await;
    load.more(50).await;
    outage(world, &load, Stop::Kill).await;
    world.settle(load).await
}

pub(crate) async fn restarted(world: &mut World) -> Row {
    let mut row = Row::default();
    for how in [Stop::Fast, Stop::Immediate] {
        let load = world.load(CALLERS).await;
        load.more(50).await;
        outage(world, &load, how).await;
        row.merge(world.settle(load).await);
    }
    row
}

/// Stops PostgreSQL, waits until probes and callers have been told so, and starts it.
async fn outage(world: &mut World, load: &Load, how: Stop) {
    let (refused, not_ready) = (load.count("503"), load.not_ready());
    world.stop_database(how).await;
    let deadline = deadline();
    while load.count("503") == refused || load.not_ready() == not_ready {
        pause(deadline, "callers and probes are told that the database is away").await;
    }
    world.start_database().await;
}

pub(crate) async fn terminated(world: &mut World) -> Row {
    let load = world.load(CALLERS).await;
    load.more(50).await;
    let superuser = world.superuser().await;
    let mut terminated = 0;
    for _ in 0..8 {
        terminated += usize::from(terminate_one(&superuser).await);
        sleep(Duration::from_secs(1)).await;
    }
    let failed = load.count("503") + load.count("no reply");
    let mut row = world.settle(load).await;
    row.hold(terminated > 0, "there was no backend to terminate");
    // Of a backend at work its request alone, and not more.
    row.hold(failed <= terminated, format!("{failed} requests failed of {terminated} backends"));
    row.figure(format!("{terminated} backends terminated, {failed} requests failed"));
    row
}

/// Ends a backend of the server's, by preference one at work.
pub(crate) async fn terminate_one(superuser: &nexo_core::tokio_postgres::Client) -> bool {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
        where usename = 'nexo_app' and datname = 'nexo'
        order by state = 'active' desc, random() limit 1";
    superuser.query_opt(sql, &[]).await.unwrap().is_some()
}
