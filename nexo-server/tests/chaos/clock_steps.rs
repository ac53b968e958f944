//! F16 again: the server's clock is set while it runs, forth and back.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::clock::library;
use crate::component::installed;
use crate::harness::{User, until_ready};
use crate::process::is_alive;
use crate::program::Program;
use crate::report::Row;
use crate::wire::{Reply, Wire};
use crate::world::World;

/// How far the clock is off, one after the other, and by how many seconds: by 2 minutes and
/// by a day each way, and three steps back, the longest one of two days.
const STEPS: [(&str, i64); 7] = [
    ("-3s", -3),
    ("+2m", 120),
    ("-2m", -120),
    ("+0s", 0),
    ("+1d", 86_400),
    ("-1d", -86_400),
    ("+0s", 0),
];

/// What a quota is counted within, and how much of it there is.
const WINDOW: Duration = Duration::from_secs(3);
const QUOTA: usize = 5;

/// How long half a head is waited for.
const HEADER: Duration = Duration::from_secs(4);

pub(crate) async fn stepped(world: &mut World) -> Row {
    let Some(faketime) = installed("faketime") else {
        return Row::skipped("faketime is not installed: sh scripts/install-test-components.sh");
    };
    let clock = Clock::new();
    let limit = format!("{QUOTA}/{}s", WINDOW.as_secs());
    let mut command = world.server(&["--log-format", "json"]);
    command
        .env("LD_PRELOAD", library(&faketime))
        .env("FAKETIME_TIMESTAMP_FILE", &clock.file)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NEXO_RATE_LIMIT_AUTH", limit)
        .env("NEXO_HEADER_TIMEOUT", format!("{}s", HEADER.as_secs()))
        .env("NEXO_LOG", "warn,nexo_server::run=info,nexo_server::request=info");
    let stepped = Program::spawn(command).listening();
    until_ready(stepped.address).await;
    let mut row = Row::default();
    for (offset, seconds) in STEPS {
        let user = world.user().await;
        step(&clock, &stepped, &user, (offset, seconds), &mut row).await;
    }
    row.hold(is_alive(stepped.pid()), "it ended");
    let log = tokio::task::spawn_blocking(move || stepped.stop()).await.unwrap();
    row.hold(!log.contains("panicked"), "it panicked");
    let times = times(&log);
    row.hold(times.len() > STEPS.len() * QUOTA, "the log does not tell how long requests took");
    let odd = times.iter().find(|took| !(0.0..60_000.0).contains(*took));
    row.hold(odd.is_none(), format!("a request took {odd:?} ms"));
    row.figure(format!(
        "{} steps of the clock, at most {:.0} ms for any of {} requests in its log",
        STEPS.len(),
        times.iter().copied().fold(0.0, f64::max),
        times.len()
    ));
    row
}

/// Sets the clock between two requests, and looks for what must not have noticed.
async fn step(
    clock: &Clock,
    server: &Program,
    user: &User,
    (offset, seconds): (&str, i64),
    row: &mut Row,
) {
    // A timer that goes, and a window that is used up.
    let mut half = Wire::connect(server.address).await;
    let waits = Instant::now();
    half.send("GET /ready HTTP/1.1\r\nhost: a\r\n").await;
    let (mut wait, used_up) = use_up(server, row).await;
    clock.set(offset);
    let shown = server.get("/nowhere").send().await.json()["timestamp"].to_string();
    let shown: Timestamp = shown.trim_matches('"').parse().unwrap();
    let off = shown.as_second() - Timestamp::now().as_second();
    assert!((off - seconds).abs() <= 2, "the clock is off by {off} s at {offset}");

    let early = timeout(Duration::from_millis(100), half.closed()).await.is_ok();
    if waits.elapsed() < HEADER {
        row.hold(!early, format!("{offset}: half a head was given up at once"));
    }
    let again = refresh(server, "nobody's").await;
    if used_up.elapsed() < Duration::from_secs(1) {
        row.hold(again.status == 429, format!("{offset}: a quota was new: {}", again.status));
        if again.status == 429 {
            wait = retry_after(&again);
        }
    }
    row.hold(
        (1..=WINDOW.as_secs()).contains(&wait),
        format!("{offset}: a quota of {WINDOW:?} is to be waited for {wait} s"),
    );
    sleep(Duration::from_secs(wait.min(WINDOW.as_secs()))).await;

    // The database decides when it ends; by the clock that makes the next one, it is good.
    let refreshed = refresh(server, &user.refresh_token).await;
    row.hold(refreshed.status == 200, format!("{offset}: refresh: {}", refreshed.status));
    if refreshed.status == 200 {
        let body = refreshed.json();
        let expires = body["expires_in"].as_i64().unwrap_or(-1);
        row.hold(expires > 0, format!("{offset}: expires_in is {expires}"));
        let token = body["access_token"].as_str().unwrap();
        let made = json!({ "name": format!("at {offset}") });
        for call in [server.get("/api/clients"), server.post("/api/clients", &made)] {
            let reply = call.bearer(token).send().await;
            row.hold(reply.status < 300, format!("{offset}: its own token: {}", reply.status));
        }
    }
    // The one that was made by the right clock.
    let list = server.get("/api/clients").by(user).send().await;
    let within =
        if seconds.abs() <= 3 { list.status == 200 } else { matches!(list.status, 200 | 401) };
    row.hold(within, format!("{offset}: another server's token was told {}", list.status));
    let closed = timeout(4 * HEADER, half.closed()).await;
    row.hold(closed.is_ok(), format!("{offset}: half a head is waited for without end"));
    row.requests += 7;
}

/// Asks until it is refused for more than a second; for how long, and since when.
async fn use_up(server: &Program, row: &mut Row) -> (u64, Instant) {
    loop {
        let reply = refresh(server, "nobody's").await;
        row.requests += 1;
        match (reply.status, retry_after(&reply)) {
            // What was asked for before is about to be forgotten.
            (429, 0..=1) => sleep(Duration::from_secs(1)).await,
            (429, wait) => return (wait, Instant::now()),
            _ => {}
        }
    }
}

async fn refresh(server: &Program, token: &str) -> Reply {
    server.post("/api/auth/refresh", &json!({ "refresh_token": token })).send().await
}

fn retry_after(reply: &Reply) -> u64 {
    reply.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// How long each request took that the log tells of, in milliseconds.
fn times(log: &str) -> Vec<f64> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["target"] == "nexo_server::request")
        .map(|line| line["ms"].as_f64().or(line["fields"]["ms"].as_f64()).unwrap_or(-1.0))
        .collect()
}

/// A file that says how far the server's clock is off; it is read each time that the
/// server looks at its clock.
struct Clock {
    file: PathBuf,
    folder: TempDir,
}

impl Clock {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Self { file: folder.path().join("clock"), folder };
        clock.set("+0s");
        clock
    }

    fn set(&self, offset: &str) {
        // As a whole, whoever reads it meanwhile.
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{offset}\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }
}
