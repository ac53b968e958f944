//! Repositories: typed access to tenants' records.
//!
//! A new entity is a file here beside `client.rs` and a line below.

mod batch;
mod client;
mod cursor;
mod department;
mod employee;
mod export;
mod keyed;
mod list;
pub(crate) mod operations;
mod overview;
mod owned;
mod patch;
mod professional;
mod project;
mod references;
mod registry;
mod repository;
pub(crate) mod search;
mod snippet;
mod supplier;
mod table;
mod task;

pub(crate) use batch::upsert_by;
pub use cursor::{Day, SortKey, SortKind};
pub use export::Export;
pub use keyed::Keyed;
pub(crate) use list::Statement;
pub(crate) use list::{checked_limit, unknown};
pub(crate) use operations::version_conflict;
pub(crate) use overview::{BUDGETS, BY_STATUS};
pub(crate) use owned::Whose;
pub(crate) use references::referred_to;
pub use registry::RegisteredTable;
pub use repository::Repository;
pub use table::{Erasure, Expansion, Order, Reference, Search, Table, Upsert};

use crate::model::{Client, Department, Employee, Professional, Project, Supplier, Task};

/// How lists become statements, for tests of all of them.
#[cfg(feature = "testing")]
pub(crate) mod lists {
    pub(crate) use super::cursor::Cursor;
    pub(crate) use super::list::{Conditions, Statement, count, expansion, page};
    pub(crate) use super::overview::of_table;
    pub(crate) use super::owned::Whose;
}

/// Where lists go on, for fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    pub(crate) use super::cursor::{Cursor, SortKey, SortKind};
}

/// Every table of the crate: what must hold for each of them is asked of these.
#[must_use]
pub fn registered() -> Vec<RegisteredTable> {
    vec![
        RegisteredTable::of::<Client>(),
        RegisteredTable::of::<Department>(),
        RegisteredTable::of::<Employee>(),
        RegisteredTable::of::<Supplier>(),
        RegisteredTable::of::<Professional>(),
        RegisteredTable::of::<Project>(),
        RegisteredTable::of::<Task>(),
    ]
}
