//! Shares of what all callers have together: nobody takes all of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexo_core::model::{Account, Id};

/// Whoever has a share: the address that somebody calls from (IPv6: its /64) or, where it
/// is known, their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Address(IpAddr),
    Account(Id<Account>),
    /// What one site has of IPv6, a /48: 65,536 addresses that may all be one caller's.
    Site(Ipv6Addr),
}

impl Holder {
    pub(crate) fn at(ip: IpAddr) -> Self {
        Self::Address(caller(ip))
    }

    /// Of whom this one is a part.
    fn site(self) -> Option<Self> {
        match self {
            Self::Address(IpAddr::V6(address)) => Some(Self::Site(prefix(address, 48))),
            _ => None,
        }
    }
}

/// One caller's addresses as one: with IPv6 everybody has a whole /64.
pub(super) fn caller(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => prefix(address, 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn prefix(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

/// So much of something, and who has how much of it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    size: usize,
    /// As much is not looked at: small callers need no justice.
    least: usize,
    /// More nobody has, however much is left.
    most: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<Holder, Held>,
}

#[derive(Debug, Default)]
struct Held {
    amount: usize,
    was_refused: bool,
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
        Self { size, least, most: size, state: Arc::new(Mutex::new(state)) }
    }

    /// The same, and one holder has no more than `most`.
    pub(crate) fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// A share, if there is as much, and the holder has then no more than three times
    /// what is left: three quarters of all for one holder, and less for each of several.
    /// Who has nothing gets what is there. All addresses of a site are held to the same, and
    /// each of them to twice what is left, so that there is something for its neighbours.
    pub(crate) fn take(&self, holder: Holder, amount: usize) -> Option<Share> {
        let mut state = lock(&self.state);
        let left = state.free.checked_sub(amount)?;
        let may_have = |before: usize, times: usize| {
            let after = before + amount;
            before == 0 || after <= self.least || after <= left.saturating_mul(times)
        };
        let (before, site) = (state.held(holder), holder.site());
        let may = match site {
            None => may_have(before, 3),
            Some(site) => may_have(before, 2) && may_have(state.held(site), 3),
        };
        if before + amount > self.most || !may {
            return None;
        }
        state.free = left;
        for holder in [Some(holder), site].into_iter().flatten() {
            state.held.entry(holder).or_default().amount += amount;
        }
        Some(Share { holder, amount, state: self.state.clone() })
    }

    /// How much somebody, or their site, has who was refused more, for the first time since
    /// they have some.
    pub(crate) fn is_news(&self, refused: Holder) -> Option<usize> {
        let mut state = lock(&self.state);
        let known = |holder: &Holder| state.held.contains_key(holder);
        let holder = [Some(refused), refused.site()].into_iter().flatten().find(known)?;
        let held = state.held.get_mut(&holder)?;
        (!std::mem::replace(&mut held.was_refused, true)).then_some(held.amount)
    }

    /// How much of it somebody has, and how much there is.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.size - lock(&self.state).free, self.size)
    }
}

impl State {
    fn held(&self, holder: Holder) -> usize {
        self.held.get(&holder).map_or(0, |held| held.amount)
    }

    fn give_back(&mut self, holder: Holder, amount: usize) {
        if let Some(held) = self.held.get_mut(&holder) {
            held.amount -= amount;
            if held.amount == 0 {
                self.held.remove(&holder);
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.free += self.amount;
        state.give_back(self.holder, self.amount);
        if let Some(site) = self.holder.site() {
            state.give_back(site, self.amount);
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
    fn h4_a_64_is_one_holder() {
        let at = |text: &str| Holder::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:0:0:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("203.0.113.9"), at("::ffff:203.0.113.9"));
    }

    #[test]
    fn h2_all_networks_of_a_site_leave_something_for_others() {
        let shares = Shares::new(64, 0);
        let of = |network: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1);
        let held: Vec<_> = (0..1000)
            .filter_map(|network| shares.take(Holder::at(of(network).into()), 1))
            .collect();
        assert_eq!(held.len(), 48, "as one address of IPv4");
        let refused = Holder::at(of(999).into());
        assert_eq!([shares.is_news(refused), shares.is_news(refused)], [Some(48), None]);
        let another = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
        assert!(shares.take(Holder::at(another.into()), 1).is_some());
        drop(held);
        assert!(lock(&shares.state).held.is_empty(), "who left is forgotten");
        let one = Holder::at(of(1).into());
        let all: Vec<_> = std::iter::from_fn(|| shares.take(one, 1)).collect();
        assert_eq!(all.len(), 42, "and a neighbour has something, too");
        assert!(shares.take(Holder::at(of(2).into()), 1).is_some());
    }

    #[test]
    fn there_may_be_a_most_and_a_refusal_is_news_once() {
        let (shares, one) = (Shares::new(64, 0).with_most(2), holder(1));
        let held = [shares.take(one, 1), shares.take(one, 1)];
        assert!(shares.take(one, 1).is_none());
        assert_eq!([shares.is_news(one), shares.is_news(one)], [Some(2), None]);
        assert_eq!(shares.is_news(holder(2)), None, "of somebody who has nothing");
        drop(held);
        let _again = shares.take(one, 2).expect("all came back");
        assert_eq!(shares.is_news(one), Some(2));
    }
}
