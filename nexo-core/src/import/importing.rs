//! What an import needs of an entity, whichever it is.

use std::fmt;
use std::pin::Pin;

use super::columns::Names;
use super::rows::{self, Chunk, Done};
use super::undo::{self, Made, Undone};
use crate::db::Transaction;
use crate::error::Result;
use crate::repo::{RegisteredTable, Table, registered};
use crate::sheet::{fields_of, read_row};

type Work<'a, R> = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

/// A table's entity, as imports see it.
pub(crate) struct Importing {
    /// The names of its fields.
    pub(super) names: fn() -> Names,
    /// Stores rows of the file.
    pub(super) store: for<'a> fn(&'a Transaction, &'a Chunk<'a>) -> Work<'a, Vec<Done>>,
    /// Takes back what rows have done.
    pub(super) undo: for<'a> fn(&'a Transaction, &'a [Made]) -> Work<'a, Vec<Undone>>,
}

impl Importing {
    pub(crate) fn of<T: Table>() -> Self {
        Self {
            names: names::<T>,
            store: |transaction, chunk| Box::pin(rows::store::<T>(transaction, chunk)),
            undo: |transaction, made| Box::pin(undo::take_back::<T>(transaction, made)),
        }
    }
}

fn names<T: Table>() -> Names {
    // The first field that a record cannot do without.
    let required = read_row::<T::New>(&[]).err().map(|refused| refused.field);
    Names {
        fields: fields_of::<T::New>(),
        own: T::FIELDS,
        keys: T::UPSERTS.iter().map(|upsert| upsert.key).collect(),
        required,
    }
}

/// The table of a collection.
pub(super) fn table_of(collection: &str) -> Option<RegisteredTable> {
    registered().into_iter().find(|table| table.collection == collection)
}

impl fmt::Debug for Importing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importing").finish_non_exhaustive()
    }
}
