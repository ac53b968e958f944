//! `/health` and `/ready`.
//!
//! They differ in who listens: a supervisor restarts a process whose `/health`
//! fails, so that one is 200 as long as the process answers, and says in its
//! body how the database is; a load balancer stops sending to one whose
//! `/ready` fails.

use nexo_core::model::ErrorCode;
use serde::Serialize;

use crate::app::App;
use crate::config::Role;
use crate::failure::{Failure, Outcome};
use crate::respond::{self, Reply};

#[derive(Debug, Serialize)]
struct Health {
    /// `ok`, `starting`, `degraded` (the database is away) or `draining`.
    status: &'static str,
    /// `ok`, `unknown` (also of a gateway, which has none) or `unreachable`.
    database: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Ready {
    status: &'static str,
}

pub(crate) async fn health(app: &App) -> Outcome<Reply> {
    let is_gateway = app.http().role == Role::Gateway;
    let database = match app.services() {
        Ok(services) => Some(services.database_answers().await),
        Err(_) => None,
    };
    let status = match database {
        _ if app.is_draining() => "draining",
        None if is_gateway && unready(app).is_none() => "ok",
        None if is_gateway => "degraded",
        None => "starting",
        Some(true) => "ok",
        Some(false) => "degraded",
    };
    let database = match database {
        None => "unknown",
        Some(true) => "ok",
        Some(false) => "unreachable",
    };
    respond::ok(&Health { status, database, version: env!("CARGO_PKG_VERSION") })
}

/// What this process waits for from others.
fn unready(app: &App) -> Option<String> {
    let remotes = app.remotes();
    if remotes.keys().is_some_and(|keys| !keys.has_keys()) {
        return Some("the keys of access tokens are not known yet".to_owned());
    }
    // A service that knows the keys does its work while who signs is away.
    let mut asked = remotes.all().filter(|_| app.http().role == Role::Gateway);
    let away = asked.find(|upstream| !upstream.is_ready())?;
    Some(format!("no process of the service {} is ready", away.service()))
}

pub(crate) async fn ready(app: &App) -> Outcome<Reply> {
    if app.is_draining() {
        return Err(Failure::new(ErrorCode::Unavailable, "the server is shutting down"));
    }
    if let Some(missing) = unready(app) {
        return Err(Failure::new(ErrorCode::Unavailable, missing));
    }
    if app.http().role == Role::Gateway {
        return respond::ok(&Ready { status: "ready" });
    }
    if !app.services()?.database_answers().await {
        return Err(Failure::new(ErrorCode::Unavailable, "the database does not answer"));
    }
    respond::ok(&Ready { status: "ready" })
}
