//! A question to a service on behalf of a caller, whose answer is a part of
//! another one.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Limited};
use nexo_core::model::{ErrorCode, Problem};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::backend::Until;
use super::head::Head;
use super::outbound::{CallerFault, Outbound};
use super::upstream::{Sending, Upstream};
use crate::extract::HandedOn;
use crate::failure::{Failure, Outcome};

/// A part has at most so many bytes.
const MOST: usize = 1024 * 1024;

/// What a service answers at `path` to whoever has called, or why it does not.
pub(crate) async fn fetch<T: DeserializeOwned>(
    upstream: &Upstream,
    path: &'static str,
    call: &HandedOn<'_>,
    deadline: Instant,
) -> Outcome<T> {
    let sending = Sending {
        head: Head::asking(path, call.parts, call.caller, deadline),
        body: Outbound::nothing(),
        fault: CallerFault::default(),
        until: Until::Then(deadline),
        is_safe: true,
    };
    let (reply, visit) = upstream.send(sending).await?;
    let status = reply.status();
    let wait = reply.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
    let body = timeout_at(deadline, Limited::new(reply.into_body(), MOST).collect()).await;
    let body = body.map_err(|_| Failure::of(ErrorCode::Timeout))?;
    let body = body.map_err(|error| Failure::caused(ErrorCode::Unavailable, error))?.to_bytes();
    visit.end();
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(Failure::internal);
    }
    Err(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            let failure = Failure::new(problem.code, problem.detail).with_fields(problem.errors);
            match wait {
                Some(seconds) => failure.after(Duration::from_secs(seconds)),
                None => failure,
            }
        }
        Err(_) => Failure::internal(format!("{} answered with {status}", upstream.service())),
    })
}
