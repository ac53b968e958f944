//! The schemas of bodies, and the names that they have in the document.

use std::borrow::Cow;

use nexo_core::Table;
use nexo_core::model::Page;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::examples::Sample;
use crate::routes::Body;

/// Where the document keeps schemas.
const PLACE: &str = "#/components/schemas/";

/// What bodies are made of. A type may be read otherwise than it is written, so
/// there are two kinds.
#[derive(Debug)]
pub(super) struct Schemas {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            replies: settings().for_serialize().into_generator(),
        }
    }

    pub(super) fn request(&mut self, of: fn(&mut SchemaGenerator) -> Schema) -> Value {
        mark(of(&mut self.requests).to_value())
    }

    pub(super) fn reply(&mut self, of: fn(&mut SchemaGenerator) -> Schema) -> Value {
        of(&mut self.replies).to_value()
    }

    /// All of them by name. What is read otherwise than it is written is called
    /// `…Input` where it is read.
    pub(super) fn finish(self, document: &mut Value) -> Map<String, Value> {
        let Self { mut requests, mut replies } = self;
        let mut all = replies.take_definitions(true);
        let mut renamed = Vec::new();
        for (name, schema) in requests.take_definitions(true) {
            match all.get(&name) {
                Some(known) if *known == schema => {}
                Some(_) => renamed.push((name, schema)),
                None => drop(all.insert(name, mark(schema))),
            }
        }
        let names: Vec<String> = renamed.iter().map(|(name, _)| name.clone()).collect();
        for (name, schema) in renamed {
            all.insert(format!("{name}Input"), mark(schema));
        }
        let resolve = |reference: &mut String| {
            if let Some(name) = reference.strip_prefix(READ) {
                let suffix = if names.iter().any(|it| it == name) { "Input" } else { "" };
                *reference = format!("{PLACE}{name}{suffix}");
            }
        };
        references(document, &resolve);
        all.values_mut().for_each(|schema| references(schema, &resolve));
        all.values_mut().for_each(readable);
        all
    }
}

/// Stands for [`PLACE`] until it is known which names are used twice.
const READ: &str = "#read/";

/// Marks what is read.
fn mark(mut schema: Value) -> Value {
    references(&mut schema, &|reference| {
        if let Some(name) = reference.strip_prefix(PLACE) {
            *reference = format!("{READ}{name}");
        }
    });
    schema
}

fn references(schema: &mut Value, change: &impl Fn(&mut String)) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => change(text),
                    other => references(other, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| references(item, change)),
        _ => {}
    }
}

/// Makes text for people of the comments in the code: links to items mean
/// nothing outside of it, and lines end where they are shown.
fn readable(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = plain(text),
                    other => readable(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(readable),
        _ => {}
    }
}

fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        plain.push_str(before);
        plain.extend(["`", name, "`"]);
        rest = target.map_or(after, |(_, after)| after);
    }
    plain.push_str(rest);
    let paragraphs = plain.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A JSON object that no type describes, called by this name.
pub(crate) fn object(name: fn() -> Cow<'static, str>, example: fn() -> Value) -> Body {
    Body { schema: any_object, name, example }
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// A page of a list, whose records are whole unless `fields` names some fields.
pub(crate) fn page_of<T: Table + Sample>() -> Body {
    Body { schema: page_schema::<T>, ..Body::of::<Page<T>>() }
}

fn page_schema<T: Table>(generator: &mut SchemaGenerator) -> Schema {
    let page = generator.subschema_for::<Page<T>>();
    let whole = generator.subschema_for::<T>();
    let name = T::schema_name();
    let picked = format!("{name}Fields");
    let definitions = generator.definitions_mut();
    let mut some = definitions[&*name].clone();
    some["description"] = json!("The fields that `fields` names.");
    if let Some(members) = some.as_object_mut() {
        members.remove("required");
        members.insert("additionalProperties".to_owned(), json!(false));
    }
    definitions.insert(picked.clone(), some);
    let items = json!({ "anyOf": [whole, { "$ref": format!("{PLACE}{picked}") }] });
    definitions[&*Page::<T>::schema_name()]["properties"]["data"]["items"] = items;
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_text() {
        assert_eq!(
            plain("Up to [`MAX`] rows,\nas [`said`](super::X) there."),
            "Up to `MAX` rows, as `said` there."
        );
        assert_eq!(plain("One.\n\nTwo [`broken."), "One.\n\nTwo [`broken.");
    }
}
