//! F24 in short: backends terminated and connections reset in turn, for a long time.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::crashes::terminate_one;
use crate::report::Row;
use crate::resources::{back_to, memory, open_files};
use crate::world::World;

const FAULT_EVERY: Duration = Duration::from_secs(20);
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn soak(world: &mut World, time: Duration) -> Row {
    let pid = world.program.pid();
    // Caches and pools are filled first.
    let load = world.load(8).await;
    load.more(500).await;
    let mut row = world.settle(load).await;
    let (files, connections) = (open_files(pid), connections(world).await);

    let load = world.load(8).await;
    let (started, mut faults) = (Instant::now(), 0_u32);
    let mut samples = Vec::new();
    let superuser = world.superuser().await;
    while started.elapsed() < time {
        sleep(SAMPLE_EVERY).await;
        samples.push((started.elapsed().as_secs_f64() / 60.0, memory(pid) as f64 / 1024.0));
        if started.elapsed() >= FAULT_EVERY * (faults + 1) {
            faults += 1;
            match faults % 2 {
                1 => drop(terminate_one(&superuser).await),
                _ => world.proxy.reset(),
            }
        }
    }
    row.merge(world.settle(load).await);
    row.figure(format!("{faults} faults in {} s", started.elapsed().as_secs()));
    let last = samples.last().map_or(0.0, |sample| sample.1);
    // The first half is what a heap needs to find its size.
    let slope = slope(&samples[samples.len() / 2..]);
    row.figure(format!(
        "memory {:.0} MiB, in the second half {slope:+.0} KiB a minute",
        last / 1024.0
    ));
    // The connections to the database, all of which the pools may hold.
    back_to(pid, files.max(32 + 16 + 16)).await;
    let after = self::connections(world).await;
    row.figure(format!("descriptors {files} before, {} after", open_files(pid)));
    row.figure(format!("database connections {connections} before, {after} after"));
    row.hold(after <= 16 + 16 + 4 + 1, format!("{after} database connections are left"));
    row.hold(slope < 4096.0, format!("memory grows by {slope:.0} KiB a minute"));
    row
}

async fn connections(world: &World) -> i64 {
    let sql = "select count(*) from pg_stat_activity where usename like 'nexo%'";
    world.superuser().await.query_one(sql, &[]).await.unwrap().get(0)
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
