//! What an account knows of a person, and that it forgets it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{AuditEntry, Entity, FieldError, Id, Import, RowOutcome, Validate, Validator};

/// An entity whose records are about a person, or name one.
pub trait Person: Entity {
    /// What a record is called whose person was erased.
    const ERASED: &'static str;
}

/// `GET /api/crm/{collection}/{id}/personal-data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}PersonalData"))]
#[serde(bound = "T: Person")]
pub struct PersonalData<T> {
    /// The record itself; absent if it was deleted, and only copies are left.
    pub record: Option<T>,
    /// The records that refer to it.
    pub referred_by: Vec<ReferringRecord>,
    /// What imports keep of it, to be undone.
    pub import_rows: Vec<KeptImportRow>,
    /// What was answered of it to requests with an idempotency key, kept for a day
    /// to be given again.
    pub answers: Vec<KeptAnswer>,
    /// What became of it, the newest first.
    pub history: Vec<AuditEntry>,
    /// Whether that is all: at most 10,000 are told of each.
    pub is_complete: bool,
}

/// A record that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReferringRecord {
    /// Its collection.
    pub collection: String,
    /// The field that refers: `client_id`, `members[].employee_id`.
    pub field: String,
    /// Which record.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// As what it refers: the role in a project.
    pub role: Option<String>,
}

/// What an import keeps of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptImportRow {
    /// The import.
    pub import_id: Id<Import>,
    /// The row's number in the file; 1 is the heading.
    pub row: u64,
    /// What became of it.
    pub outcome: RowOutcome,
    /// The value of its key.
    pub key: Option<String>,
    /// The fields that it changed, as they had been.
    pub before: Option<Map<String, Value>>,
    /// What was wrong with it.
    pub errors: Vec<FieldError>,
}

/// An answer that is kept to be given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptAnswer {
    /// When it was given.
    pub at: Timestamp,
    /// What it says of the record.
    pub records: Vec<Value>,
}

/// `POST /api/crm/{collection}/{id}/erase`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// The record's name, or a supplier's company, as it was if the record is
    /// deleted: nobody erases by mistake.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub confirm: String,
    /// Why, for the audit log, where it stays; it should not name the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub reason: Option<String>,
}

impl Validate for Erase {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.text("confirm", &self.confirm, 1, 200);
        if let Some(reason) = &self.reason {
            check.text("reason", reason, 1, 500);
        }
        check.finish()
    }
}

/// What `POST …/erase` answers. Done again, it finds nothing more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Erased{T}"))]
#[serde(bound = "T: Person")]
pub struct Erased<T> {
    /// What is left of the record, archived: what refers to it still does. Absent if
    /// it was deleted before.
    pub record: Option<T>,
    /// The audit entries whose fields were erased.
    pub entries: u32,
    /// The rows of imports that were.
    pub import_rows: u32,
    /// The kept answers that were.
    pub answers: u32,
}
