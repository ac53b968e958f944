//! Transactions that PostgreSQL has ended because of another one: nothing of them
//! is kept, so they are run again, whole.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::sqlstate::state;
use crate::error::Result;

/// How often, beside the first time. Two that have met once seldom meet again.
const RETRIES: u32 = 3;
/// The longest first pause, which grows by as much each time.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs whole transactions until one is not in another's way.
pub(crate) async fn retried<R, F>(mut transaction: impl FnMut() -> F) -> Result<R>
where
    F: Future<Output = Result<R>>,
{
    let mut retry = Retry::default();
    loop {
        match transaction().await {
            Err(error) if retry.is_worth_it(state(&error)) => retry.pause().await,
            done => return done,
        }
    }
}

/// Whether PostgreSQL has ended a transaction because of another one.
pub(super) fn was_in_the_way(state: &SqlState) -> bool {
    matches!(*state, SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE)
}

/// The attempts of one transaction.
#[derive(Default)]
pub(super) struct Retry {
    retries: u32,
}

impl Retry {
    /// Whether to run it again after it failed like this.
    pub(super) fn is_worth_it(&mut self, state: Option<&SqlState>) -> bool {
        let again = state.is_some_and(was_in_the_way) && self.retries < RETRIES;
        self.retries += u32::from(again);
        again
    }

    /// Waits for a moment, and not all for the same: those who met would meet again.
    pub(super) async fn pause(&self) {
        tracing::debug!(retry = self.retries, "another transaction was in the way; once more");
        tokio::time::sleep((PAUSE * self.retries).mul_f64(fastrand::f64())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_three_times_and_only_what_has_met_another() {
        let mut retry = Retry::default();
        assert!(!retry.is_worth_it(None), "it is not known what became of it");
        assert!(!retry.is_worth_it(Some(&SqlState::UNIQUE_VIOLATION)));
        assert!(!retry.is_worth_it(Some(&SqlState::LOCK_NOT_AVAILABLE)), "it has waited enough");
        for _ in 0..3 {
            assert!(retry.is_worth_it(Some(&SqlState::T_R_DEADLOCK_DETECTED)));
        }
        assert!(!retry.is_worth_it(Some(&SqlState::T_R_SERIALIZATION_FAILURE)));
    }
}
