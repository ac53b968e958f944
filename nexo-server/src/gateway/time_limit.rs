//! No request takes for ever.

use std::time::Duration;

use nexo_core::model::ErrorCode;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Outcome};

/// Runs `work` until its deadline, then drops it.
///
/// The drop rolls back a transaction whose writes have not been sent yet. A
/// batch that ends in a commit, once polled, is on its way to the database and
/// commits all the same: after this 503 the caller does not know whether the write
/// happened and has to look.
pub(crate) async fn until<T>(
    deadline: Instant,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    match timeout_at(deadline, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::of(ErrorCode::Timeout)),
    }
}

/// The same of a step that may take for so long.
pub(crate) async fn hold<T>(limit: Duration, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    until(Instant::now() + limit, work).await
}
