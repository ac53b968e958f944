//! How each service is: one function a service, for whoever asks.

use std::time::{Duration, Instant};

use futures_util::future::join;
use nexo_core::model::ErrorCode;
use tokio::sync::Mutex;

use crate::app::App;
use crate::config::{Role, Service};
use crate::remote::{Readiness, Upstream};

/// How long an answer is good for. Probes come from anybody, and must not be
/// a way to keep the pools busy.
const FRESH: Duration = Duration::from_millis(250);

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    /// It is not there yet.
    Starting,
    /// It is there, and every connection of it is taken.
    Busy,
    /// It does not answer.
    Unreachable,
}

impl State {
    pub(crate) fn is_ok(self) -> bool {
        self == Self::Ok
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Starting => "starting",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Whether identity work can be done: log-ins, refreshes.
pub(crate) async fn auth(app: &App) -> State {
    if let Some(upstream) = app.remotes().upstream(Service::Auth) {
        return elsewhere(upstream);
    }
    identity(app).await
}

/// The same of this process's own connections.
async fn identity(app: &App) -> State {
    let Ok(services) = app.services() else { return State::Starting };
    services.auth_probe().ask(services.database().ping_identity()).await
}

/// Whether records can be asked for.
pub(crate) async fn crm(app: &App) -> State {
    if let Some(upstream) = app.remotes().upstream(Service::Crm) {
        return elsewhere(upstream);
    }
    let Ok(services) = app.services() else { return State::Starting };
    services.crm_probe().ask(services.database().ping()).await
}

/// Whether PostgreSQL is there, whoever of the two it answers: that the
/// connections of one are taken does not make it go away. A gateway has it from
/// its services, which are not ready without.
pub(crate) async fn database(app: &App) -> State {
    // A process that logs nobody in has connections for that all the same, to look for keys.
    let is_crm = app.http().role == Role::Crm;
    let identity = async { if is_crm { identity(app).await } else { auth(app).await } };
    // At the same time: whoever asks for /ready waits for little more than one.
    match join(crm(app), identity).await {
        (State::Ok, _) => State::Ok,
        // Connections that are all taken say nothing of it; the other ones do.
        (State::Busy, identity) => identity,
        (_, State::Ok) if !is_crm => State::Ok,
        (state, _) => state,
    }
}

/// What the processes of a service said last. One whose name leads nowhere is away.
pub(crate) fn elsewhere(upstream: &Upstream) -> State {
    let backends = upstream.backends();
    let says = |said: Readiness| backends.iter().any(|backend| backend.readiness() == said);
    match () {
        () if says(Readiness::Ready) => State::Ok,
        () if !upstream.was_looked_for() || says(Readiness::Unknown) => State::Starting,
        () => State::Unreachable,
    }
}

/// What was answered last, and when. Callers at the same time share one answer.
#[derive(Debug, Default)]
pub(crate) struct Probe(Mutex<Option<(Instant, State)>>);

impl Probe {
    async fn ask(&self, ping: impl Future<Output = nexo_core::Result<()>>) -> State {
        let mut last = self.0.lock().await;
        if let Some((at, state)) = *last
            && at.elapsed() < FRESH
        {
            return state;
        }
        let state = match ping.await {
            Ok(()) => State::Ok,
            Err(error) if error.code() == ErrorCode::Overloaded => State::Busy,
            Err(_) => State::Unreachable,
        };
        *last = Some((Instant::now(), state));
        state
    }
}
