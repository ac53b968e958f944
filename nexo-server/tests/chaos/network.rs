//! F4 and F5: the network between the server and PostgreSQL.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::report::Row;
use crate::world::{REQUEST, World};

const CALLERS: usize = 8;

pub(crate) async fn reset(world: &mut World) -> Row {
    let load = world.load(CALLERS).await;
    load.more(50).await;
    for _ in 0..6 {
        world.proxy.reset();
        sleep(Duration::from_millis(500)).await;
        load.more(10).await;
    }
    let made = world.proxy.accepted();
    let mut row = world.settle(load).await;
    row.figure(format!("6 resets by the harness's proxy; {made} connections since the start"));
    row
}

/// Longer than a request may take, so that each caller meets its end.
pub(crate) async fn black_hole(world: &mut World) -> Row {
    // More than there are connections.
    let load = world.load(3 * CALLERS).await;
    load.more(50).await;
    let not_ready = load.not_ready();
    world.proxy.swallow();
    let until = Instant::now() + REQUEST + Duration::from_secs(5);
    while Instant::now() < until {
        sleep(Duration::from_millis(100)).await;
    }
    let told = load.not_ready() - not_ready;
    let refused = load.count("503") + load.count("504");
    world.proxy.heal();
    let mut row = world.settle(load).await;
    row.hold(told > 0, "/ready said yes throughout");
    row.hold(refused > 0, "nobody was refused");
    row.figure(format!("{} s without a byte, by the harness's proxy", REQUEST.as_secs() + 5));
    row
}
