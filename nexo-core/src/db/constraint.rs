//! From a constraint's name to the field that broke it.
//!
//! The migrations name constraints `<table>_<field>_<suffix>`, and the suffix
//! says what was wrong. The field is one that the caller sent, so naming it
//! tells nothing; the constraint's own name stays inside.

use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

use crate::model::{FieldCode, FieldError};

/// What the suffixes mean.
const RULES: &[(&str, FieldCode, &str)] = &[
    ("_fkey", FieldCode::UnknownReference, "names no record"),
    ("_key", FieldCode::Duplicate, "is taken by another record"),
    ("_cycle", FieldCode::Cycle, "would lead back to the record itself"),
    ("_move", FieldCode::InvalidTransition, "cannot become that from what it is"),
    ("_order", FieldCode::OutOfOrder, "must not be before the other date"),
    ("_pair", FieldCode::Required, "and its amount must be given together"),
    ("_single", FieldCode::TooMany, "excludes the other one"),
];

/// The field at fault, if the database refused one by a constraint of ours.
pub(super) fn field_error(error: &PgError) -> Option<FieldError> {
    let refused =
        [SqlState::UNIQUE_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION, SqlState::CHECK_VIOLATION];
    let database = error.as_db_error().filter(|error| refused.contains(error.code()))?;
    if database.schema() != Some("nexo") {
        return None;
    }
    read(database.table()?, database.constraint()?)
}

/// Tables that hold a list of their entity, and where it stands.
const PARTS: &[(&str, &str)] = &[("project_members", "members[].")];

fn read(table: &str, constraint: &str) -> Option<FieldError> {
    let name = constraint.strip_prefix(table)?.strip_prefix('_')?;
    let (field, code, message) = RULES.iter().find_map(|(suffix, code, message)| {
        let field = name.strip_suffix(suffix)?;
        Some((field, *code, *message))
    })?;
    // The account is never the caller's to name.
    if matches!(field, "" | "account_id") {
        return None;
    }
    let list = PARTS.iter().find(|(part, _)| *part == table).map_or("", |(_, list)| list);
    Some(FieldError::new(format!("{list}{field}"), code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fields_and_rules() {
        let read = |constraint| read("projects", constraint).map(|it| (it.field, it.code));
        let of = |field: &str, code| Some((field.to_owned(), code));
        assert_eq!(read("projects_client_id_fkey"), of("client_id", FieldCode::UnknownReference));
        assert_eq!(read("projects_code_key"), of("code", FieldCode::Duplicate));
        assert_eq!(read("projects_status_move"), of("status", FieldCode::InvalidTransition));
        for other in [
            "projects_pkey",
            "projects_name_check",
            "tasks_code_key",
            "projects_key",
            "projects_account_id_fkey",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
