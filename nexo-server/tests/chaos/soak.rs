//! F24: backends terminated and connections reset under a mixed load, for a long time.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::crashes::{ROLES, terminate_one};
use crate::process::{deadline, pause};
use crate::report::Row;
use crate::resources::{memory, open_files};
use crate::world::World;

const FAULT_EVERY: Duration = Duration::from_secs(20);
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
const CALLERS: usize = 8;

/// By how much descriptors and connections may differ from before: the callers of a moment
/// ago, none of which knows when its connection is seen to be closed.
const MARGIN: usize = 4;

/// KiB that the trend of the second half may come to, however long that is: the heap of a
/// process that is busy goes up and down by more than nothing.
const LARGEST_GROWTH: f64 = 6.0 * 1024.0;

pub(crate) async fn soak(world: &mut World, time: Duration) -> Row {
    let pid = world.program.pid();
    // Caches and pools are filled first, and what serves the load is there.
    let load = world.mixed_load(CALLERS).await;
    load.more(2000).await;
    let mut row = world.settle(load).await;
    let before = Held::by(world).await;

    let load = world.mixed_load(CALLERS).await;
    let started = Instant::now();
    let (mut terminated, mut reset) = (0, 0);
    let (mut due_end, mut due_reset) = (FAULT_EVERY, FAULT_EVERY / 2);
    let mut samples = Vec::new();
    let superuser = world.superuser().await;
    while started.elapsed() < time {
        sleep(SAMPLE_EVERY).await;
        samples.push((started.elapsed().as_secs_f64() / 60.0, memory(pid) as f64 / 1024.0));
        // The two of them ten seconds apart.
        if started.elapsed() >= due_reset {
            due_reset += FAULT_EVERY;
            reset += 1;
            world.proxy.reset();
        }
        if started.elapsed() >= due_end {
            due_end += FAULT_EVERY;
            // The one and the other.
            let role = ROLES[terminated % ROLES.len()];
            terminated += usize::from(terminate_one(&superuser, role).await);
        }
    }
    row.hold(terminated > 0 || time < FAULT_EVERY, "there was no backend to terminate");
    row.merge(world.settle(load).await);
    row.figure(format!(
        "{} s: {terminated} times a backend terminated, {reset} times every connection reset",
        started.elapsed().as_secs()
    ));
    let last = samples.last().copied().unwrap_or_default();
    // The first half is what a heap needs to find its size.
    let second = &samples[samples.len() / 2..];
    let slope = slope(second);
    let minutes = last.0 - second.first().map_or(0.0, |sample| sample.0);
    row.figure(format!(
        "memory {:.0} MiB after, and in the second half {slope:+.0} KiB a minute",
        last.1 / 1024.0
    ));
    row.hold(slope * minutes < LARGEST_GROWTH, format!("memory grows by {slope:.0} KiB a minute"));
    let after = before.again(world).await;
    row.figure(format!("descriptors {} before, {} after", before.files, after.files));
    let connections = (before.connections, after.connections);
    row.figure(format!("database connections {} before, {} after", connections.0, connections.1));
    row.hold(after.files <= before.files + MARGIN, "descriptors are left");
    row.hold(after.connections <= before.connections + MARGIN, "database connections are left");
    row
}

/// What the server holds while nobody calls.
#[derive(Debug, Clone, Copy)]
struct Held {
    files: usize,
    connections: usize,
}

impl Held {
    async fn by(world: &World) -> Self {
        let sql = "select count(*) from pg_stat_activity where usename like 'nexo%'";
        let count: i64 = world.superuser().await.query_one(sql, &[]).await.unwrap().get(0);
        let connections = usize::try_from(count).unwrap();
        Self { files: open_files(world.program.pid()), connections }
    }

    /// What it holds when it has let go of what was only for a time.
    async fn again(self, world: &World) -> Self {
        let until = deadline();
        loop {
            let now = Self::by(world).await;
            let is_back =
                now.files <= self.files + MARGIN && now.connections <= self.connections + MARGIN;
            if is_back || Instant::now() + Duration::from_secs(1) > until {
                return now;
            }
            pause(until, "descriptors and connections are given back").await;
        }
    }
}

/// By how much the second number grows with the first, by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let over: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    let under: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
    if under > 0.0 { over / under } else { 0.0 }
}
