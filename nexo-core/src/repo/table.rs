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
///
/// (Inside of this crate, `row_statements!` writes those literals that differ by nothing but the
/// table's name and columns.)
pub trait Table: Entity {
    /// The table, with its schema.
    const NAME: &'static str;
    /// `select … from … where account_id = $1`: what lists continue with
    /// further conditions, their order and their limit.
    const SELECT: &'static str;
    /// `$2` id; returns the row.
    const GET: &'static str;
    /// `$2` id, `$3` creator or null, then [`new_params`](Self::new_params);
    /// returns the row.
    const INSERT: &'static str;
    /// `$2` id, `$3` expected version or null, then
    /// [`new_params`](Self::new_params); returns the row.
    const REPLACE: &'static str;
    /// How a record is created or replaced by a key of the account's own, one
    /// for each such key.
    const UPSERTS: &'static [Upsert];
    /// `$2` id, `$3` expected version or null, then
    /// [`patch_params`](Self::patch_params); returns the row.
    const PATCH: &'static str;
    /// `$2` id: holds the record until the transaction ends. For entities whose
    /// parts are in another table; sent before a change.
    const LOCK: Option<&'static str> = None;
    /// `$2` id, `$3` expected version or null; returns the id.
    const DELETE: &'static str;
    /// `$2` id, `$3` expected version or null; returns the row.
    const ARCHIVE: &'static str;
    /// `$2` id, `$3` expected version or null; returns the row.
    const RESTORE: &'static str;
    /// How a record forgets its person; for entities that are about one.
    const ERASURE: Option<Erasure> = None;
    /// `$2` id; returns the id of a row that exists, whatever its version.
    const EXISTS: &'static str;
    /// The orders of a list, the default first; each has an index.
    const ORDERS: &'static [Order];
    /// Filters and orders that share an index, so that a list of rows with one
    /// of several values is merged from one ordered piece a value.
    const MERGED: &'static [(&'static str, &'static str)];
    /// The columns that make a record somebody's own; of a kind without one
    /// everybody sees all or none. Each goes before every order in an index.
    const OWNERS: &'static [&'static str] = &[];
    /// How records get another owner. `$2` whose they are, `$3` whose they are to
    /// be, `$4` how many at most: how many did.
    const TRANSFER: Option<&'static str> = None;
    /// The columns that refer to other records.
    const REFERENCES: &'static [Reference] = &[];
    /// The references whose records a list can bring along.
    const EXPANSIONS: &'static [Expansion] = &[];

    /// How the collection is searched.
    const SEARCH: Search;

    /// Reads a row, in the order of the columns of the literals.
    ///
    /// # Errors
    /// When the row is not of the expected types.
    fn from_row(row: &Row) -> Result<Self, PgError>;

    /// The content's parameters, in the literals' order.
    fn new_params(new: &Self::New) -> Vec<&(dyn ToSql + Sync)>;

    /// Whether the content has a value for this key, one of
    /// [`UPSERTS`](Self::UPSERTS).
    fn has_key(new: &Self::New, key: &str) -> bool;

    /// The patch's parameters, in the literal's order.
    fn patch_params(patch: &Self::Patch) -> Vec<&(dyn ToSql + Sync)>;

    /// The value that the row is sorted by in this order.
    fn sort_key(&self, order: &str) -> SortKey;
}

/// One order of a list. `id` follows the column, so that the order is total.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// What callers name.
    pub name: &'static str,
    /// The column, never null.
    pub column: &'static str,
    /// Its type.
    pub kind: SortKind,
}

/// When it was created: the default order of every list.
pub(super) const CREATED: Order =
    Order { name: "created_at", column: "created_at", kind: SortKind::Time };
/// When it was last changed.
pub(super) const UPDATED: Order =
    Order { name: "updated_at", column: "updated_at", kind: SortKind::Time };

/// Two statements: the first makes the record unless its key is there, the
/// second replaces the one that is. Apart, because only a statement that begins
/// after the first has waited for others sees what they wrote.
#[derive(Debug, Clone, Copy)]
pub struct Upsert {
    /// The field, unique in the account.
    pub key: &'static str,
    /// As [`Table::INSERT`]; returns nothing when the key is there.
    pub insert: &'static str,
    /// As [`Table::REPLACE`], of the record with this key, unless it is `$2`.
    pub replace: &'static str,
}

/// How a record forgets its person.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    /// `$2` id: holds the record until the transaction ends; returns the row.
    pub hold: &'static str,
    /// `$2` id: overwrites all that is of the person, and archives what is left;
    /// returns the row.
    pub erase: &'static str,
}

