//! The OpenAPI document as a whole.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;
use nexo_core::model::Problem;
use serde_json::{Map, Value, json};

use super::components::Components;
use super::schemas::Schemas;
use super::{errors, headers, links};
use crate::respond::Success;
use crate::routes::{Access, Body, Content, Operation, Parameter, Route, Tag, table};

const ABOUT: &str = "\
The interface of a NEXO server. JSON is `snake_case`, times are RFC 3339 in UTC, amounts are decimal \
strings. Unknown fields and parameters are refused; answers may get further fields.

Every error is a problem document (RFC 9457) with a stable `code`. `GET` routes answer `HEAD` too, and \
every path `OPTIONS`; other methods are answered 405, and unknown paths 404 with `route_not_found`. \
Browsers of the origins that the server lets in get `Access-Control-*` and `Vary` headers too. What is no \
HTTP at all is answered a bare 400, and a head of more than 64 KiB or 100 fields may get a bare 414 or 431, without a \
problem and without these headers; then the connection ends.

Records have two addresses, `/api/crm/…` and the short `/api/…`, which answer the same.";

/// The document.
pub(super) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| describe(&table()));
    &DOCUMENT
}

fn describe(table: &[Route]) -> Value {
    let (mut schemas, mut components) = (Schemas::new(), Components::default());
    for (name, header) in headers::of_requests().as_object().into_iter().flatten() {
        components.parameter(name, header.clone());
    }
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for route in table {
        let Some(operation) = route.documentation() else { continue };
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
        let told = describe_route(route, operation, table, &mut schemas, &mut components);
        let path = paths.entry(route.path()).or_insert_with(|| json!({}));
        path[route.method().as_str().to_lowercase()] = told;
    }
    // What one comes for stands first, and how to get in before it.
    tags.sort_by_key(|tag| match tag {
        Tag::Authentication => 0,
        Tag::Server | Tag::Docs => 2,
        _ => 1,
    });
    schemas.reply(|generator| generator.subschema_for::<Problem>());
    let mut document = json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "NEXO",
            "summary": "A multi-tenant CRM",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This server" }],
        "tags": tags.into_iter().map(tag).collect::<Value>(),
        "paths": paths,
        "components": {
            "headers": headers::of_answers(),
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "What logging in answers, good for ten minutes.",
                },
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "API key",
                    "description": "The secret of an API key, in the same header.",
                },
            },
        },
        "x-error-codes": errors::catalogue(),
    });
    for (kind, all) in components.finish() {
        document["components"][kind] = all;
    }
    let schemas = schemas.finish(&mut document);
    document["components"]["schemas"] = Value::Object(schemas);
    document
}

fn tag(tag: Tag) -> Value {
    let (name, description) = tag.words();
    json!({ "name": name, "description": description })
}

fn describe_route(
    route: &Route,
    operation: &Operation,
    table: &[Route],
    schemas: &mut Schemas,
    components: &mut Components,
) -> Value {
    let mut summary = operation.summary.to_string();
    if operation.is_short {
        summary.push_str(" (short path)");
    }
    let mut told = json!({
        "operationId": operation_id(operation),
        "summary": summary,
        "description": description(operation),
        "tags": [operation.tag.words().0],
        "parameters": parameters(route, operation, components),
        "responses": responses(route, operation, table, schemas, components),
        "security": match (route.access(), operation.sessions_only) {
            (Access::Public, _) => json!([]),
            (Access::Tenant, true) => json!([{ "accessToken": [] }]),
            (Access::Tenant, false) => json!([{ "accessToken": [] }, { "apiKey": [] }]),
        },
    });
    if let Some(body) = body(route, operation, schemas) {
        told["requestBody"] = body;
    }
    if !operation.needs.is_empty() {
        told["x-permission"] = json!(operation.needs);
    }
    if operation.is_short {
        told["x-same-as"] = json!(operation.id);
    }
    told
}

/// What the operation is called: it has another name under each path.
pub(super) fn operation_id(operation: &Operation) -> String {
    let suffix = if operation.is_short { "Short" } else { "" };
    format!("{}{suffix}", operation.id)
}

