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

/// The tables of this crate, so that tests reach those added later.
#[cfg(feature = "testing")]
pub(crate) fn statements() -> Vec<(&'static str, Vec<&'static str>)> {
    fn of<T: Table>() -> (&'static str, Vec<&'static str>) {
        (T::NAME, table::statements::<T>())
    }
    vec![of::<crate::model::Client>()]
}
