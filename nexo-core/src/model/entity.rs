//! What every entity of the CRM has on the wire.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Filters, Id, Permission, Validate};

/// What has a JSON schema, where there are schemas.
#[cfg(feature = "schema")]
pub trait Shape: schemars::JsonSchema {}
#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> Shape for T {}
/// What has a JSON schema, where there are schemas.
#[cfg(not(feature = "schema"))]
pub trait Shape {}
#[cfg(not(feature = "schema"))]
impl<T> Shape for T {}

/// A kind of record: its shapes on the wire and where it lives.
///
/// Storage is the `Table` trait of the `repo` module, so that the SDK does not
/// need a database driver to name a client.
pub trait Entity:
    Serialize
    + DeserializeOwned
    + Shape
    + Debug
    + Clone
    + PartialEq
    + Send
    + Sync
    + Unpin
    + Sized
    + 'static
{
    /// What a caller gives to create or to replace a record.
    type New: Content;
    /// What a caller gives to change some fields of a record.
    type Patch: Content;
    /// What a list can be filtered by.
    type Filter: Filters;

    /// What is needed to see records.
    const TO_READ: Permission;
    /// What is needed to create and change records.
    const TO_WRITE: Permission;
    /// What is needed to delete records.
    const TO_DELETE: Permission;
    /// The collection's segment in a URL: `clients`.
    const COLLECTION: &'static str;
    /// The fields of a record, in the order of its JSON.
    const FIELDS: &'static [&'static str];
    /// The columns that a list can be sorted by, the default first.
    const SORTS: &'static [&'static str];
    /// The references whose records a list can bring along.
    const EXPANDS: &'static [&'static str] = &[];

    /// A believable record to create: what documentation shows and benches send.
    /// Those of different numbers can stand in one account.
    fn example(number: u32) -> Self::New;

    /// The record's identifier.
    fn id(&self) -> Id<Self>;
    /// The record's version: 1 when created, one more at each change.
    fn version(&self) -> i64;
}

/// What a caller gives: a value like any other, that can be checked.
pub trait Content:
    Serialize + DeserializeOwned + Shape + Validate + Debug + Clone + PartialEq + Send + Sync + 'static
{
}

impl<T> Content for T where
    T: Serialize
        + DeserializeOwned
        + Shape
        + Validate
        + Debug
        + Clone
        + PartialEq
        + Send
        + Sync
        + 'static
{
}
