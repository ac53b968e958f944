//! A request that another process answers.

use std::time::Duration;

use http::Response;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use nexo_core::model::ErrorCode;
use tokio::time::timeout;

use super::backend::{Until, Visit};
use super::connections::READ_BUFFER;
use super::head::{self, Head};
use super::outbound::{CallerFault, Outbound};
use super::upstream::{Sending, Upstream};
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::respond::{self, Reply};
use crate::routes::Route;

/// Hands a request on and its reply back, both as they come.
pub(crate) async fn forward(upstream: &Upstream, route: &Route, call: Call<'_>) -> Outcome<Reply> {
    let handed = call.hand_on();
    let is_safe = handed.parts.method.is_safe();
    let (body, fault) = if is_safe || handed.body.is_end_stream() {
        (Outbound::nothing(), CallerFault::default())
    } else {
        let (most, is_file) = (route.max_body(), route.is_upload());
        Outbound::streamed(handed.body, most, handed.body_timeout, is_file)
    };
    // A file takes as long as it does.
    let deadline = (!route.is_upload()).then_some(handed.caller.deadline);
    let head = Head::new(handed.parts, handed.caller, deadline);
    let patience = handed.step_timeout;
    let until = deadline.map_or(Until::Stalled(patience), Until::Then);
    let (reply, visit) = upstream.send(Sending { head, body, fault, until, is_safe }).await?;
    Ok(hand_back(reply, visit, patience))
}

/// Each piece of the reply is awaited for as long as a service may take for one.
fn hand_back(reply: Response<Incoming>, visit: Visit, patience: Duration) -> Reply {
    let (mut parts, body) = reply.into_parts();
    head::strip(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    if body.is_end_stream() {
        visit.end();
        return Response::from_parts(parts, respond::Body::empty());
    }
    let exact = body.size_hint().exact();
    if let Some(length) = exact {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let memory = exact.map_or(READ_BUFFER, |length| {
        usize::try_from(length).unwrap_or(usize::MAX).min(READ_BUFFER)
    });
    let pieces = futures_util::stream::unfold(Some((body, visit)), move |reading| async move {
        let (mut body, visit) = reading?;
        loop {
            let frame = timeout(patience, body.frame()).await;
            let Ok(frame) = frame else {
                let late = Failure::caused(ErrorCode::Timeout, "the service sends no more");
                return Some((Err(late), None));
            };
            match frame {
                None => {
                    visit.end();
                    return None;
                }
                Some(Err(error)) => {
                    let broken = Failure::caused(ErrorCode::Unavailable, error.to_string());
                    return Some((Err(broken), None));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if body.is_end_stream() {
                        // Now and not at the next poll, which may never come.
                        visit.end();
                        return Some((Ok(data), None));
                    }
                    return Some((Ok(data), Some((body, visit))));
                }
            }
        }
    });
    // A file is made while it is sent; anything else is done already.
    let is_file = parts.headers.contains_key(CONTENT_DISPOSITION);
    Response::from_parts(parts, respond::Body::streamed(Box::pin(pieces), memory, is_file))
}
