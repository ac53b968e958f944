//! When to connect again to a database that takes no connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, which doubles with each failure after it.
const FIRST: Duration = Duration::from_millis(50);
/// The longest, so that a database that is back is found at once.
const LONGEST: Duration = Duration::from_secs(1);

/// After a failure to connect nobody tries for a while, and then all do not try at
/// the same moment: a database that starts is not held up by those who wait for it.
#[derive(Default)]
pub(super) struct Backoff {
    /// Spares the usual case the lock.
    is_on: AtomicBool,
    pause: Mutex<Option<Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Backoff {
    /// Whether the last attempt to connect failed.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Waits for the end of the pause and up to half as long: at most 1.5 seconds.
    pub(super) async fn wait(&self) {
        if let Some(moment) = self.moment(Instant::now(), fastrand::f64()) {
            tokio::time::sleep_until(moment).await;
        }
    }

    /// When to try again, if not now; `part` is by which part of the time for it.
    fn moment(&self, now: Instant, part: f64) -> Option<Instant> {
        let pause = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let Pause { until, length } = pause.filter(|pause| pause.until > now)?;
        Some(until + length.mul_f64(0.5 * part))
    }

    /// No connection was made.
    pub(super) fn failed(&self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(&self, now: Instant) {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let length = match *pause {
            // Those who tried at the same time are one failure.
            Some(Pause { until, .. }) if until > now => return,
            // A failure long after the last one is another story.
            Some(Pause { until, length }) if now < until + 10 * LONGEST => {
                (length * 2).min(LONGEST)
            }
            _ => FIRST,
        };
        *pause = Some(Pause { until: now + length, length });
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// A connection was made.
    pub(super) fn connected(&self) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.is_on.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f4_pauses_double_up_to_a_second_and_end_with_a_connection() {
        let backoff = Backoff::default();
        let mut now = Instant::now();
        for expected in [50, 100, 200, 400, 800, 1000, 1000] {
            let expected = Duration::from_millis(expected);
            backoff.failed_at(now);
            // Those who tried at the same time.
            backoff.failed_at(now);
            assert_eq!(backoff.moment(now, 0.0), Some(now + expected));
            // And they do not come back at the same time.
            assert_eq!(backoff.moment(now, 0.5), Some(now + expected.mul_f64(1.25)));
            now += expected;
            assert_eq!(backoff.moment(now, 0.5), None, "whoever comes later need not wait");
        }
        now += 11 * LONGEST;
        backoff.failed_at(now);
        assert_eq!(backoff.moment(now, 0.0), Some(now + FIRST));
        assert!(backoff.is_on());
        backoff.connected();
        assert!(!backoff.is_on());
        backoff.failed_at(now);
        assert_eq!(backoff.moment(now, 0.0), Some(now + FIRST));
    }
}
