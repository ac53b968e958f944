//! The headers of requests and of answers.

use serde_json::{Map, Value, json};

use crate::routes::Operation;

fn integer(description: &str) -> Value {
    json!({ "description": description, "schema": { "type": "integer", "minimum": 0 } })
}

fn text(description: &str, pattern: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string", "pattern": pattern } })
}

/// The headers of answers, by name.
pub(super) fn of_answers() -> Value {
    let once = json!({ "type": "string", "enum": ["true"] });
    json!({
        "X-Request-Id": {
            "description": "The request's name, also in the server's log.",
            "required": true,
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" },
        },
        "ETag": text("The version, for `If-Match` and `If-None-Match`.", "^\"[0-9a-f]+\"$"),
        "Location": text("Where what was created is.", "^/"),
        "Idempotency-Replayed": {
            "description": "Present on an answer that was given before to this `Idempotency-Key`.",
            "schema": once,
        },
        "Content-Disposition": text("The file's name.", "^attachment; filename=\"[^\"]+\"$"),
        "Retry-After": integer("Seconds to wait before trying again."),
        "WWW-Authenticate": text("How to authenticate.", "^Bearer"),
        "RateLimit-Limit": integer("How many requests a window takes; absent without a limit."),
        "RateLimit-Remaining": integer("How many of them are left."),
        "RateLimit-Reset": integer("Seconds until the window ends."),
    })
}

/// References to headers of answers: those that each has, and these.
pub(super) fn references(names: &[&str]) -> Value {
    let always = ["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
    let one = |name: &&str| {
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))
    };
    Value::Object(names.iter().chain(&always).map(one).collect::<Map<_, _>>())
}

/// The headers of requests, by the names of their components.
pub(super) fn of_requests() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let tag = "The version that the record must still have, or `*`; otherwise nothing is done.";
    let known = "The version that the caller has; if it is the latest, the answer is 304.";
    let key = "The caller's name for this request: sent again with it, it is done once. Kept for \
               a day.";
    let id = "A name for the request, which the answer and the log have too.";
    json!({
        "IfMatch": header("If-Match", tag, json!({
            "type": "string", "pattern": "^(?:\\*|(?:W/)?\"[^\" \\t]*\")$",
        })),
        "IfNoneMatch": header("If-None-Match", known, json!({ "type": "string" })),
        "IdempotencyKey": header("Idempotency-Key", key, json!({
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
        })),
        "RequestId": header("X-Request-Id", id, json!({ "type": "string" })),
    })
}

/// Those that an operation looks at.
pub(super) fn looked_at(operation: &Operation) -> impl Iterator<Item = Value> {
    let names = [
        ("IfMatch", operation.checks_version),
        ("IfNoneMatch", operation.may_be_unmodified),
        ("IdempotencyKey", operation.is_once),
        ("RequestId", true),
    ];
    names
        .into_iter()
        .filter(|(_, is_looked_at)| *is_looked_at)
        .map(|(name, _)| json!({ "$ref": format!("#/components/parameters/{name}") }))
}
