//! Prints who does what in an account, as it happens.
//!
//! `cargo run --example audit_tail -- [seconds]` against the server at `NEXO_URL`
//! (default <http://127.0.0.1:4000>), as `NEXO_EMAIL` with `NEXO_PASSWORD`, who
//! needs the right `audit:read`, as owners and admins have it. It ends after so
//! many seconds, or never.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nexo_client::model::{AuditEntry, AuditParams, MAX_LIMIT};
use nexo_client::{Nexo, Result};

/// How often it looks, and how far back: what is committed late comes late.
const EVERY: Duration = Duration::from_secs(1);
const BACK: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (Ok(email), Ok(password)) = (std::env::var("NEXO_EMAIL"), std::env::var("NEXO_PASSWORD"))
    else {
        return Err("set NEXO_EMAIL and NEXO_PASSWORD to those of an owner or an admin".into());
    };
    let until = std::env::args().nth(1).map(|seconds| seconds.parse()).transpose()?;
    let until = until.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let url = std::env::var("NEXO_URL").unwrap_or_else(|_| "http://127.0.0.1:4000".to_owned());
    let nexo = Nexo::new(&url)?;
    nexo.login(&email, &password).await?;

    let mut seen = HashSet::new();
    loop {
        let mut newest = entries(&nexo).await?;
        newest.retain(|entry| seen.insert(entry.id));
        for entry in newest.iter().rev() {
            println!("{}", line(entry));
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Everything of the last minute, the newest first.
async fn entries(nexo: &Nexo) -> Result<Vec<AuditEntry>> {
    let from = jiff::Timestamp::now() - jiff::SignedDuration::try_from(BACK).expect("a minute");
    let mut params =
        AuditParams { from: Some(from), limit: Some(MAX_LIMIT), ..AuditParams::default() };
    let mut all = Vec::new();
    loop {
        let page = nexo.audit().list(&params).await?;
        all.extend(page.data);
        match page.next_cursor {
            Some(cursor) => params.cursor = Some(cursor),
            None => return Ok(all),
        }
    }
}

fn line(entry: &AuditEntry) -> String {
    let who = entry.user_name.as_deref().or(entry.reason.as_deref()).unwrap_or("somebody");
    let which = entry.record_id.map(|id| format!(" {id}")).unwrap_or_default();
    let mut line = format!("{} {who}: {} {}{which}", entry.at, entry.action, entry.subject);
    for (name, value) in entry.after.iter().flatten() {
        let before = entry.before.as_ref().and_then(|before| before.get(name));
        match before {
            Some(before) => line.push_str(&format!("\n    {name}: {before} -> {value}")),
            None => line.push_str(&format!("\n    {name}: {value}")),
        }
    }
    line
}
