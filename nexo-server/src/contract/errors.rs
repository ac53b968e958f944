//! Which errors a route can answer, by their statuses.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use jiff::Timestamp;
use nexo_core::model::ErrorCode::{self, self as E};
use nexo_core::model::{FieldCode, FieldError};
use serde_json::{Map, Value, json};

use super::components::Components;
use super::headers;
use crate::failure::Failure;
use crate::respond::{self, meaning};
use crate::routes::{Access, Operation, Route};

/// What any request can be answered: the gateway's errors, and the server's faults.
const ANY: [E; 9] = [
    E::BadRequest,
    E::PayloadTooLarge,
    E::UriTooLong,
    E::HeadersTooLarge,
    E::TooManyRequests,
    E::Internal,
    E::Overloaded,
    E::Unavailable,
    E::Timeout,
];
/// What whoever needs a token can be answered.
const TENANT: [E; 6] = [
    E::Unauthenticated,
    E::TokenExpired,
    E::SessionEnded,
    E::PermissionsChanged,
    E::Forbidden,
    E::SecondFactorMissing,
];

/// Every code that the route can answer.
fn codes(route: &Route, operation: &Operation) -> Vec<ErrorCode> {
    let mut codes = ANY.to_vec();
    if route.access() == Access::Tenant {
        codes.extend(TENANT);
    }
    let writes = *route.method() != Method::GET;
    if writes {
        codes.push(E::Conflict);
    }
    if operation.takes.is_some() {
        let of_body =
            [E::InvalidBody, E::RequestTimeout, E::UnsupportedMediaType, E::ValidationFailed];
        codes.extend(of_body);
    }
    if route.is_upload() {
        codes.extend([E::RequestTimeout, E::ValidationFailed]);
    }
    if operation.query.is_some() {
        codes.push(E::InvalidQuery);
    }
    let query = operation.query.map(|query| query()).unwrap_or_default();
    if query.iter().any(|parameter| parameter.name == "cursor") {
        codes.push(E::InvalidCursor);
    }
    if route.path().contains('{') {
        codes.extend([E::NotFound, E::RouteNotFound]);
    }
    if operation.checks_version {
        codes.push(E::VersionConflict);
    }
    if operation.is_once {
        codes.push(E::IdempotencyKeyReused);
    }
    codes.extend(&operation.codes);
    codes
}

/// The responses of the route that are problems: references, by their statuses. `unavailable`
/// is what the route says itself with 503; what stands before it says a problem all the same.
pub(super) fn responses(
    route: &Route,
    operation: &Operation,
    unavailable: Option<&Value>,
    components: &mut Components,
) -> BTreeMap<u16, Value> {
    let codes = codes(route, operation);
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    // In the order of the enum, so that equal sets are equal.
    for code in ErrorCode::ALL.iter().filter(|code| codes.contains(code)) {
        by_status.entry(meaning(*code).0.as_u16()).or_default().push(*code);
    }
    let each = |(status, codes): (u16, Vec<ErrorCode>)| {
        let mut problem = problem(status, &codes, components);
        match unavailable {
            Some(said) if status == StatusCode::SERVICE_UNAVAILABLE.as_u16() => {
                let told = problem["description"].as_str().unwrap_or_default();
                problem["description"] = json!(format!("It is away, as the body tells; or {told}"));
                problem["content"]["application/json"] = said.clone();
                (status, problem)
            }
            _ => (status, components.response(status, problem)),
        }
    };
    by_status.into_iter().map(each).collect()
}

/// A response that is a problem with one of these codes.
fn problem(status: u16, codes: &[ErrorCode], components: &mut Components) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let told: Vec<String> =
        codes.iter().map(|code| format!("`{code}`: {}", meaning(*code).2)).collect();
    let of_status: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        409 | 429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let mut examples = Map::new();
    for code in codes {
        examples.append(&mut components.example(code.as_str(), &example(*code)));
    }
    json!({
        "description": told.join("; "),
        "headers": headers::references(of_status),
        "x-codes": names,
        "content": { "application/problem+json": {
            "schema": {
                "allOf": [{ "$ref": "#/components/schemas/Problem" }],
                "properties": { "status": { "const": status }, "code": { "enum": names } },
            },
            "examples": examples,
        } },
    })
}

/// A problem of that code.
fn example(code: ErrorCode) -> Value {
    let mut failure = Failure::of(code);
    if code == E::ValidationFailed {
        let fields = vec![FieldError::new("name", FieldCode::Required, "must not be empty")];
        failure = failure.with_fields(fields);
    }
    let request_id = uuid::Uuid::from_u128(0x019c_1363_49c0_7000_8000_0000_0000_00ff).to_string();
    let at = Timestamp::constant(1_769_851_800, 0);
    json!(respond::problem_body(&failure, "/api/clients", &request_id, at))
}

/// Every code with its status and meaning.
pub(super) fn catalogue() -> Value {
    let each = |code: &ErrorCode| {
        let (status, title, detail) = meaning(*code);
        json!({
            "code": code,
            "status": status.as_u16(),
            "title": title,
            "detail": detail,
            "example": example(*code),
        })
    };
    ErrorCode::ALL.iter().map(each).collect()
}
