//! Imports: records from a file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::batch::external_id;
use super::text_enum::text_enum;
use super::{FieldCode, FieldError, Id, User, Validate, Validator};

/// The largest CSV file, in bytes.
pub const MAX_CSV: u64 = 1024 * 1024 * 1024;
/// The largest XLSX file, in bytes; it may unpack to much more.
pub const MAX_XLSX: u64 = 20 * 1024 * 1024;
/// The smallest piece of an upload that is not its last, in bytes.
pub const MIN_PIECE: usize = 64 * 1024;
/// The largest piece of an upload, in bytes.
pub const MAX_PIECE: usize = 1024 * 1024;

text_enum! {
    /// What a file of rows is.
    pub enum SheetFormat {
        /// Text in UTF-8, separated by commas, semicolons or tabs.
        #[default]
        Csv = "csv",
        /// A workbook, of which the first sheet counts.
        Xlsx = "xlsx",
    }
}

text_enum! {
    /// What becomes of a row whose key is that of a record which is there.
    pub enum Duplicates {
        /// It is reported as failed.
        #[default]
        Refuse = "refuse",
        /// It is passed over.
        Skip = "skip",
        /// The record's fields are changed to those of the row; an empty cell
        /// leaves its field alone.
        Update = "update",
    }
}

text_enum! {
    /// How far an import is.
    pub enum ImportStatus {
        /// The file has not wholly arrived.
        #[default]
        Receiving = "receiving",
        /// The file's form is checked; nothing is stored before all of it is.
        Checking = "checking",
        /// Rows are imported.
        Importing = "importing",
        /// Every row has its outcome.
        Done = "done",
        /// The file cannot be imported, and nothing of it was.
        Failed = "failed",
        /// It is being undone.
        Undoing = "undoing",
        /// Undone: what had been changed since was kept.
        Undone = "undone",
    }
}

text_enum! {
    /// What became of a row.
    pub enum RowOutcome {
        /// It made a record.
        #[default]
        Created = "created",
        /// It changed a record.
        Changed = "changed",
        /// It was passed over, because its key was there.
        Skipped = "skipped",
        /// It was refused.
        Failed = "failed",
        /// What it had done was undone.
        Reverted = "reverted",
        /// What it had done was kept when the import was undone.
        Kept = "kept",
    }
}

impl ImportStatus {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Undone)
    }
}

/// An import to begin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewImport {
    /// Which kind of records: `clients`.
    pub collection: String,
    /// What the file is; CSV if absent.
    #[serde(default)]
    pub format: SheetFormat,
    /// The file's size in bytes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_073_741_824)))]
    pub size: u64,
    /// The file's name, to find the import again, up to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 255>>"))]
    pub file_name: Option<String>,
    /// From a column's heading to a field; `null` leaves the column out. A
    /// heading that is not here must be the name of a field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = 200)))]
    pub mapping: BTreeMap<String, Option<String>>,
    /// What becomes of a row whose key is taken.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// The field by which a record is found again; `external_id` if absent.
    #[serde(default = "external_id")]
    pub key: String,
    /// Do everything but keep no record.
    #[serde(default)]
    pub dry_run: bool,
}

impl NewImport {
    /// An import of a CSV file of this size, without a mapping.
    #[must_use]
    pub fn csv(collection: impl Into<String>, size: u64) -> Self {
        Self { collection: collection.into(), size, key: external_id(), ..Self::default() }
    }
}

/// An import: what was asked for and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Import {
    /// Identifier, chosen by the server.
    pub id: Id<Import>,
    /// Which kind of records.
    pub collection: String,
    /// What the file is.
    pub format: SheetFormat,
    /// The file's name, if it was told.
    pub file_name: Option<String>,
    /// The file's size in bytes.
    pub size: u64,
    /// How much of it has arrived: the next piece begins here.
    pub received: u64,
    /// What becomes of a row whose key is taken.
    pub duplicates: Duplicates,
    /// The field by which a record is found again.
    pub key: String,
    /// Whether no record is kept.
    pub dry_run: bool,
    /// How far it is.
    pub status: ImportStatus,
    /// Why it failed, if it did.
    pub detail: Option<String>,
    /// The places at fault, if it failed.
    pub errors: Vec<FieldError>,
    /// The fields of the columns, in their order; `null` for one that is left
    /// out. Empty before the heading was read.
    pub columns: Vec<Option<String>>,
    /// How many rows the file has, without its heading, once that is known.
    pub total: Option<u64>,
    /// How many rows have their outcome.
    pub processed: u64,
    /// Of them: new records.
    pub created: u64,
    /// Of them: records that were changed.
    pub changed: u64,
    /// Of them: passed over, because their key was there.
    pub skipped: u64,
    /// Of them: refused; the report says why.
    pub failed: u64,
    /// How many records were put back as they had been.
    pub reverted: u64,
    /// How many records were not put back, because they have changed since or
    /// others refer to them; the report says which.
    pub kept: u64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Who began it.
    pub created_by: Option<Id<User>>,
    /// When it last went on.
    pub updated_at: Timestamp,
}

/// The latest imports of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Imports {
    /// Up to 100, the latest first.
    pub data: Vec<Import>,
}

/// Rows that were refused or, after an undo, kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportReport {
    /// Up to 500 of them, in the order of the file.
    pub data: Vec<ReportedRow>,
    /// The row after which the next ones are, if there may be more.
    pub next_after: Option<u64>,
}

/// A row and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportedRow {
    /// Its number in the file; 1 is the heading.
    pub row: u64,
    /// `failed`, or `kept`.
    pub outcome: RowOutcome,
    /// The value of its key, if it has one.
    pub key: Option<String>,
    /// The record that was kept.
    pub record_id: Option<Uuid>,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

impl Validate for NewImport {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        let (most, told) = match self.format {
            SheetFormat::Csv => (MAX_CSV, "must be from 1 byte to 1 GiB"),
            SheetFormat::Xlsx => (MAX_XLSX, "must be from 1 byte to 20 MiB"),
        };
        if !(1..=most).contains(&self.size) {
            check.refuse("size", FieldCode::OutOfRange, told);
        }
        if let Some(name) = &self.file_name {
            check.text("file_name", name, 1, 255);
        }
        if self.mapping.len() > 200 {
            check.refuse("mapping", FieldCode::TooMany, "must have at most 200 columns");
        }
        let mut fields: Vec<&String> = self.mapping.values().flatten().collect();
        fields.sort_unstable();
        if let Some(twice) = fields.windows(2).find(|pair| pair[0] == pair[1]) {
            let twice: String = twice[0].chars().take(40).collect();
            let message = format!("gives the field {twice:?} to two columns");
            check.refuse("mapping", FieldCode::Duplicate, message);
        }
        check.finish()
    }
}
