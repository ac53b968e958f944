//! An import as it is stored.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::{Error as PgError, Row};

use super::importing::table_of;
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, FieldError, Id, Import, Permission};
use crate::tenant::TenantScope;

/// The columns of every import that is read, in the order of [`State::read`].
macro_rules! columns {
    () => {
        "id, collection, format, file_name, size, received, duplicates, key, dry_run, status, detail, errors, columns, \
         total, processed, created, changed, skipped, failed, reverted, kept, created_at, created_by, updated_at, \
         mapping, length, delimiter, position, next_row, first_position, first_row"
    };
}
pub(super) use columns;

/// `$2` id.
pub(super) const GET: &str = concat!(
    "select ",
    columns!(),
    " from nexo.imports where account_id = $1 and id = $2 and not forgotten"
);

/// As [`GET`], and nobody else goes on with it until the transaction ends. Who
/// comes meanwhile is refused at once: waiting would hold a connection.
pub(super) const LOCK: &str = concat!(
    "select ",
    columns!(),
    " from nexo.imports where account_id = $1 and id = $2 and not forgotten for no key update nowait"
);

/// `$2` id: its file, which nothing reads any more.
pub(super) const DROP_FILE: &str =
    "delete from nexo.import_chunks where account_id = $1 and import_id = $2";

/// What is done with the records of an import's collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// It tells of them: by a report's keys, or a heading's names.
    Tell,
    Store,
    TakeBack,
}

/// An import and where it stands in its file.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(super) import: Import,
    pub(super) mapping: BTreeMap<String, Option<String>>,
    /// The length of the text, in bytes; 0 before a workbook became text.
    pub(super) length: u64,
    pub(super) delimiter: Option<u8>,
    pub(super) position: u64,
    pub(super) next_row: u64,
    /// Where the rows begin, after the heading.
    pub(super) first_position: u64,
    pub(super) first_row: u64,
}

impl State {
    pub(super) fn id(&self) -> Id<Import> {
        self.import.id
    }

    /// Where the import is now that its file is gone.
    pub(super) async fn after(&self, database: &Database, scope: &TenantScope) -> Result<Self> {
        let rows = database
            .scoped_to_account(scope)
            .run(Access::read(Permission::ImportRun), &[Call::new(GET, &[&self.id()])])
            .await?;
        let now = Self::one(&rows[0])?;
        if now.is_at(self) {
            return Err(Error::new(ErrorCode::Internal, "a piece of the file is missing"));
        }
        Ok(now)
    }

    /// The field of each column of the file, empty for one that is left out.
    pub(super) fn columns(&self) -> Vec<String> {
        let columns = self.import.columns.iter();
        columns.map(|field| field.clone().unwrap_or_default()).collect()
    }

    /// Whether both are at the same place, so that what was read for one is
    /// good for the other.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        let place = |state: &Self| (state.import.status, state.position, state.next_row);
        place(self) == place(other)
    }

    pub(super) fn one(rows: &[Row]) -> Result<Self> {
        Self::read(rows.first().ok_or_else(Error::not_found)?).map_err(translate)
    }

    /// The same, for somebody who may do this with the records too. The right
    /// to import is not one to every collection.
    pub(super) async fn permitted(self, by: &impl Executor, does: Does) -> Result<Self> {
        let table = table_of(&self.import.collection).ok_or_else(Error::not_found)?;
        let needs = match does {
            Does::Tell => table.to_read.into(),
            // A file may have a row for any record.
            Does::Store => table.to_write | table.to_read,
            Does::TakeBack => (table.to_write | table.to_delete).with(table.to_read),
        };
        by.permit(needs).await?;
        Ok(self)
    }

    pub(super) fn read(row: &Row) -> Result<Self, PgError> {
        let number = |at| row.try_get::<_, i64>(at).map(|number| number.try_into().unwrap_or(0));
        let errors: Value = row.try_get(11)?;
        let errors: Vec<FieldError> = serde_json::from_value(errors).unwrap_or_default();
        let columns: Vec<String> = row.try_get(12)?;
        let total: Option<i64> = row.try_get(13)?;
        let delimiter: Option<&str> = row.try_get(26)?;
        let mapping: Value = row.try_get(24)?;
        let import = Import {
            id: row.try_get(0)?,
            collection: row.try_get(1)?,
            format: row.try_get(2)?,
            file_name: row.try_get(3)?,
            size: number(4)?,
            received: number(5)?,
            duplicates: row.try_get(6)?,
            key: row.try_get(7)?,
            dry_run: row.try_get(8)?,
            status: row.try_get(9)?,
            detail: row.try_get(10)?,
            errors,
            columns: columns
                .into_iter()
                .map(|name| Some(name).filter(|it| !it.is_empty()))
                .collect(),
            total: total.map(|total| total.try_into().unwrap_or(0)),
            processed: number(14)?,
            created: number(15)?,
            changed: number(16)?,
            skipped: number(17)?,
            failed: number(18)?,
            reverted: number(19)?,
            kept: number(20)?,
            created_at: row.try_get(21)?,
            created_by: row.try_get(22)?,
            updated_at: row.try_get(23)?,
        };
        Ok(Self {
            import,
            mapping: serde_json::from_value(mapping).unwrap_or_default(),
            length: number(25)?,
            delimiter: delimiter.and_then(|text| text.bytes().next()),
            position: number(27)?,
            next_row: number(28)?,
            first_position: number(29)?,
            first_row: number(30)?,
        })
    }
}

/// A count as the database keeps it.
pub(super) fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
