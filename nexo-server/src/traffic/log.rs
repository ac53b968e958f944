//! The times of one caller's requests: a sliding window, counted exactly.
//!
//! A fixed window lets twice its quota through around its border, and a leaky
//! bucket (GCRA) either no burst or, within one window, more than the quota. A
//! log of times does neither: there is no window of the quota's length, wherever
//! it begins, in which more than the quota passed, and no request is refused that
//! would have fitted, to the millisecond. It costs four bytes for each request that passed within the
//! window; refusals are not written down, so that nobody can make it grow, and
//! waiting for as long as one was told is always enough.

use std::collections::VecDeque;
use std::time::Duration;

use super::quota::Quota;

/// A moment, in whole milliseconds of the store's own clock, before and after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    before: u64,
    after: u64,
}

impl Now {
    pub(super) fn at(since_start: Duration) -> Self {
        let before = since_start.as_millis() as u64;
        let after = before + u64::from(!since_start.subsec_nanos().is_multiple_of(1_000_000));
        Self { before, after }
    }

    /// As a request is written down that passes now: as late as it can have been.
    pub(super) fn written(self) -> u32 {
        self.after as u32
    }
}

/// How many requests are left, and how long until there is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) requests: u32,
    pub(super) until_more: Duration,
}

/// The requests that passed, the oldest first. Of their times the lower half is
/// enough: a log is forgotten long before it comes round.
#[derive(Debug, Default)]
pub(super) struct Log {
    times: VecDeque<u32>,
    newest: u64,
}

impl Log {
    /// Counts a request if there is room for it, and tells whether there was.
    pub(super) fn take(&mut self, now: Now, quota: &Quota) -> (bool, Left) {
        self.forget(now, quota.window());
        let passes = self.times.len() < quota.requests() as usize;
        // Its beginning as late as it can be, and its end, too: what is rounded
        // never makes a window shorter.
        if passes {
            self.times.push_back(now.written());
            // Somebody who looked at the clock a little later may have been first.
            self.newest = self.newest.max(now.after);
        }
        (passes, self.left(now, quota))
    }

    /// Takes back what was counted for a request that did not pass elsewhere.
    pub(super) fn give_back(&mut self, time: u32) {
        if let Some(at) = self.times.iter().rposition(|known| *known == time) {
            self.times.remove(at);
        }
    }

    fn left(&self, now: Now, quota: &Quota) -> Left {
        let window = quota.window();
        let until_more = self.times.front().map_or(Duration::ZERO, |oldest| {
            window.saturating_sub(Duration::from_millis(age(now, *oldest)))
        });
        let used = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        Left { requests: quota.requests().saturating_sub(used), until_more }
    }

    /// The share of a quota that is used, in 1,000ths.
    pub(super) fn used(&mut self, now: Now, quota: &Quota) -> usize {
        self.forget(now, quota.window());
        self.times.len() * 1000 / quota.requests() as usize
    }

    fn forget(&mut self, now: Now, window: Duration) {
        let window = Now::at(window).after;
        if now.before.saturating_sub(self.newest) >= window {
            self.times.clear();
        }
        while self.times.front().is_some_and(|oldest| age(now, *oldest) >= window) {
            self.times.pop_front();
        }
    }
}

fn age(now: Now, time: u32) -> u64 {
    let age = (now.before as u32).wrapping_sub(time);
    // Written down a moment ago, as a moment later.
    if age > u32::MAX / 2 { 0 } else { u64::from(age) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota::of_seconds(100, 60);

    fn at(millis: u64) -> Now {
        Now::at(Duration::from_millis(millis))
    }

    /// Whether a log lets requests at these moments through.
    fn passed(log: &mut Log, moments: impl Iterator<Item = u64>) -> Vec<u64> {
        moments.filter(|moment| log.take(at(*moment), &QUOTA).0).collect()
    }

    #[test]
    fn h4_exactly_100_of_250_pass_in_60_seconds_whatever_the_moments() {
        let start = 50 * 24 * 3600 * 1000;
        for step in [0, 1, 7, 100, 239] {
            let mut log = Log::default();
            let moments = (0..250).map(|number| start + number * step);
            assert_eq!(passed(&mut log, moments).len(), 100, "one each {step} ms");
        }
    }

    #[test]
    fn h4_no_window_has_more_than_its_quota_and_no_room_is_wasted() {
        let mut log = Log::default();
        // In bursts and in pauses, over the wrap of what is written down, too.
        let mut state = 7_u64;
        let mut moment = u64::from(u32::MAX) - 300_000;
        let moments = std::iter::from_fn(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            moment += match state >> 60 {
                0 => (state >> 40) % 20_000,
                1..8 => 0,
                _ => (state >> 40) % 600,
            };
            Some(moment)
        });
        let asked: Vec<u64> = moments.take(20_000).collect();
        let passed = passed(&mut log, asked.iter().copied());
        assert!(passed.len() > 2_000, "{}", passed.len());
        for window in passed.windows(101) {
            assert!(window[100] - window[0] >= 60_000, "{} to {}", window[0], window[100]);
        }
        // Each that was refused would have been one too many.
        let mut passed_until = passed.iter().copied().peekable();
        let mut before: Vec<u64> = Vec::new();
        for moment in asked {
            if passed_until.peek() == Some(&moment) {
                before.push(moment);
                passed_until.next();
            } else {
                let recent = before.iter().rev().take_while(|time| moment - **time < 60_000);
                assert_eq!(recent.count(), 100);
            }
        }
    }

    #[test]
    fn h4_waiting_for_as_long_as_told_is_enough_and_less_is_not() {
        let mut log = Log::default();
        assert_eq!(passed(&mut log, 0..100).len(), 100);
        let (passes, left) = log.take(at(5_000), &QUOTA);
        assert_eq!((passes, left.requests), (false, 0));
        assert_eq!(left.until_more, Duration::from_secs(55));
        let then = 5_000 + 55_000;
        assert!(!log.take(at(then - 1), &QUOTA).0);
        assert!(log.take(at(then), &QUOTA).0);
    }

    #[test]
    fn a_moment_within_a_millisecond_is_never_early() {
        let quota = Quota::of_seconds(1, 1);
        let micros = |micros| Now::at(Duration::from_micros(micros));
        let mut log = Log::default();
        assert!(log.take(micros(500), &quota).0);
        for early in [500, 999_999, 1_000_499, 1_000_999] {
            assert!(!log.take(micros(early), &quota).0, "{early}");
        }
        assert!(log.take(micros(1_001_000), &quota).0);
    }

    #[test]
    fn what_is_given_back_does_not_count() {
        let quota = Quota::of_seconds(2, 60);
        let mut log = Log::default();
        assert_eq!(log.take(at(1), &quota).1.requests, 1);
        assert_eq!(log.take(at(2), &quota).1.requests, 0);
        log.give_back(1);
        assert_eq!(
            log.take(at(3), &quota),
            (true, Left { requests: 0, until_more: Duration::from_millis(59_999) })
        );
        assert!(!log.take(at(60_001), &quota).0, "the second counts still");
        assert!(log.take(at(60_002), &quota).0);
    }
}
