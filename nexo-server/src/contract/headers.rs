//! The headers of requests and of answers.

use serde_json::{Map, Value, json};

use crate::routes::Operation;

/// A number, and one that could be.
fn integer(description: &str, example: u32) -> Value {
    let schema = json!({ "type": "integer", "minimum": 0 });
    json!({ "description": description, "schema": schema, "example": example })
}

/// A text of that form, and one that could be.
fn text(description: &str, pattern: &str, example: &str) -> Value {
    let schema = json!({ "type": "string", "pattern": pattern });
    json!({ "description": description, "schema": schema, "example": example })
}

/// One of these words, on every answer.
fn fixed(description: &str, words: &[&str]) -> Value {
    let schema = json!({ "type": "string", "enum": words });
    json!({ "description": description, "schema": schema, "required": true, "example": words[0] })
}

/// Those that each answer has, or may have.
pub(super) const ALWAYS: [&str; 9] = [
    "X-Request-Id",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Cache-Control",
    "Content-Security-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "Strict-Transport-Security",
];

/// The headers of answers, by name.
pub(super) fn of_answers() -> Value {
    let mut id = text(
        "The request's name, also in the server's log.",
        "^[A-Za-z0-9._-]{1,64}$",
        "019c1363-49c0-7000-8000-0000000000ff",
    );
    id["required"] = json!(true);
    let mut policy = text(
        "What a browser may load on account of the answer.",
        "^default-src 'none'; ",
        "default-src 'none'; frame-ancestors 'none'",
    );
    policy["required"] = json!(true);
    json!({
        "X-Request-Id": id,
        "ETag": text("The version, for `If-Match` and `If-None-Match`.", "^\"[0-9a-f]+\"$", "\"1\""),
        "Location": text(
            "Where what was created is.",
            "^/",
            "/api/clients/019c1363-49c0-7000-8000-000000000010",
        ),
        "Idempotency-Replayed": {
            "description": "Present on an answer that was given before to this `Idempotency-Key`.",
            "schema": { "type": "string", "enum": ["true"] },
            "example": "true",
        },
        "Content-Disposition": text(
            "The file's name.",
            "^attachment; filename=\"[^\"]+\"$",
            "attachment; filename=\"clients.csv\"",
        ),
        "Retry-After": integer("Seconds to wait before trying again.", 1),
        "WWW-Authenticate": text("How to authenticate.", "^Bearer", "Bearer"),
        "RateLimit-Limit": integer(
            "How many requests a window takes; absent without a limit.",
            100,
        ),
        "RateLimit-Remaining": integer("How many of them are left.", 99),
        "RateLimit-Reset": integer("Seconds until the window ends.", 60),
        "Cache-Control": fixed(
            "Who may keep the answer; nobody what is an account's.",
            &["no-store", "public, max-age=300"],
        ),
        "Content-Security-Policy": policy,
        "Referrer-Policy": fixed("A browser tells nobody the address.", &["no-referrer"]),
        "X-Content-Type-Options": fixed("The type is what it says.", &["nosniff"]),
        "Strict-Transport-Security": text(
            "From a server with a certificate: a browser does not come back without TLS.",
            "^max-age=[0-9]+$",
            "max-age=31536000",
        ),
    })
}

/// References to headers of answers: those that each has, and these.
pub(super) fn references(names: &[&str]) -> Value {
    let one = |name: &&str| {
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))
    };
    Value::Object(names.iter().chain(&ALWAYS).map(one).collect::<Map<_, _>>())
}

/// The headers of requests, by the names of their components.
pub(super) fn of_requests() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let tag = "The version that the record must still have, or `*`; otherwise nothing is done.";
    let known = "The version that the caller has; if it is the latest, the answer is 304.";
    let key = "The caller's name for this request: sent again with it, it is done once. Kept for \
               a day.";
    let id = "A name for the request, which the answer and the log have too.";
    let trace = "The caller's trace (W3C Trace Context), which goes on in the server's log and \
                 spans. One that is malformed is as none.";
    let state = "What the systems of the caller's trace have added; handed on with it.";
    json!({
        "IfMatch": header("If-Match", tag, json!({
            "type": "string", "pattern": "^(?:\\*|(?:W/)?\"[^\" \\t]*\")$",
        })),
        "IfNoneMatch": header("If-None-Match", known, json!({ "type": "string" })),
        "IdempotencyKey": header("Idempotency-Key", key, json!({
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
        })),
        "RequestId": header("X-Request-Id", id, json!({ "type": "string" })),
        "TraceParent": header("traceparent", trace, json!({ "type": "string" })),
        "TraceState": header("tracestate", state, json!({ "type": "string" })),
    })
}

/// Those that an operation looks at.
pub(super) fn looked_at(operation: &Operation) -> impl Iterator<Item = Value> {
    let names = [
        ("IfMatch", operation.checks_version),
        ("IfNoneMatch", operation.may_be_unmodified),
        ("IdempotencyKey", operation.is_once),
        ("RequestId", true),
        ("TraceParent", true),
        ("TraceState", true),
    ];
    names
        .into_iter()
        .filter(|(_, is_looked_at)| *is_looked_at)
        .map(|(name, _)| json!({ "$ref": format!("#/components/parameters/{name}") }))
}
