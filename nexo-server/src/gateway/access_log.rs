//! One line a request: what was asked, what came of it, how long it took.
//!
//! The route's pattern is logged and not the path, which names rows; no header
//! and no body ever is.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use nexo_core::model::ErrorCode;
use tracing::Level;

use super::trace_context::{Hex, TraceContext};
use crate::extract::Caller;
use crate::failure::Failure;
use crate::respond::Reply;
use crate::routes::Route;

/// Asked every few seconds by machines, and worth a line to nobody.
const PROBES: [&str; 6] =
    ["/health", "/health/auth", "/health/crm", "/health/database", "/live", "/ready"];

/// The time at which a request came in.
#[derive(Debug)]
pub(super) struct Entry(Instant);

impl Entry {
    pub(super) fn open() -> Self {
        Self(Instant::now())
    }

    pub(super) fn begun(&self) -> tokio::time::Instant {
        self.0.into()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The only place where the cause of a failure is logged.
    pub(super) fn write(
        &self,
        method: &Method,
        route: Option<&Route>,
        reply: &Reply,
        failure: Option<&Failure>,
        caller: Caller<'_>,
    ) {
        let status = reply.status();
        let route = route.map_or("-", Route::path);
        let code = failure.map(|failure| failure.code().as_str());
        let (id, peer) = (caller.request, caller.ip);
        let trace = caller.trace.map(TraceContext::trace_id);
        let trace = trace.as_ref().map(Hex::as_str);
        let ms = self.0.elapsed().as_micros() as f64 / 1000.0;
        // A macro, because a level is part of an event's static description.
        macro_rules! line {
            ($level:expr, $($cause:tt)*) => {
                tracing::event!(
                    target: "nexo_server::request",
                    $level,
                    method = method.as_str(),
                    route,
                    status = status.as_u16(),
                    code,
                    ms,
                    id = id.as_str(),
                    trace,
                    %peer,
                    $($cause)*
                )
            };
        }
        // What a refusal of the caller's input was caused by is that input, and
        // not for the log.
        let cause = failure.filter(|_| status.is_server_error()).and_then(Failure::cause);
        match level(status, failure.map(Failure::code), route) {
            Level::ERROR => line!(Level::ERROR, cause),
            Level::WARN => line!(Level::WARN, cause),
            Level::INFO => line!(Level::INFO, cause),
            _ => line!(Level::DEBUG, cause),
        }
    }
}

fn level(status: StatusCode, code: Option<ErrorCode>, route: &str) -> Level {
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        Level::ERROR
    } else if PROBES.contains(&route) {
        Level::DEBUG
    } else if status.is_server_error() && code != Some(ErrorCode::Overloaded) {
        Level::WARN
    } else {
        // Overload too: a flood brings one such line a request, and nothing is
        // broken.
        Level::INFO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_are_warnings() {
        use ErrorCode as E;
        for (code, status, expected) in [
            (E::Internal, StatusCode::INTERNAL_SERVER_ERROR, Level::ERROR),
            (E::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Level::WARN),
            (E::Timeout, StatusCode::SERVICE_UNAVAILABLE, Level::WARN),
            (E::Overloaded, StatusCode::SERVICE_UNAVAILABLE, Level::INFO),
            (E::TooManyRequests, StatusCode::TOO_MANY_REQUESTS, Level::INFO),
            (E::NotFound, StatusCode::NOT_FOUND, Level::INFO),
        ] {
            assert_eq!(level(status, Some(code), "/api/clients"), expected, "{code}");
        }
        assert_eq!(level(StatusCode::OK, None, "/api/clients"), Level::INFO);
        assert_eq!(level(StatusCode::SERVICE_UNAVAILABLE, None, "/ready"), Level::DEBUG);
    }
}
