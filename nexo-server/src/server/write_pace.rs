//! How slowly a caller may read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::HttpConfig;

/// Bounds how long writing may stand still, and how long it may take in all:
/// reading a byte now and then must not keep a reply in memory for ever.
#[derive(Debug)]
pub(super) struct WritePace {
    stall: Duration,
    grace: Duration,
    rate: u64,
    /// When what is being written was first held up, and how much of it is
    /// written.
    since: Option<Instant>,
    written: u64,
    // Only while writing is held up: a reply that fits the system's buffer
    // never makes one.
    timer: Option<Pin<Box<Sleep>>>,
}

impl WritePace {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            stall: config.idle_timeout,
            grace: config.reply_timeout,
            rate: u64::from(config.reply_rate.max(1)),
            since: None,
            written: 0,
            timer: None,
        }
    }

    pub(super) fn progress(&mut self, bytes: usize) {
        self.written += bytes as u64;
        self.timer = None;
    }

    /// Everything is written.
    pub(super) fn done(&mut self) {
        self.since = None;
        self.written = 0;
        self.timer = None;
    }

    /// Whether the last attempt to write was held up.
    pub(super) fn is_held_up(&self) -> bool {
        self.timer.is_some()
    }

    /// Resolves when writing has been held up for too long.
    pub(super) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => {
                let now = Instant::now();
                let earned = Duration::from_millis(self.written.saturating_mul(1000) / self.rate);
                let end = *self.since.get_or_insert(now) + self.grace + earned;
                none.insert(Box::pin(sleep_until(end.min(now + self.stall))))
            }
        };
        timer.as_mut().poll(cx)
    }
}
