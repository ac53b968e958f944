//! How much of the server everybody may have: requests in a window of time, and
//! requests at a time.
//!
//! Rates are counted in a log of times per address, user or key
//! ([`log`]), kept in this process ([`memory`]) or for several servers in Redis
//! ([`redis`]). What is in flight at a time is counted here in any case: it is
//! this process that runs out of breath ([`in_flight`]).

mod counters;
mod in_flight;
mod key;
mod limiter;
mod log;
mod memory;
mod quota;
mod redis;
mod shares;
mod standing;

pub use counters::TrafficCounters;
pub use key::RateLimitKind;
pub use quota::{ParseQuotaError, Quota};

pub(crate) use in_flight::Place;
pub(crate) use limiter::{Limiter, Rates};
pub(crate) use shares::{Holder, Share, Shares};
pub(crate) use standing::Standing;

use std::net::IpAddr;

use crate::config::TrafficLimits;
use crate::failure::Outcome;
use crate::routes::Limit;
use in_flight::InFlight;

/// What a server keeps count of.
#[derive(Debug)]
pub(crate) struct Traffic {
    in_flight: InFlight,
    limiter: Limiter,
    counters: TrafficCounters,
}

impl Traffic {
    /// Connects to Redis, if there is one to count in; where it does not answer,
    /// that is tried again in the background.
    pub(crate) async fn start(limits: &TrafficLimits) -> Self {
        let counters = TrafficCounters::default();
        let in_flight = InFlight::new(limits.max_in_flight, counters.clone());
        let limiter = Limiter::start(limits, counters.clone()).await;
        Self { in_flight, limiter, counters }
    }

    /// A place for one more request from there.
    pub(crate) fn enter(
        &self,
        limit: Limit,
        ip: IpAddr,
        is_upload: bool,
    ) -> Outcome<Option<Place>> {
        match limit {
            Limit::Exempt => Ok(None),
            Limit::Standard | Limit::Credentials => self.in_flight.enter(ip, is_upload).map(Some),
        }
    }

    /// The most requests in flight, if there is a limit.
    pub(crate) fn most_in_flight(&self) -> Option<usize> {
        self.in_flight.most()
    }

    /// The rates at which requests like this one may come from there.
    pub(crate) fn rates(&self, limit: Limit, ip: IpAddr) -> Rates<'_> {
        Rates::new(&self.limiter, limit, ip)
    }

    pub(crate) fn counters(&self) -> &TrafficCounters {
        &self.counters
    }
}
