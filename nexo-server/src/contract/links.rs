//! What can be done with what was just created: whoever reads the document, a person
//! or a program that tries it out, need not guess which operation takes its id.

use serde_json::{Map, Value, json};

use super::document::operation_id;
use crate::routes::Route;

/// The operations that take the id of what this route creates, by their names.
pub(super) fn of(route: &Route, table: &[Route]) -> Map<String, Value> {
    let one = format!("{}/{{id}}", route.path());
    let takes_it = |other: &&Route| {
        let rest = other.path().strip_prefix(&one);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let link = |other: &Route| {
        let id = operation_id(other.documentation()?);
        let link = json!({ "operationId": id, "parameters": { "id": "$response.body#/id" } });
        Some((id, link))
    };
    table.iter().filter(takes_it).filter_map(link).collect()
}
