//! Which quotas a request is counted against, and where.

use std::net::IpAddr;
use std::time::Instant;

use nexo_core::TenantScope;
use nexo_core::model::ErrorCode;
use quick_cache::sync::Cache;

use super::counters::TrafficCounters;
use super::key::{Key, RateLimitKind};
use super::memory::Memory;
use super::quota::Quota;
use super::redis::Redis;
use super::standing::{Standing, Take, Verdict};
use crate::config::{OnRedisFailure, TrafficLimits};
use crate::failure::{Failure, Outcome};
use crate::routes::Limit;

/// How many refusals are remembered.
const REFUSED: usize = 16_384;

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_ip: Option<Quota>,
    credentials_per_ip: Option<Quota>,
    per_user: Option<Quota>,
    memory: Memory,
    redis: Option<Redis>,
    on_redis_failure: OnRedisFailure,
    /// Who has used up a quota, and until when. A refusal is not counted, so it
    /// stays true until then, whoever else counts: a flood is answered from here,
    /// before its tokens are verified and without a word to Redis.
    refused: Cache<Key, (Instant, Standing)>,
    counters: TrafficCounters,
}

/// Stands where there is no quota.
const NOBODY: Take =
    Take { key: Key { kind: RateLimitKind::Ip, id: 0 }, quota: Quota::of_seconds(1, 1) };

/// The quotas of one request.
#[derive(Debug)]
pub(crate) struct Rates<'a> {
    limiter: &'a Limiter,
    /// Of its address, then of its user; so many of them.
    takes: [Take; 3],
    count: usize,
    is_exempt: bool,
}

impl Limiter {
    pub(super) async fn start(limits: &TrafficLimits, counters: TrafficCounters) -> Self {
        let redis = match &limits.redis {
            Some(url) => {
                counters.set_has_redis();
                Some(Redis::start(url, limits.redis_timeout, counters.clone()).await)
            }
            None => None,
        };
        let quotas = [limits.per_ip, limits.credentials_per_ip, limits.per_user];
        let largest = quotas.iter().flatten().map(Quota::requests).max();
        Self {
            per_ip: limits.per_ip,
            credentials_per_ip: limits.credentials_per_ip,
            per_user: limits.per_user,
            memory: Memory::new(largest.unwrap_or(1)),
            redis,
            on_redis_failure: limits.on_redis_failure,
            refused: Cache::new(REFUSED),
            counters,
        }
    }

    async fn take(&self, takes: &[Take]) -> Outcome<Option<Verdict>> {
        let Some(redis) = &self.redis else { return Ok(self.memory.take(takes)) };
        if let Some(standing) = self.known_refusal(takes) {
            return Ok(Some(Verdict { passes: false, standing }));
        }
        match (Box::pin(redis.take(takes)).await, self.on_redis_failure) {
            (Ok(verdict), _) => Ok(verdict),
            (Err(_), OnRedisFailure::Open) => Ok(self.memory.take(takes)),
            (Err(_), OnRedisFailure::Closed) => {
                Err(Failure::new(ErrorCode::Unavailable, "requests cannot be counted at present"))
            }
        }
    }

    fn known_refusal(&self, takes: &[Take]) -> Option<Standing> {
        let now = Instant::now();
        takes.iter().find_map(|take| {
            let (until, standing) = self.refused.get(&take.key)?;
            let reset = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
            Some(Standing { reset, ..standing })
        })
    }

    fn refuse(&self, standing: &Standing) -> Failure {
        self.counters.add_limited(standing.kind);
        let whose = match standing.kind {
            RateLimitKind::Ip => "this address",
            RateLimitKind::Credentials => "this address with credentials",
            RateLimitKind::User => "this user",
            RateLimitKind::ApiKey => "this API key",
        };
        let (requests, window) = (standing.quota.requests(), standing.quota.window());
        let detail = format!("too many requests from {whose}: at most {requests} in {window:?}");
        Failure::new(ErrorCode::TooManyRequests, detail).after(standing.reset)
    }
}

impl<'a> Rates<'a> {
    pub(super) fn new(limiter: &'a Limiter, limit: Limit, ip: IpAddr) -> Self {
        let mut rates =
            Self { limiter, takes: [NOBODY; 3], count: 0, is_exempt: limit == Limit::Exempt };
        if !rates.is_exempt {
            rates.add(limiter.per_ip, || Some(Key::of_address(RateLimitKind::Ip, ip)));
        }
        if limit == Limit::Credentials {
            let kind = RateLimitKind::Credentials;
            rates.add(limiter.credentials_per_ip, || Some(Key::of_address(kind, ip)));
        }
        rates
    }

    /// Refuses whoever is known to have come too often.
    pub(crate) fn refuse_known(&self, standing: &mut Option<Standing>) -> Outcome<()> {
        match self.limiter.known_refusal(self.takes()) {
            Some(known) => {
                *standing = Some(known);
                Err(self.limiter.refuse(&known))
            }
            None => Ok(()),
        }
    }

    /// Counts the request, and refuses it if it is one too many; with a scope also
    /// against the quota of its user or key.
    pub(crate) async fn count(
        mut self,
        scope: Option<&TenantScope>,
        standing: &mut Option<Standing>,
    ) -> Outcome<()> {
        if self.is_exempt {
            return Ok(());
        }
        if let Some(scope) = scope {
            self.add(self.limiter.per_user, || Key::of_scope(scope));
        }
        if self.takes().is_empty() {
            return Ok(());
        }
        let Some(verdict) = self.limiter.take(self.takes()).await? else { return Ok(()) };
        *standing = Some(verdict.standing);
        if verdict.passes {
            self.limiter.counters.add_allowed();
            return Ok(());
        }
        self.remember(&verdict.standing);
        Err(self.limiter.refuse(&verdict.standing))
    }

    fn remember(&self, standing: &Standing) {
        let until = Instant::now() + standing.reset;
        if let Some(take) = self.takes().iter().find(|take| take.key.kind == standing.kind) {
            self.limiter.refused.insert(take.key, (until, *standing));
        }
    }

    fn takes(&self) -> &[Take] {
        &self.takes[..self.count]
    }

    fn add(&mut self, quota: Option<Quota>, key: impl FnOnce() -> Option<Key>) {
        if let Some((quota, key)) = quota.and_then(|quota| Some((quota, key()?))) {
            self.takes[self.count] = Take { key, quota };
            self.count += 1;
        }
    }
}
