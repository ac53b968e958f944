//! `fields=`: rows with some of their fields.

use nexo_core::model::{Entity, ErrorCode, Page};
use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};

/// Refuses what the entity does not have.
pub(super) fn check<T: Entity>(fields: &[String]) -> Outcome<()> {
    let Some(unknown) = fields.iter().find(|field| !T::FIELDS.contains(&field.as_str())) else {
        return Ok(());
    };
    let unknown: String = unknown.chars().take(40).collect();
    let known = T::FIELDS.join(", ");
    let detail = format!("fields cannot name {unknown:?}; known: {known}");
    Err(Failure::new(ErrorCode::InvalidQuery, detail))
}

/// Leaves these fields of each row.
pub(super) fn select<T: Entity>(page: Page<T>, fields: &[String]) -> Outcome<Page<Value>> {
    let pick = |row: T| {
        let whole = serde_json::to_value(row).map_err(Failure::internal)?;
        let Value::Object(mut whole) = whole else { return Ok(whole) };
        let picked = fields.iter().filter_map(|name| whole.remove_entry(name));
        Ok(Value::Object(picked.collect::<Map<_, _>>()))
    };
    let data = page.data.into_iter().map(pick).collect::<Outcome<_>>()?;
    let Page { next_cursor, count, included, .. } = page;
    Ok(Page { data, next_cursor, count, included })
}
