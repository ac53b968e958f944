//! What storage needs to know of an entity.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use crate::model::Entity;

/// An entity's table: whole SQL literals and how rows and parameters map.
///
/// In each statement `$1` is the account, put there by the one path that runs
/// it. The policy is the guard all the same; the predicate `account_id = $1`
/// makes it nearly free and routes the statement to one shard.
pub trait Table: Entity {
    /// The table, with its schema.
    const NAME: &'static str;
    /// `$2` id, `$3` creator or null, then [`new_params`](Self::new_params);
    /// returns the row.
    const INSERT: &'static str;
    /// `$2` id; returns the row.
    const GET: &'static str;
    /// `$2` id, `$3` expected version or null, then
    /// [`new_params`](Self::new_params); returns the row.
    const REPLACE: &'static str;
    /// `$2` id, `$3` expected version or null, then
    /// [`patch_params`](Self::patch_params); returns the row.
    const PATCH: &'static str;
    /// `$2` id, `$3` expected version or null; returns the id.
    const DELETE: &'static str;
    /// `$2` id; returns the id of a row that exists, whatever its version.
    const EXISTS: &'static str;
    /// The orders of a list, the default first.
    const LISTS: &'static [ListSql];

    /// Reads a row, in the order of the columns of the literals.
    ///
    /// # Errors
    /// When the row is not of the expected types.
    fn from_row(row: &Row) -> Result<Self, PgError>;

    /// The content's parameters, in the literals' order.
    fn new_params(new: &Self::New) -> Vec<&(dyn ToSql + Sync)>;

    /// The patch's parameters, in the literal's order.
    fn patch_params(patch: &Self::Patch) -> Vec<&(dyn ToSql + Sync)>;

    /// The value that the row is sorted by in this order.
    fn sort_key(&self, column: &str) -> SortKey;
}

/// One order of a list, as two statements. `id` follows the column in each, so
/// that the order is total.
#[derive(Debug, Clone, Copy)]
pub struct ListSql {
    /// The column.
    pub column: &'static str,
    /// Its type.
    pub kind: SortKind,
    /// Largest first.
    pub descending: bool,
    /// The first page: `$2` rows.
    pub first: &'static str,
    /// A later page: `$2` rows, `$3` and `$4` the column and id of the last row seen.
    pub after: &'static str,
}

/// Every statement of the table.
#[cfg(feature = "testing")]
pub(crate) fn statements<T: Table>() -> Vec<&'static str> {
    let mut all = vec![T::INSERT, T::GET, T::REPLACE, T::PATCH, T::DELETE, T::EXISTS];
    all.extend(T::LISTS.iter().flat_map(|list| [list.first, list.after]));
    all
}
