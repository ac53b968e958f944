//! A circuit breaker: who fails again and again is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The pause doubles up to this many times.
const DOUBLINGS: u32 = 4;
/// Who was asked nothing for so long after the pause is thought well of again, as far as
/// one more failure. Nobody else would ever close it where nothing is asked.
const QUIET: Duration = Duration::from_secs(30);

/// Counts failures in a row. Only what says that nobody is there counts: a
/// process that answers, with whatever status, is one that works.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        doublings: u32,
    },
    /// One request is on its way to find out.
    HalfOpen {
        doublings: u32,
    },
}

/// What a breaker says, as logs and metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// Requests go through.
    Closed,
    /// One request goes through, to see.
    HalfOpen,
    /// None does.
    Open,
}

/// Leave to send one request. Dropped without an outcome, it says nothing: the
/// caller was gone.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    is_told: bool,
}

impl Breaker {
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self { most, pause, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    pub(super) fn state(&self) -> BreakerState {
        match *self.at(Instant::now()) {
            State::Closed { .. } => BreakerState::Closed,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::Open { .. } => BreakerState::Open,
        }
    }

    /// Whether [`enter`](Self::enter) would be let through.
    pub(super) fn allows(&self, now: Instant) -> bool {
        match *self.at(now) {
            State::Closed { .. } => true,
            State::Open { until, .. } => until <= now,
            State::HalfOpen { .. } => false,
        }
    }

    /// Leave for one request. After the pause the first one that asks gets it,
    /// and the others wait for what becomes of that.
    pub(super) fn enter(&self, now: Instant) -> Option<Leave<'_>> {
        let mut state = self.at(now);
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until, doublings } if until <= now => {
                *state = State::HalfOpen { doublings };
                true
            }
            State::Open { .. } | State::HalfOpen { .. } => return None,
        };
        Some(Leave { breaker: self, is_probe, is_told: false })
    }

    /// Somebody else has seen that it works.
    pub(super) fn close(&self) {
        *self.lock() = State::Closed { failures: 0 };
    }

    fn failed(&self, is_probe: bool, now: Instant) {
        let mut state = self.lock();
        *state = match *state {
            State::Closed { failures } if failures + 1 < self.most => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => self.open(0, now),
            State::HalfOpen { doublings } if is_probe => {
                self.open((doublings + 1).min(DOUBLINGS), now)
            }
            // A request from before it opened: known already.
            same => same,
        };
    }

    fn open(&self, doublings: u32, now: Instant) -> State {
        // Not all processes that fail together are tried again together.
        let pause = self.pause * 2_u32.pow(doublings);
        let jitter = pause.mul_f64(0.25 * fastrand::f64());
        State::Open { until: now + pause + jitter, doublings }
    }

    /// The state as it is by now.
    fn at(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if let State::Open { until, .. } = *state
            && until + QUIET <= now
        {
            *state = State::Closed { failures: self.most - 1 };
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    pub(super) fn succeeded(mut self) {
        self.is_told = true;
        let mut state = self.breaker.lock();
        match *state {
            State::Closed { failures: 0 } => {}
            State::Closed { .. } => *state = State::Closed { failures: 0 },
            State::HalfOpen { .. } if self.is_probe => *state = State::Closed { failures: 0 },
            State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    pub(super) fn failed(mut self, now: Instant) {
        self.is_told = true;
        self.breaker.failed(self.is_probe, now);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.is_told || !self.is_probe {
            return;
        }
        // The next one is to find out instead.
        let mut state = self.breaker.lock();
        if let State::HalfOpen { doublings } = *state {
            *state = State::Open { until: Instant::now(), doublings };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.enter(now).expect("leave").failed(now);
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        fail(&breaker, now);
        fail(&breaker, now);
        breaker.enter(now).expect("leave").succeeded();
        fail(&breaker, now);
        fail(&breaker, now);
        assert_eq!(breaker.state(), BreakerState::Closed, "a success forgives");
        fail(&breaker, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.enter(now).is_none() && !breaker.allows(now));
        let later = now + PAUSE * 2;
        let probe = breaker.enter(later).expect("one goes through");
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.enter(later).is_none() && !breaker.allows(later), "and no other");
        probe.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn each_failed_probe_makes_the_pause_longer() {
        let (breaker, mut now) = (Breaker::new(1, PAUSE), Instant::now());
        fail(&breaker, now);
        for seconds in [1, 2, 4, 8, 16, 16, 16] {
            assert!(!breaker.allows(now + PAUSE * seconds - PAUSE / 10), "{seconds}");
            now += PAUSE * seconds * 5 / 4;
            assert!(breaker.allows(now), "{seconds}");
            fail(&breaker, now);
        }
    }

    #[test]
    fn who_is_asked_nothing_is_forgiven_but_for_one_failure() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now() - QUIET - 2 * PAUSE);
        for _ in 0..3 {
            fail(&breaker, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed, "nobody has asked since");
        fail(&breaker, Instant::now());
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn a_probe_that_was_given_up_is_no_outcome() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        fail(&breaker, now);
        let later = now + PAUSE * 2;
        drop(breaker.enter(later).expect("one goes through"));
        assert!(breaker.allows(Instant::now() + PAUSE), "the next one finds out");
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        let (early, late) =
            (breaker.enter(now).expect("leave"), breaker.enter(now).expect("leave"));
        fail(&breaker, now);
        early.succeeded();
        late.failed(now + PAUSE);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.allows(now + PAUSE * 2), "nor is it prolonged");
    }
}
