//! Whether `/ready` tells how things are, whatever is the matter.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::harness::Call;
use crate::load::Load;
use crate::report::Row;
use crate::world::World;

/// Within which time the server has noticed that the database is away.
const NOTICED: Duration = Duration::from_secs(2);

/// Holds that it says no for so long while the database is away, but for the first moment.
pub(crate) async fn says_no(world: &World, time: Duration, row: &mut Row) {
    let started = Instant::now();
    sleep(NOTICED).await;
    let (mut asked, mut yes, mut odd) = (0, Vec::new(), Vec::new());
    while started.elapsed() < time {
        let at = started.elapsed();
        asked += 1;
        match Call::to(world.program.address, "GET", "/ready").try_send().await {
            Ok(reply) if reply.status == 503 => {}
            Ok(reply) if reply.status == 200 => yes.push(at),
            Ok(reply) => odd.push(reply.status.to_string()),
            Err(error) => odd.push(error),
        }
        sleep(Duration::from_millis(100)).await;
    }
    row.hold(asked > 0, "nobody asked whether it is ready");
    row.hold(
        yes.is_empty(),
        format!(
            "/ready said yes {} of {asked} times while the database was away, first after {:.1?}",
            yes.len(),
            yes.first().copied().unwrap_or_default()
        ),
    );
    row.hold(odd.is_empty(), format!("/ready said {odd:?}"));
    row.figure(format!("/ready said no {} of {asked} times in {time:?}", asked - yes.len()));
}

/// Holds that it never said no in a load: what is the matter is no reason to.
pub(crate) fn said_yes(load: &Load, row: &mut Row) {
    let no = load.not_ready();
    row.hold(no == 0, format!("/ready said no {no} times"));
}
