//! Lists: one page at a time, by keyset.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rows a page when the caller does not say.
pub const DEFAULT_LIMIT: u16 = 50;
/// The most rows a page may have.
pub const MAX_LIMIT: u16 = 200;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the order that was asked for.
    pub data: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// A sort column and its direction: `name`, or `-created_at` for descending.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sort {
    /// The column, one of the entity's `SORTS`.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// Reads the wire form. The column is checked by the repository, which
    /// knows what its table can sort by.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (column, descending) = match text.strip_prefix('-') {
            Some(column) => (column, true),
            None => (text, false),
        };
        Self { column: column.to_owned(), descending }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.column)
    }
}

/// Which page of a list, and in what order. The default is the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListParams {
    /// Rows a page, 1 to [`MAX_LIMIT`]; [`DEFAULT_LIMIT`] if absent.
    pub limit: Option<u16>,
    /// The `next_cursor` of the page before. It is opaque, and it belongs to
    /// one account, one collection and one order.
    pub cursor: Option<String>,
    /// The order; `-created_at` if absent.
    pub sort: Option<Sort>,
}
