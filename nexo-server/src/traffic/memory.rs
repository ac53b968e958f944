//! Counts in this process: a bounded number of callers, and no lock for all.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::key::Key;
use super::log::{Left, Log, Now};
use super::quota::Quota;
use super::standing::{Standing, Take, Verdict};

/// How much all logs take together, if each is as long as the largest quota.
const MEMORY: usize = 128 * 1024 * 1024;
/// What is kept of a caller besides their log.
const CALLER: usize = 160;
/// More callers than that are not remembered, however short their logs are.
const CALLERS: usize = 65_536;
const SHARDS: usize = 64;
/// How many are looked at for one to be forgotten.
const SAMPLE: usize = 8;

#[derive(Debug)]
pub(super) struct Memory {
    shards: Box<[Mutex<Shard>]>,
    /// Keyed, so that nobody can choose their neighbours.
    hasher: RandomState,
    started: Instant,
}

#[derive(Debug)]
struct Shard {
    most: usize,
    places: HashMap<Key, usize>,
    slots: Vec<Slot>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    quota: Quota,
    log: Log,
}

impl Memory {
    /// For quotas of up to so many requests.
    pub(super) fn new(most_requests: u32) -> Self {
        let log = (most_requests as usize).next_power_of_two() * size_of::<u32>();
        Self::of((MEMORY / (log + CALLER)).min(CALLERS), SHARDS)
    }

    fn of(callers: usize, shards: usize) -> Self {
        let shard = || Mutex::new(Shard::new(callers / shards));
        let shards = std::iter::repeat_with(shard).take(shards).collect();
        Self { shards, hasher: RandomState::new(), started: Instant::now() }
    }

    /// Counts a request against all of these quotas, or against none of them.
    pub(super) fn take(&self, takes: &[Take]) -> Option<Verdict> {
        let now = Now::at(self.started.elapsed());
        let mut tightest: Option<Standing> = None;
        // From the narrowest to the address, so that what was counted for a moment and
        // given back is never an address's: others share that, and would be refused
        // meanwhile.
        for (at, take) in takes.iter().enumerate().rev() {
            let (passes, left) = self.shard(&take.key).take(now, take);
            let standing = standing(take, left);
            if !passes {
                self.give_back(now, &takes[at + 1..]);
                return Some(Verdict { passes: false, standing });
            }
            tightest = Some(tightest.map_or(standing, |known| known.tighter(standing)));
        }
        tightest.map(|standing| Verdict { passes: true, standing })
    }

