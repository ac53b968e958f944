//! Where somebody stands with a quota.

use std::time::Duration;

use super::key::{Key, RateLimitKind};
use super::quota::Quota;

/// One of the quotas that a request is counted against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take {
    pub(super) key: Key,
    pub(super) quota: Quota,
}

/// What a quota has left, and when it has more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(super) kind: RateLimitKind,
    pub(super) quota: Quota,
    /// Less this request, if it was counted.
    pub(super) remaining: u32,
    /// Until the oldest request that counts does so no more. At the end of a quota
    /// that is how long to wait.
    pub(super) reset: Duration,
}

/// Whether a request passed, and where its caller stands with the quota that
/// leaves them the least; with a refusal, with the one that takes the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) passes: bool,
    pub(super) standing: Standing,
}

impl Standing {
    pub(crate) fn limit(&self) -> u32 {
        self.quota.requests()
    }

    pub(crate) fn remaining(&self) -> u32 {
        self.remaining
    }

    pub(crate) fn reset(&self) -> Duration {
        self.reset
    }

    /// The one of two that binds a caller more.
    pub(super) fn tighter(self, other: Self) -> Self {
        let this = (self.remaining, std::cmp::Reverse(self.reset));
        let that = (other.remaining, std::cmp::Reverse(other.reset));
        if that < this { other } else { self }
    }
}
