//! `/health` and `/ready`.
//!
//! They differ in who listens: a supervisor restarts a process whose `/health`
//! fails, so that one is 200 as long as the process answers, and says in its
//! body how the database is; a load balancer stops sending to one whose
//! `/ready` fails.

use nexo_core::model::ErrorCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::failure::{Failure, Outcome};
use crate::respond::{self, Reply};

/// How the server is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`, `starting`, `degraded` (the database is away) or `draining`.
    status: &'static str,
    /// `ok`, `unknown` or `unreachable`.
    database: &'static str,
    /// The version of the server.
    version: &'static str,
}

/// Requests are welcome.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Ready {
    /// Always `ready`.
    status: &'static str,
}

pub(crate) async fn health(app: &App) -> Outcome<Reply> {
    let database = match app.services() {
        Ok(services) => Some(services.database_answers().await),
        Err(_) => None,
    };
    let status = match database {
        _ if app.is_draining() => "draining",
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

pub(crate) async fn ready(app: &App) -> Outcome<Reply> {
    if app.is_draining() {
        return Err(Failure::new(ErrorCode::Unavailable, "the server is shutting down"));
    }
    if !app.services()?.database_answers().await {
        return Err(Failure::new(ErrorCode::Unavailable, "the database does not answer"));
    }
    respond::ok(&Ready { status: "ready" })
}