/// How a collection is searched.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// `$2` what is searched for: collection, id, title, the other texts, rank
    /// and time of the last change of the best that match.
    pub sql: &'static str,
    /// The fields of the title and of the other texts.
    pub fields: &'static [&'static str],
}

/// A column that refers to records of another table, or of the same.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The field.
    pub field: &'static str,
    /// The table referred to, with its schema.
    pub target: &'static str,
    /// `$2` the id referred to: how many refer to it, up to 100.
    pub count: &'static str,
    /// `$2` the id referred to, `$3` how many: the id and the name of those that
    /// do, and their role for it, or null.
    pub list: &'static str,
}

/// A name in `expand` and one collection that it brings along.
#[derive(Debug, Clone, Copy)]
pub struct Expansion {
    /// What callers name, one of the entity's `EXPANDS`.
    pub name: &'static str,
    /// What the collection's `SELECT` is continued with; `{page}` stands for
    /// the page's own statement.
    pub condition: &'static str,
    pub(super) collection: &'static str,
    pub(super) select: &'static str,
    pub(super) record: fn(&Row) -> Result<(String, serde_json::Value), PgError>,
}

impl Expansion {
    /// Records of `T`.
    pub(super) const fn of<T: Table>(name: &'static str, condition: &'static str) -> Self {
        Self { name, condition, collection: T::COLLECTION, select: T::SELECT, record: record::<T> }
    }
}

fn record<T: Table>(row: &Row) -> Result<(String, serde_json::Value), PgError> {
    let row = T::from_row(row)?;
    let value = serde_json::to_value(&row).expect("wire types always serialise");
    Ok((row.id().to_string(), value))
}

/// The literals of a [`Table`] that differ by its name and its columns alone.
macro_rules! row_statements {
    ($table:literal, $columns:expr) => {
        const NAME: &'static str = $table;

        const SELECT: &'static str =
            concat!("select ", $columns, " from ", $table, " where account_id = $1");

        const GET: &'static str =
            concat!("select ", $columns, " from ", $table, " where account_id = $1 and id = $2");

        const EXISTS: &'static str =
            concat!("select id from ", $table, " where account_id = $1 and id = $2");

        const DELETE: &'static str = concat!(
            "delete from ",
            $table,
            " where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
             returning id"
        );

        const ARCHIVE: &'static str = concat!(
            "update ",
            $table,
            " set archived_at = coalesce(archived_at, now()), version = version + 1, updated_at = now()
             where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
             returning ",
            $columns
        );

        const RESTORE: &'static str = concat!(
            "update ",
            $table,
            " set archived_at = null, version = version + 1, updated_at = now()
             where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
             returning ",
            $columns
        );
    };
}
pub(super) use row_statements;

/// The statements of an [`Erasure`], of which the fields are what differs.
macro_rules! erasure {
    ($table:literal, $columns:expr, $fields:literal) => {
        Some(Erasure {
            hold: concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " where account_id = $1 and id = $2 for no key update"
            ),
            erase: concat!(
                "update ",
                $table,
                " set ",
                $fields,
                ", archived_at = coalesce(archived_at, now()), version = version + 1, updated_at = now()
                 where account_id = $1 and id = $2
                 returning ",
                $columns
            ),
        })
    };
}
pub(super) use erasure;

/// The statement of a [`Table::TRANSFER`].
macro_rules! transfer {
    ($table:literal) => {
        Some(concat!(
            "with going as (
                 select id from ",
            $table,
            " where account_id = $1 and owner_id = $2 order by created_at, id limit $4 for no key update
             ), gone as (
                 update ",
            $table,
            " set owner_id = $3, version = version + 1, updated_at = now()
                 where account_id = $1 and owner_id = $2 and id in (select id from going) returning id
             )
             select count(*) from gone"
        ))
    };
}
pub(super) use transfer;

/// The statement of a [`Search`].
macro_rules! search {
    ($table:literal, $collection:literal, $title:literal, [$($text:literal),*]) => {
        Search {
            sql: concat!(
                "select '", $collection, "' as collection, id, ", $title, " as title, array[",
                search!(@texts $($text),*), "]::text[] as texts,
                 nexo.search_rank($2, ", $title, ") as rank, updated_at
                 from ", $table, "
                 where account_id = $1 and archived_at is null
                   and id = any(array(select nexo.search_ids('", $collection, "', $2, 100, false, true)))"
            ),
            fields: &[$title $(, $text)*],
        }
    };
    (@texts) => { "" };
    (@texts $first:literal $(, $more:literal)*) => { concat!($first $(, ", ", $more)*) };
}
pub(super) use search;
