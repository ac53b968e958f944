//! How many connections each caller has.

use std::net::IpAddr;

use crate::traffic::{Holder, Share, Shares};

/// As many anybody may have, where there are few.
const LEAST: usize = 8;

/// The connections of every address that has some. One caller must not take
/// all of them and leave none for the others, nor must some.
#[derive(Debug)]
pub(super) struct Callers(Shares);

impl Callers {
    /// So many for one, of so many for all.
    pub(super) fn new(most: usize, all: usize) -> Self {
        Self(Shares::new(all, LEAST).with_most(most))
    }

    /// A seat for one more connection from this address, unless it has as many
    /// as it may.
    pub(super) fn seat(&self, peer: IpAddr) -> Option<Share> {
        let holder = Holder::at(peer);
        let share = self.0.take(holder, 1);
        // Once, and not a line for each of a flood.
        if share.is_none()
            && let Some(has) = self.0.is_news(holder)
        {
            tracing::warn!(%peer, has, "refusing further connections");
        }
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
