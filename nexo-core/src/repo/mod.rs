//! Repositories: typed access to tenants' records.
//!
//! A new entity is a file here beside `client.rs` and a line below.

mod client;
mod cursor;
pub(crate) mod operations;
mod repository;
mod table;

pub use cursor::{SortKey, SortKind};
pub use repository::Repository;
pub use table::{ListSql, Table};

#[cfg(feature = "testing")]
pub(crate) use table::statements;

/// The tables of this crate, so that tests reach those added later.
#[cfg(feature = "testing")]
pub(crate) fn registered() -> Vec<crate::testing::RegisteredTable> {
    use crate::testing::RegisteredTable;
    vec![RegisteredTable::of::<crate::model::Client>()]
}
