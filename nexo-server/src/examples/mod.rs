//! Believable bodies: of requests, for each route that reads one, and of answers,
//! for each type that is answered as JSON.
//!
//! They are values of the wire types, serialised, so that they cannot be of another
//! form than what is really sent.

mod audit;
mod identity;
mod people;
mod records;
mod requests;
mod server;
mod session;
mod work;

use jiff::Timestamp;
use nexo_core::model::{Account, AuditEntry, Client, Id, Role, Session, User};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub(crate) use requests::*;
pub(crate) use server::{description, key_set};

/// A body of an answer. Whoever answers a type shows it: without one, a route
/// cannot be written down.
pub(crate) trait Sample: JsonSchema + Serialize {
    /// One that could be.
    fn sample() -> Self;
}

const ACCOUNT: Id<Account> = id(0x01);
/// An owner of the account.
const ADA: Id<User> = id(0x02);
/// A member of it.
const CHARLES: Id<User> = id(0x03);
const SESSION: Id<Session> = id(0x04);
const ROLE: Id<Role> = id(0x05);
const CLIENT: Id<Client> = id(0x10);
const ENTRY: Id<AuditEntry> = id(0x20);

/// When all of it was.
const NOW: Timestamp = at(0);

/// So many hours later.
const fn at(hour: i64) -> Timestamp {
    // 31 January 2026, 9:30 in UTC.
    Timestamp::constant(1_769_851_800 + hour * 3600, 0)
}

const fn id<T>(number: u128) -> Id<T> {
    Id::from_uuid(uuid(number))
}

const fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x019c_1363_49c0_7000_8000_0000_0000_0000 | number)
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("wire types always serialise")
}
