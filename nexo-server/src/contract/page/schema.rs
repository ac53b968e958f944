//! Schemas for people.

use serde_json::Value;

use super::html::{Html, slug};

const PLACE: &str = "#/components/schemas/";

/// A schema: its description, and a table of its fields.
pub(super) fn schema(html: &mut Html, schema: &Value) {
    html.prose(schema["description"].as_str().unwrap_or_default());
    let Some(fields) = schema["properties"].as_object().filter(|fields| !fields.is_empty()) else {
        html.raw("<p>");
        kind(html, schema);
        html.raw("</p>");
        return;
    };
    let required = |name: &str| {
        let mut names = schema["required"].as_array().into_iter().flatten();
        names.any(|it| it.as_str() == Some(name))
    };
    html.raw("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Field</th>");
    html.raw("<th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr></thead><tbody>");
    for (name, field) in fields {
        html.raw("<tr><th scope=\"row\"><code>").text(name).raw("</code>");
        if required(name) {
            html.raw(" <em>required</em>");
        }
        html.raw("</th><td>");
        kind(html, field);
        html.raw("</td><td>").line(field["description"].as_str().unwrap_or_default());
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
    if let Some(one) = schema["oneOf"].as_array() {
        html.raw("<p>With ");
        kind(html, &serde_json::json!({ "oneOf": one }));
        html.raw("</p>");
    }
}

/// A type in a few words.
pub(super) fn kind(html: &mut Html, schema: &Value) {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.strip_prefix(PLACE)) {
        html.raw("<a href=\"#").text(&slug("schema", name)).raw("\">").text(name).raw("</a>");
        return;
    }
    let choices = ["anyOf", "oneOf", "allOf"].iter().find_map(|of| schema[*of].as_array());
    if let (Some(choices), true) = (choices, schema.get("properties").is_none()) {
        for (at, choice) in choices.iter().enumerate() {
            html.raw(if at > 0 { " or " } else { "" });
            kind(html, choice);
        }
        return;
    }
    if let Some(words) = schema["enum"].as_array() {
        for (at, word) in words.iter().enumerate() {
            html.raw(if at > 0 { ", " } else { "" });
            html.raw("<code>").text(word.as_str().unwrap_or("null")).raw("</code>");
        }
        return;
    }
    if let Some(word) = schema["const"].as_str() {
        html.raw("<code>").text(word).raw("</code>");
        return;
    }
    let is_nullable = match &schema["type"] {
        Value::Array(types) => {
            html.text(types[0].as_str().unwrap_or_default());
            types.iter().any(|it| it == "null")
        }
        name => {
            html.text(name.as_str().unwrap_or("anything"));
            false
        }
    };
    if let Some(items) = schema.get("items") {
        html.raw(" of ");
        kind(html, items);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|it| it.is_object()) {
        html.raw(" of any names with ");
        kind(html, values);
    }
    if let Some(fields) = schema["properties"].as_object() {
        html.raw(" of ");
        for (at, (name, field)) in fields.iter().enumerate() {
            html.raw(if at > 0 { ", " } else { "" });
            html.raw("<code>").text(name).raw("</code> ");
            kind(html, field);
        }
    }
    limits(html, schema);
    if is_nullable {
        html.raw(" or null");
    }
}

fn limits(html: &mut Html, schema: &Value) {
    if let Some(format) = schema["format"].as_str() {
        html.raw(" (").text(format).raw(")");
    }
    let range = |html: &mut Html, least: &str, most: &str, unit: &'static str| {
        let (least, most) = (schema.get(least), schema.get(most));
        if least.is_none() && most.is_none() {
            return;
        }
        html.raw(", ");
        match (least, most) {
            (Some(least), Some(most)) => {
                html.text(&least.to_string()).raw(" to ").text(&most.to_string())
            }
            (Some(least), None) => html.raw("at least ").text(&least.to_string()),
            (_, most) => {
                html.raw("up to ").text(&most.map(ToString::to_string).unwrap_or_default())
            }
        };
        html.raw(unit);
    };
    range(html, "minLength", "maxLength", " characters");
    range(html, "minItems", "maxItems", " entries");
    range(html, "minimum", "maximum", "");
    if let Some(default) = schema.get("default") {
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        html.raw("; <code>").text(&text).raw("</code> if absent");
    }
}
