//! So many requests at a time, and not one more.
//!
//! Beyond what the machine can do, a request that waits makes all others wait
//! longer, until nobody is answered in time. So it is refused, at once and before
//! it has cost anything: whoever is told to come back in a second is served better
//! than by a timeout.
//!
//! One address has three quarters of the places at most, and each of several less:
//! whoever sends slowly must not hold up everybody.

use std::net::IpAddr;

use nexo_core::model::ErrorCode;

use super::counters::TrafficCounters;
use super::shares::{Holder, Share, Shares};
use crate::failure::{Failure, Outcome};

/// As many anybody may have, where there are few.
const LEAST: usize = 2;

#[derive(Debug)]
pub(super) struct InFlight {
    /// None without a limit.
    places: Option<Shares>,
    /// Half of them: files may take long to arrive, and other requests have room beside
    /// them.
    of_uploads: Option<Shares>,
    counters: TrafficCounters,
}

/// The place of one request among those in flight, until dropped.
///
/// An upload has it until the file has arrived, an export until its last piece is
/// written, since rows are read all the while. Any other reply gives it back once
/// it is made: what a slow reader holds then is memory, which has a limit of its
/// own, and not work.
#[derive(Debug)]
pub(crate) struct Place {
    counters: TrafficCounters,
    _share: Option<Share>,
    _of_upload: Option<Share>,
}

impl InFlight {
    pub(super) fn new(most: Option<usize>, counters: TrafficCounters) -> Self {
        let shares = |most| Shares::new(most, LEAST);
        let of_uploads = most.map(|most| shares((most / 2).max(1)));
        Self { places: most.map(shares), of_uploads, counters }
    }

    pub(super) fn enter(&self, ip: IpAddr, is_upload: bool) -> Outcome<Place> {
        let take = |places: &Option<Shares>| match places {
            Some(places) => places.take(Holder::at(ip), 1).map(Some).ok_or(()),
            None => Ok(None),
        };
        let shares = || {
            let of_upload = if is_upload { take(&self.of_uploads)? } else { None };
            Ok((take(&self.places)?, of_upload))
        };
        let Ok::<_, ()>((_share, _of_upload)) = shares() else {
            self.counters.add_shed();
            return Err(Failure::of(ErrorCode::Overloaded));
        };
        self.counters.begin();
        Ok(Place { counters: self.counters.clone(), _share, _of_upload })
    }

    /// The most of them, if there is a limit.
    pub(super) fn most(&self) -> Option<usize> {
        self.places.as_ref().map(|places| places.taken().1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let counters = TrafficCounters::default();
        let in_flight = InFlight::new(Some(2), counters.clone());
        let here = IpAddr::from([203, 0, 113, 9]);
        let first = in_flight.enter(here, false).expect("the first");
        let _second = in_flight.enter(here, false).expect("the second");
        let refused = in_flight.enter(here, false).expect_err("there are two");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(first);
        let _third = in_flight.enter(here, false).expect("one has gone");
        assert_eq!((counters.in_flight(), counters.shed()), (2, 1));
    }

    #[test]
    fn h2_one_address_leaves_places_for_others() {
        let in_flight = InFlight::new(Some(16), TrafficCounters::default());
        let (here, there) = (IpAddr::from([203, 0, 113, 9]), IpAddr::from([203, 0, 113, 8]));
        let held: Vec<_> = std::iter::from_fn(|| in_flight.enter(here, false).ok()).collect();
        assert_eq!(held.len(), 12);
        in_flight.enter(there, false).expect("there are places left");
    }

    #[test]
    fn h2_uploads_leave_places_for_others() {
        let in_flight = InFlight::new(Some(16), TrafficCounters::default());
        let from = |number: u8| IpAddr::from([203, 0, 113, number]);
        let held: Vec<_> = (1..20).filter_map(|at| in_flight.enter(from(at), true).ok()).collect();
        assert_eq!(held.len(), 8);
        let refused = in_flight.enter(from(30), true).expect_err("half are uploads");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        in_flight.enter(from(30), false).expect("there are places left");
        drop(held);
        in_flight.enter(from(30), true).expect("all came back");
        let alone = InFlight::new(Some(1), TrafficCounters::default());
        alone.enter(from(1), true).expect("the only place is an upload's, too");
    }
}
