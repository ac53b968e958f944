//! The parameters of queries, as `extract::query` and the filters read them.

use nexo_core::Table;
use nexo_core::model::{
    AuditAction, AuditTopic, COUNT_BOUND, CountMode, DEFAULT_HITS, DEFAULT_LIMIT, Entity,
    FilterValue, Filters as _, Id, MAX_HITS, MAX_LIMIT, MAX_QUERY, SheetFormat,
};
use serde_json::{Value, json};

use crate::extract::MAX_FIELDS;
use crate::routes::Parameter;

fn parameter(name: impl Into<String>, description: impl Into<String>, schema: Value) -> Parameter {
    Parameter {
        name: name.into(),
        description: description.into(),
        schema,
        is_required: false,
        has_commas: false,
    }
}

fn of<V: FilterValue>(name: &str, description: &str) -> Parameter {
    parameter(name, description, V::schema().to_value())
}

fn limit(name: &str, default: u16, most: u16) -> Parameter {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": most, "default": default });
    parameter(name, "The most entries of a page.", schema)
}

fn cursor(schema: Value) -> Parameter {
    parameter("cursor", "The `next_cursor` of the page before; it belongs to this list.", schema)
}

/// Of `page` of `extract`.
pub(crate) fn page() -> Vec<Parameter> {
    vec![limit("limit", DEFAULT_LIMIT, MAX_LIMIT), cursor(json!({ "type": "string" }))]
}

/// Of a record's history.
pub(crate) fn history() -> Vec<Parameter> {
    let id = json!({ "type": "string", "format": "uuid" });
    vec![limit("limit", DEFAULT_LIMIT, MAX_LIMIT), cursor(id)]
}

/// Of a list of an entity.
pub(crate) fn list<T: Table>() -> Vec<Parameter> {
    let mut all = page();
    all.extend(order_and_filters::<T>());
    let count = format!(
        "Whether `count` tells how many rows the whole list has: exactly, or, estimated, exactly \
         up to {COUNT_BOUND} and at least that many beyond."
    );
    let mut count = of::<CountMode>("count", &count);
    count.schema["default"] = json!(CountMode::None.as_str());
    all.push(count);
    if !T::EXPANDS.is_empty() {
        let names = json!({ "type": "string", "enum": T::EXPANDS });
        let schema = json!({ "type": "array", "items": names, "maxItems": 20 });
        let told = "References whose records come along, in `included`.";
        all.push(Parameter { has_commas: true, ..parameter("expand", told, schema) });
    }
    all.push(fields::<T>());
    all
}

/// Of a list as a file.
pub(crate) fn export<T: Table>() -> Vec<Parameter> {
    let mut all = format();
    all.extend(order_and_filters::<T>());
    all.push(fields::<T>());
    all
}

fn fields<T: Entity>() -> Parameter {
    let names = json!({ "type": "string", "enum": T::FIELDS });
    let schema = json!({ "type": "array", "items": names, "maxItems": MAX_FIELDS });
    Parameter {
        has_commas: true,
        ..parameter("fields", "Only these fields; all if absent.", schema)
    }
}

fn order_and_filters<T: Entity>() -> Vec<Parameter> {
    let sorts: Vec<String> =
        T::SORTS.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]).collect();
    let sort = json!({ "type": "string", "enum": sorts, "default": format!("-{}", T::SORTS[0]) });
    let mut all = vec![
        parameter("sort", "The order; with a minus sign, the largest first.", sort),
        words("Only rows in which these words, or beginnings of words, are found."),
        parameter(
            "archived",
            "The archived rows instead of the others.",
            json!({ "type": "boolean", "default": false }),
        ),
    ];
    let filter = T::Filter::default();
    let meanings = T::Filter::MEANINGS;
    for ((name, field), meaning) in filter.fields().into_iter().zip(meanings) {
        let meaning = meaning.trim();
        for (bound, schema) in field.schemas() {
            let (name, description) = match bound {
                None => (name.to_owned(), meaning.to_owned()),
                Some(bound) => (format!("{name}.{bound}"), bounded(bound, meaning)),
            };
            all.push(parameter(name, description, schema.to_value()));
        }
    }
    all
}

fn bounded(bound: &str, meaning: &str) -> String {
    let told = match bound {
        "gte" => "This or larger.",
        "gt" => "Larger than this.",
        "lte" => "This or smaller.",
        "lt" => "Smaller than this.",
        _ => "Whether the value is missing (`true`) or present (`false`).",
    };
    format!("{meaning} {told}")
}

fn words(description: &str) -> Parameter {
    // A letter or a digit, whatever its script; as far as all dialects of
    // patterns can say that.
    let schema = json!({
        "type": "string", "minLength": 1, "maxLength": MAX_QUERY, "pattern": r"^[^\u0000]*$",
    });
    parameter("q", description, schema)
}

/// Of a search.
pub(crate) fn search() -> Vec<Parameter> {
    let told = "Words, beginnings of words, parts of addresses or numbers; all must be found.";
    let collections = json!({
        "type": "array", "items": { "type": "string", "enum": COLLECTIONS }, "maxItems": MAX_FIELDS,
    });
    let only = parameter("in", "Only these collections; all if absent.", collections);
    vec![
        Parameter { is_required: true, ..words(told) },
        Parameter { has_commas: true, ..only },
        limit("limit", DEFAULT_HITS, MAX_HITS),
    ]
}

/// What a search looks at.
const COLLECTIONS: [&str; 7] =
    ["clients", "departments", "employees", "suppliers", "professionals", "projects", "tasks"];

/// Of the audit log.
pub(crate) fn audit() -> Vec<Parameter> {
    let mut all = vec![limit("limit", DEFAULT_LIMIT, MAX_LIMIT)];
    all.push(cursor(json!({ "type": "string", "format": "uuid" })));
    all.extend(entries());
    all
}

/// Of the audit log as a file.
pub(crate) fn audit_export() -> Vec<Parameter> {
    let mut all = format();
    all.extend(entries());
    all
}

fn entries() -> [Parameter; 7] {
    [
        of::<AuditTopic>("topic", "About this."),
        of::<String>("subject", "Of this kind of thing, by its collection: `clients`, `members`."),
        of::<Id<()>>("record_id", "Of this one."),
        of::<Id<()>>("user_id", "By this user."),
        of::<AuditAction>("action", "Of this kind."),
        of::<jiff::Timestamp>("from", "Not before this."),
        of::<jiff::Timestamp>("to", "Before this."),
    ]
}

/// As which file an answer is wanted.
pub(crate) fn format() -> Vec<Parameter> {
    vec![of::<SheetFormat>("format", "As which file.")]
}

/// Where a piece of an upload begins.
pub(crate) fn offset() -> Vec<Parameter> {
    vec![number("offset", "The byte of the file at which this begins: what `received` tells.")]
}

/// Where a page of an import's report begins.
pub(crate) fn after() -> Vec<Parameter> {
    vec![number("after", "The `next_after` of the page before.")]
}

fn number(name: &str, description: &str) -> Parameter {
    parameter(name, description, json!({ "type": "integer", "minimum": 0, "default": 0 }))
}
