//! Lists: one page at a time, by keyset.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text_enum::text_enum;
use super::{Entity, Id};

/// Rows a page when the caller does not say.
pub const DEFAULT_LIMIT: u16 = 50;
/// The most rows a page may have.
pub const MAX_LIMIT: u16 = 200;
/// Up to this many rows, `count=estimated` counts exactly.
pub const COUNT_BOUND: u64 = 10_000;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Page"))]
pub struct Page<T> {
    /// The rows, in the order that was asked for.
    pub data: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last one.
    pub next_cursor: Option<String>,
    /// How many rows the whole list has, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// The records that `expand` asked for.
    #[serde(default, skip_serializing_if = "Included::is_empty")]
    pub included: Included,
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    /// The number.
    pub value: u64,
    /// Whether it is that number, or that many and more.
    pub relation: CountRelation,
}

text_enum! {
    /// What a [`Count`] says.
    pub enum CountRelation {
        /// It is this number.
        #[default]
        Equal = "eq",
        /// It is this number or more.
        AtLeast = "gte",
    }
}

text_enum! {
    /// Whether a list says how many rows it has in all.
    pub enum CountMode {
        /// It does not: the fastest.
        #[default]
        None = "none",
        /// Exactly, up to [`COUNT_BOUND`]; beyond it, "at least" that many. The
        /// cost is bounded too.
        Estimated = "estimated",
        /// Exactly, however long that takes.
        Exact = "exact",
    }
}

/// Records that others refer to, by collection and id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Included(BTreeMap<String, BTreeMap<String, Value>>);

impl Included {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record of this id, if `expand` asked for it and it exists.
    #[must_use]
    pub fn get<T: Entity>(&self, id: Id<T>) -> Option<T> {
        let record = self.0.get(T::COLLECTION)?.get(&id.to_string())?;
        T::deserialize(record).ok()
    }

    /// Puts a record in.
    pub fn insert(&mut self, collection: &str, id: String, record: Value) {
        match self.0.get_mut(collection) {
            Some(records) => drop(records.insert(id, record)),
            None => drop(self.0.insert(collection.to_owned(), BTreeMap::from([(id, record)]))),
        }
    }
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

/// Which rows of a list, in what order, and what comes with them. The default
/// is every row that is not archived, the newest first.
pub struct ListParams<T: Entity> {
    /// Rows a page, 1 to [`MAX_LIMIT`]; [`DEFAULT_LIMIT`] if absent.
    pub limit: Option<u16>,
    /// The `next_cursor` of the page before. It is opaque, and it belongs to
    /// one account, one collection and one order.
    pub cursor: Option<String>,
    /// The order; `-created_at` if absent.
    pub sort: Option<Sort>,
    /// Only rows in which these words are found, as in
    /// [`SearchParams`](super::SearchParams).
    pub q: Option<String>,
    /// Only rows that pass.
    pub filter: T::Filter,
    /// The archived rows instead of the others.
    pub archived: bool,
    /// Whether to count all rows that pass.
    pub count: CountMode,
    /// References of the entity's `EXPANDS` whose records come along.
    pub expand: Vec<String>,
}

// Written by hand because derives would ask the same of `T`.
impl<T: Entity> Default for ListParams<T> {
    fn default() -> Self {
        Self {
            limit: None,
            cursor: None,
            sort: None,
            q: None,
            filter: T::Filter::default(),
            archived: false,
            count: CountMode::None,
            expand: Vec::new(),
        }
    }
}

impl<T: Entity> Clone for ListParams<T> {
    fn clone(&self) -> Self {
        Self {
            limit: self.limit,
            cursor: self.cursor.clone(),
            sort: self.sort.clone(),
            q: self.q.clone(),
            filter: self.filter.clone(),
            archived: self.archived,
            count: self.count,
            expand: self.expand.clone(),
        }
    }
}

impl<T: Entity> PartialEq for ListParams<T> {
    fn eq(&self, other: &Self) -> bool {
        let Self { limit, cursor, sort, q, filter, archived, count, expand } = self;
        (limit, cursor, sort, filter) == (&other.limit, &other.cursor, &other.sort, &other.filter)
            && (q, archived, count, expand)
                == (&other.q, &other.archived, &other.count, &other.expand)
    }
}

impl<T: Entity> fmt::Debug for ListParams<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListParams")
            .field("limit", &self.limit)
            .field("cursor", &self.cursor)
            .field("sort", &self.sort)
            .field("q", &self.q)
            .field("filter", &self.filter)
            .field("archived", &self.archived)
            .field("count", &self.count)
            .field("expand", &self.expand)
            .finish()
    }
}
