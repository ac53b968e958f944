//! Faults, one after the other, against the real program on a real PostgreSQL
//! under load, and what it promised about each.
//!
//! `make chaos` runs it. Alone among the tests it does nothing under `cargo test`,
//! because it takes minutes: `chaos run [--soak 3m] [fault …]` does all or some of it,
//! and `chaos soak 3m` only goes on with some faults for a time, as `--soak` does
//! afterwards.
#![expect(clippy::unwrap_used, reason = "a fault that cannot go on has broken its promise")]

mod caller;
mod clock;
mod clock_steps;
#[expect(dead_code, reason = "shared with the tests of one server")]
#[path = "../it/component.rs"]
mod component;
mod contention;
mod crashes;
mod deadlocks;
mod gateways;
#[expect(dead_code, reason = "shared with the tests of one server")]
#[path = "../it/harness.rs"]
mod harness;
mod load;
mod memory;
mod mixed;
mod network;
mod overload;
#[expect(dead_code, reason = "shared with the tests of one server")]
#[path = "../it/process.rs"]
mod process;
#[expect(dead_code, reason = "shared with the tests of one server")]
#[path = "../it/program.rs"]
mod program;
mod read_only;
mod readiness;
mod report;
mod resources;
mod servers;
mod soak;
mod stored;
mod table_lock;
#[expect(dead_code, reason = "shared with the tests of one server")]
#[path = "../it/wire.rs"]
mod wire;
mod world;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::FutureExt;

use report::{Report, Row};
use world::World;

/// What injects one fault and checks its promise; a panic breaks it.
type Inject = for<'a> fn(&'a mut World) -> Pin<Box<dyn Future<Output = Row> + 'a>>;

/// A fault of the list in the design's controls.
struct Fault {
    name: &'static str,
    promise: &'static str,
    inject: Inject,
}

macro_rules! faults {
    ($($name:literal, $promise:literal, $inject:path;)*) => {
        &[$(Fault {
            name: $name,
            promise: $promise,
            inject: |world| Box::pin($inject(world)),
        }),*]
    };
}

const FAULTS: &[Fault] = faults! {
    "F1", "kill -9 of PostgreSQL mid-write: nothing lost, writes resume", crashes::killed;
    "F2", "fast and immediate restart: 503 meanwhile, writes resume", crashes::restarted;
    "F3", "backends terminated: only their requests fail", crashes::terminated;
    "F4", "connections reset: as F3", network::reset;
    "F5", "black hole: refused in time, nothing exhausted after", network::black_hole;
    "F7", "a row that 32 callers wait for: 409 or 503, other accounts unaffected", contention::locked_row;
    "F7", "a table that is locked: reads 503, writes 409 or 503, other tables unaffected", table_lock::locked_table;
    "F8", "2 connections, 200 callers: 503 for the excess, probes answer", contention::small_pool;
    "F9", "max_connections reached: no crash loop, recovers", contention::none_left;
    "F10", "deadlocks and serialization failures: retried 3 times, else 409", deadlocks::retried;
    "F14", "SIGTERM under load with a second service: no request fails", servers::rolling_restart;
    "F14", "SIGTERM under load with a second gateway: no request fails", gateways::rolling_restart;
    "F15", "two servers, one database: one winner, jobs once", servers::races;
    "F16", "another clock than the database's: the database decides", clock::skewed;
    "F16", "a clock that is set forth and back: timers and windows go on", clock_steps::stepped;
    "F17", "slow queries and readers: memory bounded, queries cancelled", resources::slow;
    "F22", "few descriptors, little memory: it goes on accepting", resources::exhausted;
    "F22", "allocations fail: a large one fails its request, a small one the process, nothing lost", memory::exhausted;
    "F23", "read-only database: writes 503, reads go on", read_only::read_only;
    "overload", "three times the capacity: admitted ones stay fast", overload::overload;
};

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> ExitCode {
    // What broke a promise stands in the table; where, is enough here.
    std::panic::set_hook(Box::new(|panic| eprintln!("   {panic}")));
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["run", "--soak", time, wanted @ ..] => match duration(time) {
            Some(time) => run(wanted, Some(time)).await,
            None => wrong(time),
        },
        ["run", wanted @ ..] => run(wanted, None).await,
        ["soak", time] => match duration(time) {
            Some(time) => soak(time).await,
            None => wrong(time),
        },
        _ => {
            println!("chaos: not run, since it takes minutes: make chaos");
            ExitCode::SUCCESS
        }
    }
}

fn wrong(time: &str) -> ExitCode {
    eprintln!("chaos: expected a time such as 90s, 3m or 1h, and not {time}");
    ExitCode::from(2)
}

async fn run(wanted: &[&str], then_soak: Option<Duration>) -> ExitCode {
    let known = |name: &&&str| FAULTS.iter().any(|fault| fault.name == **name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        eprintln!("chaos: there is no fault {unknown}");
        return ExitCode::from(2);
    }
    let mut world = World::start().await;
    let mut report = Report::default();
    for fault in FAULTS {
        if !wanted.is_empty() && !wanted.contains(&fault.name) {
            continue;
        }
        eprintln!("== {}: {}", fault.name, fault.promise);
        let injected = AssertUnwindSafe((fault.inject)(&mut world)).catch_unwind().await;
        let row = injected.unwrap_or_else(|panic| Row::panicked(&*panic));
        report.add(fault.name, fault.promise, row);
        world.heal().await;
    }
    world.stop().await;
    if let Some(time) = then_soak {
        soak_into(&mut report, time).await;
    }
    report.print()
}

async fn soak(time: Duration) -> ExitCode {
    let mut report = Report::default();
    soak_into(&mut report, time).await;
    report.print()
}

/// On a database and with a server that are new.
async fn soak_into(report: &mut Report, time: Duration) {
    let promise = "F3 and F4 each every 20 s under a mixed load: all holds, and nothing grows";
    eprintln!("== F24: {promise}");
    let mut world = World::start().await;
    let done = AssertUnwindSafe(soak::soak(&mut world, time)).catch_unwind().await;
    let row = done.unwrap_or_else(|panic| Row::panicked(&*panic));
    report.add("F24", promise, row);
    world.stop().await;
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}
