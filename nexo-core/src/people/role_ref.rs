//! A role in two columns: the word, and the id of one that the account made.

use tokio_postgres::{Error as PgError, Row};

use crate::model::{BuiltInRole, Id, Role, RoleRef};

/// What stands for a role of the account's own in the column of words.
const CUSTOM: &str = "custom";

/// The two columns of a role.
pub(super) fn columns(role: RoleRef) -> (&'static str, Option<Id<Role>>) {
    match role {
        RoleRef::BuiltIn(role) => (role.as_str(), None),
        RoleRef::Custom(id) => (CUSTOM, Some(id)),
    }
}

/// The role that stands in columns `at` and `at + 1`.
pub(crate) fn read(row: &Row, at: usize) -> Result<RoleRef, PgError> {
    match row.try_get::<_, Option<Id<Role>>>(at + 1)? {
        Some(id) => Ok(RoleRef::Custom(id)),
        None => row.try_get::<_, BuiltInRole>(at).map(RoleRef::BuiltIn),
    }
}
