//! Many changes in one call.

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use super::{Entity, ErrorCode, FieldError, Id};

/// The most operations of one batch.
pub const MAX_BATCH: usize = 1_000;

text_enum! {
    /// What becomes of a batch when one of its operations cannot be done.
    pub enum BatchMode {
        /// Nothing is done, and the first failure is told.
        #[default]
        Atomic = "atomic",
        /// The others are done, and each result is told.
        Each = "each",
    }
}

/// One operation of a batch. On the wire `op` says which: `create`, `upsert`,
/// `patch` or `delete`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Operation", bound = "T: Entity"))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[serde(bound(
    serialize = "T::New: Serialize, T::Patch: Serialize",
    deserialize = "T::New: Deserialize<'de>, T::Patch: Deserialize<'de>"
))]
pub enum BatchOperation<T: Entity> {
    /// Creates a record.
    Create {
        /// Its content.
        record: T::New,
    },
    /// Replaces the record with this key, or creates it.
    Upsert {
        /// The field that is the key, one that is unique in the collection:
        /// `external_id` if absent. The content must have it.
        #[serde(default = "external_id")]
        key: String,
        /// The whole content.
        record: T::New,
    },
    /// Changes some fields of a record.
    Patch {
        /// Which.
        id: Id<T>,
        /// The version that it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
        /// The fields.
        changes: T::Patch,
    },
    /// Deletes a record.
    Delete {
        /// Which.
        id: Id<T>,
        /// The version that it must still have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
    },
}

/// The key of an upsert that names none.
pub(crate) fn external_id() -> String {
    "external_id".to_owned()
}

/// A batch: up to 1,000 operations, done in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Batch", bound = "T: Entity"))]
#[serde(deny_unknown_fields, bound = "")]
pub struct Batch<T: Entity> {
    /// What becomes of it when an operation cannot be done.
    #[serde(default)]
    pub mode: BatchMode,
    /// The operations.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1_000)))]
    pub operations: Vec<BatchOperation<T>>,
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Outcome", bound = "T: Entity"))]
#[serde(tag = "outcome", rename_all = "snake_case", bound = "")]
pub enum BatchOutcome<T: Entity> {
    /// The record was created.
    Created {
        /// It.
        record: T,
    },
    /// The record was changed.
    Changed {
        /// As it is now.
        record: T,
    },
    /// The record was deleted.
    Deleted {
        /// Which.
        id: Id<T>,
    },
    /// Nothing was done.
    Failed {
        /// Why.
        error: BatchError,
    },
}

/// Why an operation of a batch was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchError {
    /// The stable code that programs decide by.
    pub code: ErrorCode,
    /// What went wrong.
    pub detail: String,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}BatchResult", bound = "T: Entity"))]
#[serde(bound = "")]
pub struct BatchResult<T: Entity> {
    /// How many operations were done.
    pub succeeded: usize,
    /// How many were not.
    pub failed: usize,
    /// What became of each operation, in their order.
    pub results: Vec<BatchOutcome<T>>,
}

impl<T: Entity> BatchOutcome<T> {
    /// Why it was not done, if it was not.
    pub const fn error(&self) -> Option<&BatchError> {
        match self {
            Self::Failed { error } => Some(error),
            _ => None,
        }
    }
}

impl<T: Entity> From<Vec<BatchOutcome<T>>> for BatchResult<T> {
    fn from(results: Vec<BatchOutcome<T>>) -> Self {
        let failed = results.iter().filter(|outcome| outcome.error().is_some()).count();
        Self { succeeded: results.len() - failed, failed, results }
    }
}
