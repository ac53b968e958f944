//! When an attempt is made again, and after how long.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::error::Error;

/// What may be done again after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing: the first answer is the one that was asked for.
    Never,
    /// Writes: only if it is certain that the server did nothing.
    IfNotBegun,
    /// Reads, and what has the same effect when done twice.
    Safe,
    /// Also after a timeout: the answer is needed at almost any price.
    Stubborn,
}

/// How often an attempt is made again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) retries: u32,
}

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No computed pause is longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Where the server asks for more patience than this, the caller decides.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);

impl Policy {
    /// How long to wait before the next attempt; `None` if there shall be none.
    ///
    /// `attempt` counts from 0.
    pub(crate) fn pause(self, repeat: Repeat, error: &Error, attempt: u32) -> Option<Duration> {
        if attempt >= self.retries || !repeat.allows(error) {
            return None;
        }
        let pause = jitter(FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE));
        match error.retry_after() {
            // To come earlier than asked would only be refused again.
            Some(asked) if asked > LONGEST_RETRY_AFTER => None,
            Some(asked) => Some(asked + pause),
            None => Some(pause),
        }
    }
}

impl Repeat {
    fn allows(self, error: &Error) -> bool {
        let safe = || error.is_broken() || error.is_rate_limited() || error.is_unavailable();
        match self {
            Self::Never => false,
            Self::IfNotBegun => error.is_not_begun(),
            // Not after a timeout: the caller's patience is spent.
            Self::Safe => error.is_not_begun() || safe(),
            Self::Stubborn => error.is_not_begun() || safe() || error.is_timeout(),
        }
    }
}

/// Between half of `pause` and the whole, so that clients that failed
/// together do not come back together.
fn jitter(pause: Duration) -> Duration {
    // Each `RandomState` has keys of its own: random enough for a pause.
    let random = RandomState::new().hash_one(()) as u32;
    pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use reqwest::{Method, StatusCode};

    use super::*;
    use crate::error::RequestLine;

    fn refused(status: u16, code: Option<&str>, retry_after: Option<&'static str>) -> Error {
        let request = RequestLine { method: Method::POST, path: "/".into() };
        let mut headers = HeaderMap::new();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        let body = code.map_or_else(String::new, |code| {
            format!(
                r#"{{"type":"t","title":"t","status":{status},"detail":"d","instance":"/",
                "code":"{code}","request_id":"r","timestamp":"2026-01-01T00:00:00Z"}}"#
            )
        });
        let status = StatusCode::from_u16(status).expect("a status");
        Error::refused(request, status, &headers, body.as_bytes())
    }

    #[test]
    fn a_write_is_repeated_only_if_it_was_not_begun() {
        let policy = Policy { retries: 1 };
        let repeated = |error| policy.pause(Repeat::IfNotBegun, &error, 0).is_some();
        assert!(repeated(refused(503, Some("overloaded"), Some("1"))));
        assert!(repeated(refused(429, Some("too_many_requests"), Some("1"))));
        assert!(!repeated(refused(503, Some("unavailable"), Some("1"))));
        assert!(!repeated(refused(503, None, None)), "a proxy's word proves nothing");
        assert!(!repeated(refused(500, Some("internal"), None)));
        assert!(!repeated(refused(503, Some("timeout"), Some("1"))));
    }

    #[test]
    fn a_read_is_repeated_while_the_server_is_away() {
        let policy = Policy { retries: 1 };
        let repeated = |error| policy.pause(Repeat::Safe, &error, 0).is_some();
        for status in [502, 503, 504, 429] {
            assert!(repeated(refused(status, None, None)), "{status}");
        }
        for status in [400, 401, 404, 409, 412, 500] {
            assert!(!repeated(refused(status, None, None)), "{status}");
        }
    }

    #[test]
    fn pauses_grow_are_bounded_and_end() {
        let policy = Policy { retries: 40 };
        let away = refused(503, None, None);
        let pause = |attempt| policy.pause(Repeat::Safe, &away, attempt);
        for (attempt, millis) in [(0, 100), (1, 200), (2, 400), (39, 5000)] {
            let most = Duration::from_millis(millis);
            let pause = pause(attempt).expect("another attempt");
            assert!(pause >= most / 2 && pause <= most, "{attempt}: {pause:?}");
        }
        assert_eq!(pause(40), None);
    }

    #[test]
    fn retry_after_is_kept_or_left_to_the_caller() {
        let policy = Policy { retries: 1 };
        let pause = |asked| policy.pause(Repeat::Safe, &refused(429, None, Some(asked)), 0);
        assert!(pause("3").is_some_and(|pause| pause >= Duration::from_secs(3)));
        assert_eq!(pause("60"), None);
    }

    #[test]
    fn only_a_failure_past_the_start_leaves_a_write_in_doubt() {
        for (status, code, unknown) in [
            (503, Some("overloaded"), false),
            (503, Some("unavailable"), true),
            (503, Some("timeout"), true),
            (502, None, true),
            (500, Some("internal"), true),
            (429, None, false),
            (422, Some("validation_failed"), false),
            (401, Some("token_expired"), false),
        ] {
            assert_eq!(refused(status, code, None).is_outcome_unknown(), unknown, "{status}");
        }
    }
}
