//! From the heading of a file to the fields of a record.

use std::collections::BTreeMap;

use crate::model::{Duplicates, ErrorCode, FieldCode, FieldError, NewImport};
use crate::{Error, Result};

use super::importing::table_of;
use super::place;

/// The names that a heading may have.
#[derive(Debug)]
pub(super) struct Names {
    /// The fields that a caller gives.
    pub(super) fields: &'static [&'static str],
    /// All fields of a record: those that the server gives are left out, so
    /// that what was exported can be imported.
    pub(super) own: &'static [&'static str],
    /// The fields by which a record is found again.
    pub(super) keys: Vec<&'static str>,
    /// A field that must be given.
    pub(super) required: Option<String>,
}

/// Refuses a collection, a field or a key that does not exist.
pub(super) fn check_names(new: &NewImport) -> Result<()> {
    let refuse = |field: &str, code, message: String| {
        Err(Error::invalid(vec![FieldError::new(field, code, message)]))
    };
    let Some(table) = table_of(&new.collection) else {
        let known: Vec<&str> = crate::tables().iter().map(|table| table.collection).collect();
        let message = format!("must be one of: {}", known.join(", "));
        return refuse("collection", FieldCode::UnknownReference, message);
    };
    let names = (table.import.names)();
    if !names.keys.contains(&new.key.as_str()) {
        let message = format!("must be one of: {}", names.keys.join(", "));
        return refuse("key", FieldCode::UnknownReference, message);
    }
    for (heading, field) in &new.mapping {
        if let Some(field) = field
            && !names.fields.contains(&field.as_str())
        {
            let message = format!("must be null or one of the fields: {}", names.fields.join(", "));
            let place = format!("mapping.{}", short(heading));
            return refuse(&place, FieldCode::UnknownReference, message);
        }
    }
    Ok(())
}

/// What is asked of a heading.
pub(super) struct Wanted<'a> {
    pub(super) names: Names,
    pub(super) mapping: &'a BTreeMap<String, Option<String>>,
    pub(super) duplicates: Duplicates,
    pub(super) key: &'a str,
}

impl Wanted<'_> {
    /// The field of each column, empty for one that is left out, or everything
    /// that is wrong with the heading.
    pub(super) fn columns<'a>(
        &self,
        row: u64,
        heading: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<String>, Vec<FieldError>> {
        let heading: Vec<&str> = heading.map(str::trim).collect();
        let (mut columns, mut errors): (Vec<String>, Vec<FieldError>) = (Vec::new(), Vec::new());
        for (at, name) in heading.iter().enumerate() {
            match self.field(name) {
                Ok(field) if !field.is_empty() && columns.contains(&field) => {
                    let message = format!("gives the field {field} a second time");
                    errors.push(FieldError::new(place(row, at), FieldCode::Duplicate, message));
                    columns.push(field);
                }
                Ok(field) => columns.push(field),
                Err((code, message)) => {
                    errors.push(FieldError::new(place(row, at), code, message));
                    columns.push(String::new());
                }
            }
        }
        for name in self.mapping.keys().filter(|name| !heading.contains(&name.trim())) {
            let message = "names a column that the file does not have";
            let place = format!("mapping.{}", short(name));
            errors.push(FieldError::new(place, FieldCode::UnknownReference, message));
        }
        if errors.is_empty() {
            let key = (self.duplicates != Duplicates::Refuse).then(|| self.key.to_owned());
            for field in self.names.required.iter().chain(&key) {
                if !columns.contains(field) {
                    let message = format!("has no column for the field {field}");
                    errors.push(FieldError::new(
                        format!("row {row}"),
                        FieldCode::Required,
                        message,
                    ));
                }
            }
        }
        if errors.is_empty() { Ok(columns) } else { Err(errors) }
    }

    fn field(&self, heading: &str) -> Result<String, (FieldCode, String)> {
        if let Some((_, field)) = self.mapping.iter().find(|(name, _)| name.trim() == heading) {
            return Ok(field.clone().unwrap_or_default());
        }
        if heading.is_empty() {
            let message = "has no heading; give it one, or map it to null".to_owned();
            return Err((FieldCode::Required, message));
        }
        let plain: String = heading.to_lowercase().replace([' ', '-'], "_");
        if self.names.fields.contains(&plain.as_str()) {
            return Ok(plain);
        }
        if self.names.own.contains(&plain.as_str()) {
            return Ok(String::new());
        }
        let fields = self.names.fields.join(", ");
        let message = format!(
            "has the unknown heading {:?}; map it to null or to one of: {fields}",
            short(heading)
        );
        Err((FieldCode::UnknownReference, message))
    }
}

/// What can be quoted in a message.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A file that cannot be imported, and why.
pub(super) fn refused(errors: Vec<FieldError>) -> Error {
    let detail = match errors.as_slice() {
        [one] => format!("{} {}", one.field, one.message),
        many => format!("{} places of the file were refused", many.len()),
    };
    Error::new(ErrorCode::ValidationFailed, detail).with_fields(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(
        heading: &[&str],
        mapping: &[(&str, Option<&str>)],
    ) -> Result<Vec<String>, Vec<String>> {
        let mapping =
            mapping.iter().map(|(name, field)| ((*name).to_owned(), field.map(str::to_owned)));
        let mapping = mapping.collect();
        let names = (table_of("clients").expect("it is there").import.names)();
        let (duplicates, key) = (Duplicates::Update, "external_id");
        let wanted = Wanted { names, mapping: &mapping, duplicates, key };
        wanted.columns(1, heading.iter().copied()).map_err(|errors| {
            errors.iter().map(|it| format!("{} {}", it.field, it.message)).collect()
        })
    }

    #[test]
    fn headings_are_fields_or_are_mapped_to_them() {
        let mapped = columns(
            &["External ID", " Firma ", "created_at", "x", ""],
            &[("Firma", Some("name")), ("x", None), ("", None)],
        );
        assert_eq!(mapped.expect("good"), ["external_id", "name", "", "", ""]);
    }

    #[test]
    fn everything_wrong_with_a_heading_is_told() {
        let refused = columns(&["name", "Name", "Umsatz", ""], &[("Ort", None)]).expect_err("bad");
        assert_eq!(refused.len(), 4);
        assert_eq!(refused[0], "row 1, column 2 gives the field name a second time");
        assert!(refused[1].starts_with("row 1, column 3 has the unknown heading \"Umsatz\""));
        assert!(refused[2].starts_with("row 1, column 4 has no heading"));
        assert_eq!(refused[3], "mapping.Ort names a column that the file does not have");
        let refused = columns(&["email"], &[]).expect_err("bad");
        assert_eq!(
            refused,
            [
                "row 1 has no column for the field name",
                "row 1 has no column for the field external_id"
            ]
        );
    }
}
