//! Shares of what all callers have together: nobody takes all of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexo_core::model::{Account, Id};

use crate::server::caller;

/// Whoever has a share: the address that somebody calls from (IPv6: its /64) or, where it
/// is known, their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Address(IpAddr),
    Account(Id<Account>),
}

impl Holder {
    pub(crate) fn at(ip: IpAddr) -> Self {
        Self::Address(caller(ip))
    }
}

/// So much of something, and who has how much of it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    size: usize,
    /// As much is not looked at: small callers need no justice.
    least: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<Holder, usize>,
}

/// A part of it, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    holder: Holder,
    amount: usize,
    state: Arc<Mutex<State>>,
}

impl Shares {
    pub(crate) fn new(size: usize, least: usize) -> Self {
        let state = State { free: size, held: HashMap::new() };
        Self { size, least, state: Arc::new(Mutex::new(state)) }
    }

    /// A share, if there is as much, and the holder has then no more than three times
    /// what is left: three quarters of all for one holder, and less for each of several.
    /// Who has nothing gets what is there.
    pub(crate) fn take(&self, holder: Holder, amount: usize) -> Option<Share> {
        let mut state = lock(&self.state);
        let left = state.free.checked_sub(amount)?;
        let before = state.held.get(&holder).copied().unwrap_or_default();
        let after = before + amount;
        if before > 0 && after > self.least && after > left.saturating_mul(3) {
            return None;
        }
        state.free = left;
        state.held.insert(holder, after);
        Some(Share { holder, amount, state: self.state.clone() })
    }

    /// How much of it somebody has, and how much there is.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.size - lock(&self.state).free, self.size)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.free += self.amount;
        if let Some(held) = state.held.get_mut(&self.holder) {
            *held -= self.amount;
            if *held == 0 {
                state.held.remove(&self.holder);
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(number: u8) -> Holder {
        Holder::at([203, 0, 113, number].into())
    }

    #[test]
    fn h2_one_takes_three_quarters_and_each_of_several_less() {
        let shares = Shares::new(64, 0);
        let all =
            |number| -> Vec<_> { std::iter::from_fn(|| shares.take(holder(number), 1)).collect() };
        let (first, second, third) = (all(1), all(2), all(3));
        assert_eq!([first.len(), second.len(), third.len()], [48, 12, 3]);
        assert_eq!(shares.taken(), (63, 64));
        let last = shares.take(holder(4), 1).expect("who has nothing gets what is there");
        assert!(shares.take(holder(5), 1).is_none(), "and that was all");
        drop((first, second, third, last));
        assert_eq!(shares.taken(), (0, 64));
        assert!(lock(&shares.state).held.is_empty(), "who left is forgotten");
    }

    #[test]
    fn little_is_given_in_any_case_and_never_more_than_there_is() {
        let shares = Shares::new(2, 2);
        let one = holder(1);
        let both = [shares.take(one, 1), shares.take(one, 1)];
        assert!(both.iter().all(Option::is_some));
        assert!(shares.take(one, 1).is_none());
        let shares = Shares::new(10, 0);
        assert!(shares.take(one, 11).is_none());
        assert!(shares.take(one, 10).is_some(), "alone, and nothing before");
    }

    #[test]
    fn a_64_is_one_holder() {
        let at = |text: &str| Holder::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:0:0:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
    }
}
