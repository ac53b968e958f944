//! Records that go from one owner to another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FieldError, Id, User, Validate};

/// `POST /api/members/{id}/transfer`: what the member owns gets another owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The member who gets the records.
    pub to: Id<User>,
    /// Only records of these collections; of all that have owners if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collections: Option<Vec<String>>,
}

impl Transfer {
    /// Of everything, to this member.
    #[must_use]
    pub fn to(member: Id<User>) -> Self {
        Self { to: member, collections: None }
    }
}

impl Validate for Transfer {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        // Which collections there are is known where they are kept.
        Ok(())
    }
}

/// What went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transferred {
    /// How many records of each collection.
    pub transferred: BTreeMap<String, u64>,
    /// Whether there are more: send the same again.
    pub more: bool,
}
