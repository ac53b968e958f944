//! No request takes for ever.

use std::time::Duration;

use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};

/// Runs `work` for at most `limit`, then drops it; what it had begun in the
/// database is rolled back by the drop.
pub(super) async fn hold<T>(limit: Duration, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::of(ErrorCode::Timeout)),
    }
}
