//! What log-ins cost, and what they may not cost.
//!
//! `cargo bench --bench auth` prints
//!
//! - log-ins a second, and the medians of a log-in with an unknown address and
//!   with a wrong password, which must not differ by 10 % (control A4);
//! - under 200 log-ins at once: how they were answered, the p99 of `/health`
//!   meanwhile (at most 200 ms), and the process's peak memory (control A3).

#[path = "support/mod.rs"]
mod support;
#[path = "support/trial.rs"]
mod trial;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use nexo_client::model::LoginRequest;
use nexo_client::{Method, Nexo, StatusCode};
use nexo_core::testing::{PASSWORD, credentials};
use serde_json::Value;
use support::{Bench, millis, percentile};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use trial::trial;

const FLOOD: usize = 200;
const TIMINGS: usize = 200;

fn main() {
    let trial = trial();
    let runtime = Runtime::new().expect("a runtime");
    let bench = runtime.block_on(Bench::start());
    let (_, known) = runtime.block_on(bench.register());
    runtime.block_on(bench.settle());
    let anybody = Nexo::builder(&bench.url).retries(0).build().expect("a handle");

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("auth/login", |bencher| {
        bencher.iter_custom(|calls| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..calls {
                    login(&anybody, &known.email, PASSWORD, 0).await.expect("logs in");
                }
                start.elapsed()
            })
        });
    });
    criterion.final_summary();

    if trial {
        println!("a trial: the figures below measure nothing");
    }
    let good = runtime.block_on(async {
        let alike = timing(&bench, &anybody, if trial { 2 } else { TIMINGS }).await || trial;
        let held = flood(&bench, &anybody, if trial { 4 } else { FLOOD }).await || trial;
        alike && held
    });
    if !good {
        std::process::exit(1);
    }
}

/// Logs in as if from the network of this number.
async fn login(
    nexo: &Nexo,
    email: &str,
    password: &str,
    network: usize,
) -> Result<Value, nexo_client::Error> {
    let request = LoginRequest::new(email, password);
    let address = format!("10.0.{}.{}", network / 256, network % 256);
    nexo.request(Method::POST, "/api/auth/login")
        .anonymous()
        .header("x-forwarded-for", &address)
        .json(&request)
        .send()
        .await
}

/// In turns, each time with an address and from a network that have not failed
/// before, so that no throttle answers in the place of the password check; and
/// each of the two as often first, because what registering leaves to do is paid
/// by whoever comes next.
async fn timing(bench: &Bench, anybody: &Nexo, samples: usize) -> bool {
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for network in 0..samples {
        let (_, registered) = bench.register().await;
        let mut pair = [(credentials().email, &mut unknown), (registered.email, &mut wrong)];
        if network % 2 == 1 {
            pair.reverse();
        }
        for (email, times) in pair {
            let start = Instant::now();
            login(anybody, &email, "some wrong password", network).await.expect_err("refused");
            times.push(start.elapsed());
        }
    }
    unknown.sort();
    wrong.sort();
    let [unknown, wrong] = [unknown, wrong].map(|times| millis(percentile(&times, 0.5)));
    let apart = (unknown - wrong).abs() / wrong * 100.0;
    println!(
        "\nmedians of {samples}: unknown address {unknown:.2} ms, wrong password {wrong:.2} ms, {apart:.1} % apart"
    );
    apart < 10.0
}

/// Everybody at once, with the right password and from a network of their own,
/// so that only the bounds of hashing can refuse them.
async fn flood(bench: &Bench, anybody: &Nexo, logins: usize) -> bool {
    let mut emails = Vec::new();
    for _ in 0..logins {
        emails.push(bench.register().await.1.email);
    }
    let over = Arc::new(AtomicBool::new(false));
    let health = tokio::spawn({
        let (over, nexo) = (over.clone(), anybody.clone());
        async move {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                nexo.health().await.expect("healthy");
                times.push(start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            times
        }
    });
    let start = Instant::now();
    let mut flood = JoinSet::new();
    for (network, email) in emails.into_iter().enumerate() {
        let nexo = anybody.clone();
        flood.spawn(async move {
            login(&nexo, &email, PASSWORD, network).await.map_err(|error| error.status())
        });
    }
    let (mut good, mut refused, mut other) = (0, 0, 0);
    for answer in flood.join_all().await {
        match answer {
            Ok(_) => good += 1,
            Err(Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)) => {
                refused += 1;
            }
            Err(_) => other += 1,
        }
    }
    let took = start.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut times = health.await.expect("the watcher lives");
    times.sort();
    let p99 = percentile(&times, 0.99);
    println!(
        "{logins} log-ins at once: {good} logged in, {refused} refused with 503 or 429, {other} otherwise, in {:.2} s; \
         /health p99 {:.1} ms over {} calls; peak memory of server, SDK and bench together {}",
        took.as_secs_f64(),
        millis(p99),
        times.len(),
        peak_memory(),
    );
    other == 0 && p99 < Duration::from_millis(200)
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown here".to_owned(), |peak| peak.trim().to_owned())
}
