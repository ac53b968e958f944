//! Shares of a pool: nobody takes all of its connections, whatever their statements
//! wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

/// Who holds how many connections: accounts or, where there is none, users.
pub(super) struct Shares(Mutex<State>);

struct State {
    /// Connections of nobody.
    free: usize,
    holders: HashMap<Uuid, Holder>,
    /// Those who stand in a queue, or did and have gone.
    queued: usize,
    tickets: u64,
}

#[derive(Default)]
struct Holder {
    count: usize,
    /// In the order in which they came.
    queue: VecDeque<Waiting>,
}

struct Waiting {
    ticket: u64,
    turn: oneshot::Sender<Share>,
}

/// The right to one connection, which goes to whoever is next when dropped.
pub(super) struct Share {
    of: Arc<Shares>,
    holder: Uuid,
}

/// Whether somebody may have as many, when so many are left then: three times what
/// is left, which is three quarters of a pool for one holder and less for each of
/// several. Two in any case: who works in a transaction may need another connection
/// beside it.
const fn may_have(count: usize, left: usize) -> bool {
    count <= 2 || count <= 3 * left
}

impl Shares {
    pub(super) fn of(size: usize) -> Arc<Self> {
        let holders = HashMap::new();
        Arc::new(Self(Mutex::new(State { free: size, holders, queued: 0, tickets: 0 })))
    }

    /// A share, unless the holder has to wait for it.
    pub(super) fn take_at_once(self: &Arc<Self>, holder: Uuid) -> Option<Share> {
        let is_given = self.state().take(holder);
        is_given.then(|| Share { of: self.clone(), holder })
    }

    /// A share, when it is this one's turn.
    pub(super) async fn take(self: &Arc<Self>, holder: Uuid) -> Share {
        let turn = {
            let mut state = self.state();
            if state.take(holder) {
                return Share { of: self.clone(), holder };
            }
            state.queue(holder)
        };
        turn.await.expect("whoever holds a share hands it on")
    }

    /// Those who wait for one.
    pub(super) fn waiting(&self) -> usize {
        let waits = |waiting: &&Waiting| !waiting.turn.is_closed();
        let state = self.state();
        state.holders.values().map(|holder| holder.queue.iter().filter(waits).count()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, holder: Uuid) -> bool {
        let count = self.holders.get(&holder).map_or(0, |holder| holder.count);
        let may = self.free > 0 && may_have(count + 1, self.free - 1);
        if may {
            self.holders.entry(holder).or_default().count += 1;
            self.free -= 1;
        }
        may
    }

    fn queue(&mut self, holder: Uuid) -> oneshot::Receiver<Share> {
        let (turn, told) = oneshot::channel();
        self.tickets += 1;
        let waiting = Waiting { ticket: self.tickets, turn };
        let queue = &mut self.holders.entry(holder).or_default().queue;
        self.queued -= drop_gone(queue);
        queue.push_back(waiting);
        self.queued += 1;
        told
    }

    fn give_back(&mut self, holder: Uuid) {
        self.free += 1;
        if let Some(held) = self.holders.get_mut(&holder) {
            held.count -= 1;
            if held.count == 0 && held.queue.is_empty() {
                self.holders.remove(&holder);
            }
        }
    }

    /// Gives a share to one of those who have the fewest, and of them to who came first.
    fn hand_on(&mut self) -> Option<(Uuid, oneshot::Sender<Share>)> {
        if self.queued == 0 {
            return None;
        }
        for holder in self.holders.values_mut() {
            self.queued -= drop_gone(&mut holder.queue);
        }
        self.holders.retain(|_, holder| holder.count > 0 || !holder.queue.is_empty());
        let rank = |(id, holder): (&Uuid, &Holder)| {
            Some((holder.count, holder.queue.front()?.ticket, *id))
        };
        let (_, _, next) = self.holders.iter().filter_map(rank).min()?;
        if !self.take(next) {
            return None;
        }
        let first = self.holders.get_mut(&next)?.queue.pop_front()?;
        self.queued -= 1;
        Some((next, first.turn))
    }
}

/// Drops those who gave up, who came before those who still wait, and counts them.
fn drop_gone(queue: &mut VecDeque<Waiting>) -> usize {
    let gone = queue.iter().take_while(|first| first.turn.is_closed()).count();
    queue.drain(..gone);
    gone
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut next = {
            let mut state = self.of.state();
            state.give_back(self.holder);
            state.hand_on()
        };
        // What is free now may be enough for several. Each is told without the lock: if
        // one has gone this very moment, their share comes back and is dropped here.
        while let Some((holder, turn)) = next {
            drop(turn.send(Self { of: self.of.clone(), holder }));
            next = self.of.state().hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn all_of(shares: &Arc<Shares>, holder: Uuid) -> Vec<Share> {
        std::iter::from_fn(|| shares.take_at_once(holder)).collect()
    }

    #[test]
    fn f7_one_account_takes_three_quarters_and_each_of_several_less() {
        for (size, expected) in
            [(1, &[1, 0][..]), (2, &[2, 0]), (3, &[2, 1, 0]), (4, &[3, 1, 0]), (16, &[12, 3, 1])]
        {
            let shares = Shares::of(size);
            let taken: Vec<_> = expected.iter().map(|_| all_of(&shares, Uuid::now_v7())).collect();
            let counts: Vec<_> = taken.iter().map(Vec::len).collect();
            assert_eq!(counts, expected, "of {size}");
        }
        // Those who come at the same time.
        let (shares, holders) = (Shares::of(16), [Uuid::now_v7(), Uuid::now_v7()]);
        let taken: Vec<_> =
            (0..16).flat_map(|_| holders.map(|one| shares.take_at_once(one))).flatten().collect();
        assert_eq!(taken.len(), 13, "three are left for others");
        assert_eq!(all_of(&shares, Uuid::now_v7()).len(), 2);
    }

    #[test]
    fn f7_a_share_goes_to_the_next_who_still_waits() {
        let (shares, holder) = (Shares::of(1), Uuid::now_v7());
        let held = shares.take_at_once(holder).expect("free");
        let mut turns: Vec<_> = (0..3).map(|_| Box::pin(shares.take(holder))).collect();
        assert!(turns.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert_eq!(shares.waiting(), 3);
        drop(turns.remove(0));
        assert_eq!(shares.waiting(), 2);
        drop(held);
        assert!(shares.take_at_once(holder).is_none(), "it is the second's");
        // Given to somebody who goes before taking it.
        drop(turns.remove(0));
        let last = turns.remove(0).now_or_never().expect("and then the last one's");
        drop(last);
        let state = shares.state();
        assert_eq!((state.free, state.queued), (1, 0));
        assert!(state.holders.is_empty(), "nothing is kept of those without connections");
    }

    #[test]
    fn f7_who_has_least_is_next() {
        let (shares, [many, none]) = (Shares::of(2), [Uuid::now_v7(), Uuid::now_v7()]);
        let mut held = all_of(&shares, many);
        let mut first = Box::pin(shares.take(many));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(shares.take(none));
        assert!(second.as_mut().now_or_never().is_none());
        held.pop();
        assert!(first.as_mut().now_or_never().is_none(), "who came first has one");
        let share = second.as_mut().now_or_never().expect("who came later has none");
        drop(share);
        assert!(first.as_mut().now_or_never().is_some());
    }
}
