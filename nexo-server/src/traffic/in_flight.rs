//! So many requests at a time, and not one more.
//!
//! Beyond what the machine can do, a request that waits makes all others wait
//! longer, until nobody is answered in time. So it is refused, at once and before
//! it has cost anything: whoever is told to come back in a second is served better
//! than by a timeout.

use nexo_core::model::ErrorCode;

use super::counters::TrafficCounters;
use crate::failure::{Failure, Outcome};

#[derive(Debug)]
pub(super) struct InFlight {
    most: usize,
    counters: TrafficCounters,
}

/// The place of one request among those in flight, until dropped.
///
/// An upload has it until the file has arrived, an export until its last piece is
/// written, since rows are read all the while. Any other reply gives it back once
/// it is made: what a slow reader holds then is memory, which has a limit of its
/// own, and not work.
#[derive(Debug)]
pub(crate) struct Place(TrafficCounters);

impl InFlight {
    pub(super) fn new(most: Option<usize>, counters: TrafficCounters) -> Self {
        Self { most: most.unwrap_or(usize::MAX), counters }
    }

    pub(super) fn enter(&self) -> Outcome<Place> {
        let before = self.counters.begin();
        let place = Place(self.counters.clone());
        if before < self.most {
            return Ok(place);
        }
        self.counters.add_shed();
        Err(Failure::of(ErrorCode::Overloaded))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let counters = TrafficCounters::default();
        let in_flight = InFlight::new(Some(2), counters.clone());
        let first = in_flight.enter().expect("the first");
        let _second = in_flight.enter().expect("the second");
        let refused = in_flight.enter().expect_err("there are two");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(first);
        let _third = in_flight.enter().expect("one has gone");
        assert_eq!((counters.in_flight(), counters.shed()), (2, 1));
    }
}