    fn give_back(&self, now: Now, takes: &[Take]) {
        for take in takes {
            self.shard(&take.key).give_back(now, &take.key);
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key) as usize % self.shards.len();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standing(take: &Take, left: Left) -> Standing {
    Standing {
        kind: take.key.kind,
        quota: take.quota,
        remaining: left.requests,
        reset: left.until_more,
    }
}

impl Shard {
    fn new(most: usize) -> Self {
        Self { most: most.max(1), places: HashMap::new(), slots: Vec::new(), hand: 0 }
    }

    fn take(&mut self, now: Now, take: &Take) -> (bool, Left) {
        let place = match self.places.get(&take.key) {
            Some(place) => *place,
            None => self.place(now, take),
        };
        self.slots[place].log.take(now, &take.quota)
    }

    fn give_back(&mut self, now: Now, key: &Key) {
        if let Some(place) = self.places.get(key) {
            self.slots[*place].log.give_back(now.written());
        }
    }

    /// A place for somebody new.
    fn place(&mut self, now: Now, take: &Take) -> usize {
        let slot = || Slot { key: take.key, quota: take.quota, log: Log::default() };
        let place = if self.slots.len() < self.most {
            self.slots.push(slot());
            self.slots.len() - 1
        } else {
            let place = self.least(now);
            self.places.remove(&self.slots[place].key);
            self.slots[place] = slot();
            place
        };
        self.places.insert(take.key, place);
        place
    }

    /// Who is forgotten: of a few, the one who has used the least of their quota.
    /// Somebody who comes from ever new addresses thus replaces these, and not the
    /// one whose quota is at its end.
    fn least(&mut self, now: Now) -> usize {
        let mut least = (usize::MAX, 0);
        for _ in 0..SAMPLE.min(self.slots.len()) {
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[self.hand];
            least = least.min((slot.log.used(now, &slot.quota), self.hand));
        }
        least.1
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::RateLimitKind;
    use super::*;

    fn take(kind: RateLimitKind, id: u128, requests: u32) -> Take {
        Take { key: Key { kind, id }, quota: Quota::of_seconds(requests, 60) }
    }

    fn passes(memory: &Memory, takes: &[Take]) -> bool {
        memory.take(takes).expect("there is a quota").passes
    }

    #[test]
    fn h4_so_many_callers_are_remembered_and_no_more() {
        let memory = Memory::of(256, 4);
        for id in 0..100_000 {
            assert!(passes(&memory, &[take(RateLimitKind::Ip, id, 100)]));
        }
        let sizes = memory.shards.iter().map(|shard| {
            let shard = shard.lock().expect("no panic");
            assert_eq!(shard.slots.len(), shard.places.len());
            shard.slots.len()
        });
        assert_eq!(sizes.sum::<usize>(), 256);
    }

    #[test]
    fn h4_new_addresses_do_not_make_a_used_up_quota_forgotten() {
        let memory = Memory::of(256, 4);
        let attacker = take(RateLimitKind::Ip, u128::MAX, 100);
        assert_eq!((0..250).filter(|_| passes(&memory, &[attacker])).count(), 100);
        for id in 0..100_000 {
            passes(&memory, &[take(RateLimitKind::Ip, id, 100)]);
        }
        assert!(!passes(&memory, &[attacker]));
    }

    #[test]
    fn h4_the_memory_is_bounded_whatever_the_quota() {
        for (requests, callers) in [(1, 65_536), (100, 65_536), (600, 31_488), (10_000, 1_984)] {
            let memory = Memory::new(requests);
            let most = memory.shards.iter().map(|shard| shard.lock().expect("no panic").most);
            assert_eq!(most.sum::<usize>(), callers, "{requests}");
        }
    }

    #[test]
    fn h4_exactly_the_quota_passes_of_many_threads() {
        let memory = Memory::new(600);
        let shared = take(RateLimitKind::Ip, 7, 100);
        let passed = std::thread::scope(|scope| {
            let count = || (0..250).filter(|_| passes(&memory, &[shared])).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>()
        });
        assert_eq!(passed, 100);
    }

    #[test]
    fn who_is_refused_by_one_quota_has_used_none_of_another() {
        let memory = Memory::new(600);
        let (ip, user) = (take(RateLimitKind::Ip, 1, 5), take(RateLimitKind::User, 1, 2));
        assert!(passes(&memory, &[ip, user]) && passes(&memory, &[ip, user]));
        let verdict = memory.take(&[ip, user]).expect("there is a quota");
        assert_eq!((verdict.passes, verdict.standing.kind), (false, RateLimitKind::User));
        assert!(verdict.standing.reset > std::time::Duration::from_secs(50));
        let standing = memory.take(&[ip]).expect("there is a quota").standing;
        assert_eq!((standing.limit(), standing.remaining), (5, 2));
        // Another one of another kind has a log of their own.
        assert!(passes(&memory, &[take(RateLimitKind::ApiKey, 1, 2)]));
        assert_eq!(memory.take(&[]), None);
    }

    #[test]
    fn the_tightest_quota_is_told() {
        let memory = Memory::new(600);
        let (ip, credentials) =
            (take(RateLimitKind::Ip, 1, 100), take(RateLimitKind::Credentials, 1, 20));
        memory.take(&[ip]);
        let verdict = memory.take(&[ip, credentials]).expect("there is a quota");
        assert_eq!(verdict.standing.kind, RateLimitKind::Credentials);
        assert_eq!((verdict.standing.limit(), verdict.standing.remaining), (20, 19));
    }
}
