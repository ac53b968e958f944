//! How many connections each caller has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::traffic::{Holder, Share, Shares};

/// As many anybody may have, where there are few.
const LEAST: usize = 8;

/// The connections of every address that has some. One caller must not take
/// all of them and leave none for the others, nor must some.
#[derive(Debug)]
pub(super) struct Callers {
    most: usize,
    all: Shares,
    open: Open,
}

#[derive(Debug, Clone, Default)]
struct Open(Arc<Mutex<HashMap<IpAddr, Count>>>);

#[derive(Debug, Default)]
struct Count {
    connections: usize,
    refused: bool,
}

/// One connection, counted until dropped.
#[derive(Debug)]
pub(super) struct Seat {
    address: IpAddr,
    open: Open,
    _share: Share,
}

impl Callers {
    /// So many for one, of so many for all.
    pub(super) fn new(most: usize, all: usize) -> Self {
        Self { most, all: Shares::new(all, LEAST), open: Open::default() }
    }

    /// A seat for one more connection from this address, unless it has as many
    /// as it may.
    pub(super) fn seat(&self, peer: IpAddr) -> Option<Seat> {
        let address = caller(peer);
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        let is_within = count.connections < self.most;
        let share = if is_within { self.all.take(Holder::at(peer), 1) } else { None };
        let Some(share) = share else {
            // Once, and not a line for each of a flood.
            if !std::mem::replace(&mut count.refused, true) {
                let has = count.connections;
                tracing::warn!(%peer, has, "refusing further connections");
            }
            if count.connections == 0 {
                open.remove(&address);
            }
            return None;
        };
        count.connections += 1;
        Some(Seat { address, open: self.open.clone(), _share: share })
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        let Some(count) = open.get_mut(&self.address) else { return };
        count.connections -= 1;
        if count.connections == 0 {
            open.remove(&self.address);
        }
    }
}

/// One caller's addresses as one: with IPv6 everybody has a whole /64.
pub(crate) fn caller(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_caller_has_a_number_of_connections() {
        let callers = Callers::new(2, 100);
        let first = callers.seat(address("203.0.113.9")).expect("the first");
        let _second = callers.seat(address("::ffff:203.0.113.9")).expect("the second");
        assert!(callers.seat(address("203.0.113.9")).is_none());
        assert!(callers.seat(address("203.0.113.8")).is_some());
        drop(first);
        assert!(callers.seat(address("203.0.113.9")).is_some());
    }

    #[test]
    fn h2_some_callers_leave_connections_for_others() {
        let callers = Callers::new(200, 1000);
        let mut seats = Vec::new();
        let mut all_of = |number: u8| {
            let before = seats.len();
            seats.extend(std::iter::from_fn(|| callers.seat([203, 0, 113, number].into())));
            seats.len() - before
        };
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(&mut all_of), [200, 200, 200, 200, 150, 37, 9]);
    }

    #[test]
    fn a_64_is_one_caller() {
        let callers = Callers::new(1, 100);
        let seat = callers.seat(address("2001:db8::1")).expect("the first");
        assert!(callers.seat(address("2001:db8::ffff:0:0:1")).is_none());
        assert!(callers.seat(address("2001:db8:0:1::1")).is_some());
        drop(seat);
        assert!(callers.open.lock().is_empty(), "callers who left are forgotten");
    }
}