fn description(operation: &Operation) -> String {
    let mut told = operation.description.to_string();
    if !operation.needs.is_empty() {
        let names: Vec<String> = operation.needs.iter().map(|it| format!("`{it}`")).collect();
        let less = operation.needs.iter().any(|it| it.narrower().is_some());
        let less = if less { ", or what lets read or change only some of the records" } else { "" };
        let gap = if told.is_empty() { "" } else { "\n\n" };
        told.push_str(&format!("{gap}Needs {}{less}.", names.join(" and ")));
    }
    if told.is_empty() { format!("{}.", operation.summary) } else { told }
}

fn parameters(route: &Route, operation: &Operation, components: &mut Components) -> Vec<Value> {
    let mut all = Vec::new();
    if route.path().contains("{id}") {
        let id = json!({
            "name": "id",
            "in": "path",
            "description": "Which one.",
            "required": true,
            "schema": { "type": "string", "format": "uuid" },
        });
        all.push(components.parameter("Id", id));
    }
    for parameter in operation.query.map(|query| query()).unwrap_or_default() {
        all.push(components.parameter(&parameter.name, in_query(&parameter)));
    }
    all.extend(headers::looked_at(operation));
    all
}

fn in_query(parameter: &Parameter) -> Value {
    let mut told = json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": parameter.schema,
    });
    if told["schema"]["type"] == "array" {
        told["style"] = json!("form");
        told["explode"] = json!(!parameter.has_commas);
    }
    told
}

fn body(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Option<Value> {
    if route.is_upload() {
        let file = json!({ "schema": { "type": "string", "format": "binary" } });
        return Some(json!({
            "description": "The file, or a piece of it; without one, nothing is added.",
            "required": false,
            "content": { "application/octet-stream": file },
        }));
    }
    let json = json!({
        "schema": schemas.request(operation.takes?),
        "example": route.example_body(1),
    });
    let mut content = json!({ "application/json": json });
    if *route.method() == Method::PATCH {
        content["application/merge-patch+json"] = json;
    }
    Some(json!({ "required": true, "content": content }))
}

fn responses(
    route: &Route,
    operation: &Operation,
    table: &[Route],
    schemas: &mut Schemas,
    components: &mut Components,
) -> BTreeMap<String, Value> {
    let mut names = Vec::new();
    let mut content = json!({});
    if let Content::Json(body) | Content::JsonOrFile(body, _) = operation.content {
        content["application/json"] = json_body(body, schemas, components);
    }
    if let Content::File(types) | Content::JsonOrFile(_, types) = operation.content {
        for kind in types {
            content[*kind] = json!({ "schema": { "type": "string" } });
        }
        if route.access() == Access::Tenant {
            names.push("Content-Disposition");
        }
    }
    if operation.is_versioned {
        names.push("ETag");
    }
    if operation.is_located {
        names.push("Location");
    }
    if operation.is_once {
        names.push("Idempotency-Replayed");
    }
    let mut good = json!({
        "description": operation.answer.words(),
        "headers": headers::references(&names),
    });
    if !matches!(operation.content, Content::Empty) {
        good["content"] = content;
    }
    if operation.is_located {
        good["links"] = json!(links::of(route, table));
    }
    let mut all = BTreeMap::from([(operation.answer.status().as_u16().to_string(), good)]);
    if operation.may_be_unmodified {
        let unmodified = json!({
            "description": Success::NotModified.words(),
            "headers": headers::references(&["ETag"]),
        });
        let status = Success::NotModified.status().as_u16();
        all.insert(status.to_string(), components.response(status, unmodified));
    }
    let unavailable = match operation.content {
        Content::Json(body) if operation.answers_when_unavailable => {
            let mut example = (body.example)();
            example["status"] = json!("unreachable");
            let examples = json!({ "unreachable": { "value": example } });
            Some(json!({ "schema": schemas.reply(body.schema), "examples": examples }))
        }
        _ => None,
    };
    let problems = errors::responses(route, operation, unavailable.as_ref(), components);
    all.extend(problems.into_iter().map(|(status, problem)| (status.to_string(), problem)));
    all
}

fn json_body(body: Body, schemas: &mut Schemas, components: &mut Components) -> Value {
    json!({
        "schema": schemas.reply(body.schema),
        "examples": components.example(&(body.name)(), &(body.example)()),
    })
}
