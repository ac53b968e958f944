//! Search over all collections.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Hits when the caller does not say.
pub const DEFAULT_HITS: u16 = 20;
/// The most hits of one search.
pub const MAX_HITS: u16 = 100;
/// The longest text to search for, in characters.
pub const MAX_QUERY: usize = 200;

/// What to search for, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchParams {
    /// Words, beginnings of words, parts of e-mail addresses or of phone
    /// numbers; a record must have all of them. Case and accents do not matter.
    pub q: String,
    /// The collections to search; all of them if empty.
    pub collections: Vec<String>,
    /// Hits, 1 to [`MAX_HITS`]; [`DEFAULT_HITS`] if absent.
    pub limit: Option<u16>,
}

/// What was found, the best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchResult {
    /// The records.
    pub data: Vec<Hit>,
}

/// One record that was found. Archived ones are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hit {
    /// What it is, by its collection: `clients`.
    pub collection: String,
    /// Which it is.
    pub id: Uuid,
    /// Its name or title.
    pub title: String,
    /// The field that the snippet is of.
    pub field: String,
    /// An excerpt of that field around what was found.
    pub snippet: Vec<Piece>,
}

/// A piece of a snippet. The pieces together are the text, which is nobody's
/// markup: escape it where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is what was searched for.
    pub matched: bool,
}
