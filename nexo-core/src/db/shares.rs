//! Shares of a pool: one account cannot take all of its connections, whatever its
//! statements wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::model::{Account, Id};

/// How many connections each account holds, of those that have any.
pub(super) struct Shares {
    most: usize,
    held: Mutex<HashMap<Id<Account>, Held>>,
}

#[derive(Default)]
struct Held {
    count: usize,
    /// In the order in which they came. Some may have gone.
    waiting: VecDeque<oneshot::Sender<Share>>,
}

/// The right to one connection, which goes to the account's next when dropped.
pub(super) struct Share {
    of: Arc<Shares>,
    account: Id<Account>,
}

impl Shares {
    /// Three quarters of a pool for each account, and at least two: whoever works in
    /// a transaction may need another connection beside it.
    pub(super) fn of(size: usize) -> Arc<Self> {
        let most = (size * 3 / 4).max(2).min(size);
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// A share, unless the account has all of its own.
    pub(super) fn take_at_once(self: &Arc<Self>, account: Id<Account>) -> Option<Share> {
        let mut held = self.held();
        let held = held.entry(account).or_default();
        (held.count < self.most).then(|| {
            held.count += 1;
            Share { of: self.clone(), account }
        })
    }

    /// A share, when it is this one's turn.
    pub(super) async fn take(self: &Arc<Self>, account: Id<Account>) -> Share {
        let turn = {
            let mut all = self.held();
            let held = all.entry(account).or_default();
            if held.count < self.most {
                held.count += 1;
                return Share { of: self.clone(), account };
            }
            // Those who gave up, who came before those who still wait.
            while held.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                held.waiting.pop_front();
            }
            let (sender, turn) = oneshot::channel();
            held.waiting.push_back(sender);
            turn
        };
        turn.await.expect("whoever holds a share hands it on")
    }

    /// Those who wait for one.
    pub(super) fn waiting(&self) -> usize {
        let waits = |sender: &&oneshot::Sender<Share>| !sender.is_closed();
        self.held().values().map(|held| held.waiting.iter().filter(waits).count()).sum()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Id<Account>, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let next = {
            let mut all = self.of.held();
            let Some(held) = all.get_mut(&self.account) else { return };
            let next =
                std::iter::from_fn(|| held.waiting.pop_front()).find(|next| !next.is_closed());
            if next.is_none() {
                held.count -= 1;
                if held.count == 0 {
                    all.remove(&self.account);
                }
            }
            next
        };
        // Without the lock: if its receiver goes this very moment, the share comes back
        // and is dropped here, which hands it on.
        if let Some(next) = next {
            drop(next.send(Self { of: self.of.clone(), account: self.account }));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn f7_one_account_takes_three_quarters() {
        for (size, most) in [(1, 1), (2, 2), (3, 2), (4, 3), (16, 12)] {
            let shares = Shares::of(size);
            let (one, other) = (Id::new(), Id::new());
            let taken: Vec<_> = (0..size).map_while(|_| shares.take_at_once(one)).collect();
            assert_eq!(taken.len(), most, "of {size}");
            assert!(taken.len() < size || size < 3, "something is left for the others");
            assert!(shares.take_at_once(other).is_some(), "and it is not theirs");
        }
    }

    #[test]
    fn f7_a_share_goes_to_the_next_who_still_waits() {
        let (shares, account) = (Shares::of(1), Id::new());
        let held = shares.take_at_once(account).expect("free");
        let mut turns: Vec<_> = (0..3).map(|_| Box::pin(shares.take(account))).collect();
        assert!(turns.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert_eq!(shares.waiting(), 3);
        drop(turns.remove(0));
        assert_eq!(shares.waiting(), 2);
        drop(held);
        assert!(shares.take_at_once(account).is_none(), "it is the second's");
        // Given to somebody who goes before taking it.
        drop(turns.remove(0));
        let last = turns.remove(0).now_or_never().expect("and then the last one's");
        drop(last);
        assert!(shares.held().is_empty(), "nothing is kept of accounts without connections");
    }
}
