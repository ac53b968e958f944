//! A panic costs one request, not the connection and not the server.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::failure::{Failure, Outcome};

/// Runs `work`; a panic in it becomes an internal failure whose cause is the
/// panic's message.
pub(super) async fn hold<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    // Unwind safe: `work` is dropped after a panic, and what it shares with
    // other requests is behind locks that tell.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(payload) => Err(Failure::internal(format!("panic: {}", message(&*payload)))),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
