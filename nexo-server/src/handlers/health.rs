//! `/live`, `/ready`, `/health` and `/health/{auth,crm,database}`.
//!
//! They differ in who listens. A supervisor restarts a process whose `/live`
//! fails, so that one asks nobody. A load balancer stops sending to one whose
//! `/ready` fails. `/health` is 200 as long as the process answers and says in
//! its body how the database is; those below it are 200 or 503, for whoever
//! wants to know which service is at fault.

use nexo_core::model::ErrorCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::config::Role;
use crate::examples::Sample;
use crate::failure::{Failure, Outcome};
use crate::health::{self, State};
use crate::respond::{self, Reply};

/// How the server is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`, `starting`, `degraded` (the database is away) or `draining`.
    status: &'static str,
    /// `ok`, `unknown` (also of a gateway, which has none) or `unreachable`.
    database: &'static str,
    /// The version of the server.
    version: &'static str,
}

/// How a service is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceHealth {
    /// `auth`, `crm` or `database`.
    service: &'static str,
    /// `ok`, `starting`, `busy` (all of its connections are taken) or `unreachable`.
    status: &'static str,
}

/// `live`, or `ready`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// One of these words.
    status: &'static str,
}

impl Sample for Health {
    fn sample() -> Self {
        Self { status: "ok", database: "ok", version: env!("CARGO_PKG_VERSION") }
    }
}

impl Sample for ServiceHealth {
    fn sample() -> Self {
        Self { service: "crm", status: "ok" }
    }
}

impl Sample for Status {
    fn sample() -> Self {
        Self { status: "ready" }
    }
}

pub(crate) fn live() -> Outcome<Reply> {
    respond::ok(&Status { status: "live" })
}

pub(crate) async fn health(app: &App) -> Outcome<Reply> {
    let database = health::database(app).await;
    let status = match database {
        _ if app.is_draining() => "draining",
        State::Starting => "starting",
        State::Ok if !is_degraded(app) => "ok",
        State::Ok | State::Busy | State::Unreachable => "degraded",
    };
    let database = match database {
        State::Starting => "unknown",
        State::Ok | State::Busy => "ok",
        State::Unreachable => "unreachable",
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
    if app.http().role != Role::Gateway {
        return None;
    }
    let states = || remotes.all().map(|upstream| (upstream, health::elsewhere(upstream)));
    if let Some((asked, _)) = states().find(|(_, state)| *state == State::Starting) {
        return Some(format!("no process of the service {} was asked yet", asked.service()));
    }
    // What one service does goes on while the other is away: all gateways would go
    // with it, and nobody would be told what is at fault.
    (!states().any(|(_, state)| state.is_ok()))
        .then(|| "no process of any service is ready".to_owned())
}

/// Whether something of what callers come for is away.
fn is_degraded(app: &App) -> bool {
    let is_gateway = app.http().role == Role::Gateway;
    let is_away = || app.remotes().all().any(|upstream| !upstream.is_ready());
    unready(app).is_some() || (is_gateway && is_away())
}

pub(crate) async fn auth(app: &App) -> Outcome<Reply> {
    service("auth", health::auth(app).await)
}

pub(crate) async fn crm(app: &App) -> Outcome<Reply> {
    service("crm", health::crm(app).await)
}

pub(crate) async fn database(app: &App) -> Outcome<Reply> {
    service("database", health::database(app).await)
}

fn service(service: &'static str, state: State) -> Outcome<Reply> {
    let body = ServiceHealth { service, status: state.as_str() };
    if state.is_ok() { respond::ok(&body) } else { respond::unavailable(&body) }
}

pub(crate) async fn ready(app: &App) -> Outcome<Reply> {
    readiness(app).await.and_then(|()| respond::ok(&Status { status: "ready" }))
}

/// Why not, if it is not.
pub(crate) async fn readiness(app: &App) -> Outcome<()> {
    if app.is_draining() {
        return Err(Failure::new(ErrorCode::Unavailable, "the server is shutting down"));
    }
    if let Some(missing) = unready(app) {
        return Err(Failure::new(ErrorCode::Unavailable, missing));
    }
    if app.http().role != Role::Gateway {
        app.services()?;
    }
    // With all connections taken there is one all the same: whoever is sent elsewhere
    // for it takes those of the others too.
    match health::database(app).await {
        State::Ok | State::Busy => Ok(()),
        State::Starting | State::Unreachable => {
            Err(Failure::new(ErrorCode::Unavailable, "the database does not answer"))
        }
    }
}
