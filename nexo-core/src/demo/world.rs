//! Where every record comes from: a seed, a kind and a place in its row.
//!
//! Nothing is remembered. What a record is and when it was created follows from
//! its number, so a task can name its project without looking it up, chunks can
//! be made in any order, and a million records need no more memory than ten.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use uuid::{Builder, Uuid};

use super::random::Random;
use super::size::{Demo, Kind};
use crate::model::{Account, Id, User};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const SPAN_MS: u64 = 3 * 365 * DAY_MS;

/// The same number gives different numbers for different uses.
#[derive(Clone, Copy)]
enum Use {
    Content,
    Moment,
    Name,
}

/// The account as it will be.
#[derive(Debug)]
pub(super) struct World {
    pub(super) demo: Demo,
    account: u64,
    begins_ms: u64,
}

/// What a record has besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) id: Uuid,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) archived_at: Option<Timestamp>,
}

/// A record to be written.
#[derive(Debug)]
pub(super) struct Made<T> {
    pub(super) stamp: Stamp,
    pub(super) new: T,
}

impl World {
    pub(super) fn new(demo: Demo, account: Id<Account>) -> Self {
        let (high, low) = account.as_uuid().as_u64_pair();
        let until = u64::try_from(demo.until.as_millisecond()).unwrap_or(SPAN_MS).max(SPAN_MS);
        Self { account: high ^ low, begins_ms: until - SPAN_MS, demo }
    }

    pub(super) fn count(&self, kind: Kind) -> u32 {
        self.demo.count(kind)
    }

    /// Numbers for the content of a record.
    pub(super) fn content(&self, kind: Kind, at: u32) -> Random {
        self.random(kind, at, Use::Content)
    }

    fn random(&self, kind: Kind, at: u32, what: Use) -> Random {
        Random::of(&[self.demo.seed, kind as u64, u64::from(at), what as u64])
    }

    /// When a record was created, in milliseconds: later for higher numbers, and
    /// closer to each other from year to year, as in a business that grows.
    /// (Of floating point only what is exact, and so the same everywhere.)
    fn created_ms(&self, kind: Kind, at: u32) -> u64 {
        let jitter = f64::from(self.random(kind, at, Use::Moment).below(1 << 16));
        let part = (f64::from(at) + jitter / 65_536.0) / f64::from(self.count(kind));
        self.begins_ms + (part.sqrt() * SPAN_MS as f64) as u64
    }

    /// Whose a record is: four of five are the user's for whom all is made.
    pub(super) fn owner_of(&self, at: u32) -> Option<Id<User>> {
        self.demo.owner.filter(|_| !at.is_multiple_of(5))
    }

    /// When a record was created.
    pub(super) fn created_at(&self, kind: Kind, at: u32) -> Timestamp {
        moment(self.created_ms(kind, at))
    }

    /// The identifier of a record. It says when the record was created, as
    /// those do that the server chooses.
    pub(super) fn id<T>(&self, kind: Kind, at: u32) -> Id<T> {
        Id::from_uuid(self.uuid(kind, at))
    }

    fn uuid(&self, kind: Kind, at: u32) -> Uuid {
        // Of two accounts that are filled alike, each has its own.
        let parts = [self.demo.seed, self.account, kind as u64, u64::from(at), Use::Name as u64];
        let mut random = Random::of(&parts);
        let bits = ((u128::from(random.bits()) << 64) | u128::from(random.bits())).to_be_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&bits[..10]);
        Builder::from_unix_timestamp_millis(self.created_ms(kind, at), &tail).into_uuid()
    }

    /// What a record has besides its content: some were never touched, some
    /// several times, and some are archived.
    pub(super) fn stamp(&self, kind: Kind, at: u32, random: &mut Random) -> Stamp {
        let created_at = self.created_at(kind, at);
        let changes = if random.percent(40) { 0 } else { random.within(1, 6) };
        let updated_at = if changes == 0 { created_at } else { self.after(created_at, random) };
        let is_archived = !matches!(kind, Kind::Department | Kind::Employee) && random.percent(3);
        let archived_at = is_archived.then(|| self.after(updated_at, random));
        Stamp {
            id: self.uuid(kind, at),
            version: 1 + i64::from(changes) + i64::from(is_archived),
            created_at,
            updated_at: archived_at.unwrap_or(updated_at),
            archived_at,
        }
    }

    /// A moment between that one and the end, mostly soon.
    pub(super) fn after(&self, moment: Timestamp, random: &mut Random) -> Timestamp {
        let left = self.demo.until.duration_since(moment).as_millis().max(0) as u64;
        let some = u64::from(random.below(1 << 16));
        let part = (u128::from(left) * u128::from(some * some)) >> 32;
        moment + SignedDuration::from_millis(part as i64)
    }

    /// The last day.
    pub(super) fn today(&self) -> Date {
        day(self.demo.until)
    }

    /// How many of `kind` there were when record `at` of `of` was created; at
    /// least one.
    pub(super) fn before(&self, kind: Kind, of: Kind, at: u32) -> u32 {
        let there = u64::from(at) * u64::from(self.count(kind)) / u64::from(self.count(of));
        (there as u32).max(1)
    }
}

fn moment(milliseconds: u64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds as i64).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The day of a moment.
pub(super) fn day(moment: Timestamp) -> Date {
    moment.to_zoned(TimeZone::UTC).date()
}

/// So many days later.
pub(super) fn later(day: Date, days: u32) -> Date {
    day.saturating_add(i64::from(days).days())
}

/// So many days earlier.
pub(super) fn earlier(day: Date, days: u32) -> Date {
    day.saturating_sub(i64::from(days).days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_agree_with_the_times() {
        let world = World::new(Demo::of(500).expect("a size"), Id::new());
        let mut last = (Timestamp::UNIX_EPOCH, Id::<()>::from_uuid(Uuid::nil()));
        for at in 0..500 {
            let created_at = world.created_at(Kind::Client, at);
            let id = world.id::<()>(Kind::Client, at);
            let (seconds, nanoseconds) = id.as_uuid().get_timestamp().expect("version 7").to_unix();
            assert_eq!(created_at.as_second() as u64, seconds);
            assert_eq!(created_at.subsec_nanosecond() as u32, nanoseconds);
            assert!((created_at, id) > last && created_at <= world.demo.until);
            last = (created_at, id);
        }
    }
}
