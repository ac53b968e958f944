//! One line a request: what was asked, what came of it, how long it took.
//!
//! The route's pattern is logged and not the path, which names rows; no header
//! and no body ever is.

use std::net::IpAddr;
use std::time::Instant;

use http::{Method, StatusCode};
use tracing::Level;

use super::request_id::RequestId;
use crate::failure::Failure;
use crate::respond::Reply;
use crate::routes::Route;

/// Asked every few seconds by machines, and worth a line to nobody.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// The time at which a request came in.
#[derive(Debug)]
pub(super) struct Entry(Instant);

impl Entry {
    pub(super) fn open() -> Self {
        Self(Instant::now())
    }

    /// The only place where the cause of a failure is logged.
    pub(super) fn write(
        &self,
        method: &Method,
        route: Option<&Route>,
        reply: &Reply,
        failure: Option<&Failure>,
        id: &RequestId,
        peer: IpAddr,
    ) {
        let status = reply.status();
        let route = route.map_or("-", Route::path);
        let code = failure.map(|failure| failure.code().as_str());
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
                    %peer,
                    $($cause)*
                )
            };
        }
        // What a refusal of the caller's input was caused by is that input, and
        // not for the log.
        let cause = failure.filter(|_| status.is_server_error()).and_then(Failure::cause);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            line!(Level::ERROR, cause);
        } else if PROBES.contains(&route) {
            line!(Level::DEBUG, cause);
        } else if status.is_server_error() {
            line!(Level::WARN, cause);
        } else {
            line!(Level::INFO,);
        }
    }
}
