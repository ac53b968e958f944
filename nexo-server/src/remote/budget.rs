//! How many requests may be sent a second time.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Each request earns so much of a second try: when everything fails, the load
/// grows by a fifth and not by a multiple.
const EARNED: f64 = 0.2;
/// And each second so much, so that a quiet service has some too.
const A_SECOND: f64 = 2.0;
/// The most that can be saved.
const MOST: f64 = 100.0;
/// What there is at first.
const FIRST: f64 = 10.0;

/// Tries that were earned and not used.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Saved>);

#[derive(Debug)]
struct Saved {
    tries: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Saved { tries: FIRST, at: Instant::now() }))
    }

    /// A request came.
    pub(super) fn earn(&self) {
        self.with(|saved| saved.tries = (saved.tries + EARNED).min(MOST));
    }

    /// Whether one may be tried again.
    pub(super) fn spend(&self, now: Instant) -> bool {
        self.with(|saved| {
            saved.tries += now.saturating_duration_since(saved.at).as_secs_f64() * A_SECOND;
            saved.tries = saved.tries.min(MOST);
            saved.at = now;
            let has_one = saved.tries >= 1.0;
            if has_one {
                saved.tries -= 1.0;
            }
            has_one
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Saved) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_fifth_of_the_requests_may_be_tried_again() {
        let budget = Budget::new();
        let now = Instant::now();
        let spent = |now, most: usize| (0..most).filter(|_| budget.spend(now)).count();
        assert_eq!(spent(now, 100), 10);
        for _ in 0..100 {
            budget.earn();
        }
        // Sums of fifths are not exact.
        assert!((19..=20).contains(&spent(now, 100)));
        let now = now + Duration::from_secs(5);
        assert!((10..=11).contains(&spent(now, 100)));
        assert_eq!(spent(now + Duration::from_secs(3600), 1000), 100);
    }
}
