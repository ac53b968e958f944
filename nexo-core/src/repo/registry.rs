//! A table of the crate, whatever its entity.

use super::overview::Overview;
use super::table::{Reference, Search, Table};
use crate::import::Importing;
use crate::model::Permission;

/// A registered table. Whatever must hold for every table is asked of these:
/// who refers to a record, and with the feature `testing`, everything that the
/// proof of isolation tries.
#[derive(Debug)]
pub struct RegisteredTable {
    /// The table, with its schema.
    pub name: &'static str,
    /// The collection's segment in a URL.
    pub collection: &'static str,
    /// What is needed to see records.
    pub to_read: Permission,
    /// What is needed to create and change records.
    pub to_write: Permission,
    /// What is needed to delete records.
    pub to_delete: Permission,
    /// The columns that refer to other records.
    pub references: &'static [Reference],
    /// How records get another owner, if they have any.
    pub(crate) transfer: Option<&'static str>,
    /// How it is searched.
    pub search: Search,
    /// How it is summed up.
    pub(crate) overview: Overview,
    /// How it is imported.
    pub(crate) import: Importing,
    /// How tests reach the entity.
    #[cfg(feature = "testing")]
    pub(crate) probe: crate::testing::Probe,
}

impl RegisteredTable {
    pub(crate) fn of<T: Table>() -> Self {
        const { assert!(orders_are_sorts::<T>(), "ORDERS of the table and SORTS of the model differ") };
        Self {
            name: T::NAME,
            collection: T::COLLECTION,
            to_read: T::TO_READ,
            to_write: T::TO_WRITE,
            to_delete: T::TO_DELETE,
            references: T::REFERENCES,
            transfer: T::TRANSFER,
            search: T::SEARCH,
            overview: Overview::of::<T>(),
            import: Importing::of::<T>(),
            #[cfg(feature = "testing")]
            probe: crate::testing::Probe::of::<T>(),
        }
    }
}

/// Whether the table orders by what the model says, in the same sequence.
const fn orders_are_sorts<T: Table>() -> bool {
    let mut at = 0;
    while at < T::ORDERS.len() && at < T::SORTS.len() {
        if !is_same(T::ORDERS[at].name.as_bytes(), T::SORTS[at].as_bytes()) {
            return false;
        }
        at += 1;
    }
    T::ORDERS.len() == T::SORTS.len()
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}
