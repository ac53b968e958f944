//! What limits have done so far, for whoever watches the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::key::RateLimitKind;

/// Counts of requests, since the server began; a clone counts the same.
#[derive(Debug, Clone, Default)]
pub struct TrafficCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    allowed: AtomicU64,
    limited: [AtomicU64; RateLimitKind::ALL.len()],
    shed: AtomicU64,
    in_flight: AtomicUsize,
    redis_errors: AtomicU64,
    has_redis: AtomicBool,
    redis_answers: AtomicBool,
}

impl TrafficCounters {
    /// Requests that were within every rate limit.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.0.allowed.load(Relaxed)
    }

    /// Requests that a rate limit of this kind refused.
    #[must_use]
    pub fn limited(&self, kind: RateLimitKind) -> u64 {
        self.0.limited[kind as usize].load(Relaxed)
    }

    /// Requests that were refused because as many as allowed were in flight.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.0.shed.load(Relaxed)
    }

    /// Requests in flight at this moment, but for probes.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Relaxed)
    }

    /// Requests that Redis should have counted and did not.
    #[must_use]
    pub fn redis_errors(&self) -> u64 {
        self.0.redis_errors.load(Relaxed)
    }

    /// Whether Redis is to count.
    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.0.has_redis.load(Relaxed)
    }

    /// Whether Redis counts at this moment; false also if there is none.
    #[must_use]
    pub fn redis_answers(&self) -> bool {
        self.0.redis_answers.load(Relaxed)
    }

    pub(super) fn add_allowed(&self) {
        self.0.allowed.fetch_add(1, Relaxed);
    }

    pub(super) fn add_limited(&self, kind: RateLimitKind) {
        self.0.limited[kind as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn add_shed(&self) {
        self.0.shed.fetch_add(1, Relaxed);
    }

    pub(super) fn add_redis_error(&self) {
        self.0.redis_errors.fetch_add(1, Relaxed);
    }

    pub(super) fn set_has_redis(&self) {
        self.0.has_redis.store(true, Relaxed);
    }

    pub(super) fn set_redis_answers(&self, answers: bool) {
        self.0.redis_answers.store(answers, Relaxed);
    }

    pub(super) fn begin(&self) {
        self.0.in_flight.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
