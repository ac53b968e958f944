//! The only owner of status codes: what an outcome looks like on the wire.

mod body;
mod problem;
mod success;

use std::fmt::Display;

use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, LOCATION, RETRY_AFTER,
};
use http::{HeaderValue, Response, StatusCode};
use nexo_core::Once;
use nexo_core::model::Entity;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

pub(crate) use body::{Body, Pieces};
pub(crate) use problem::{body as problem_body, meaning, problem};
pub(crate) use success::Success;

/// An answer.
pub(crate) type Reply = Response<Body>;

/// On an answer that repeats the first one to its idempotency key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// The most headers that replies usually have.
const HEADERS: usize = 12;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with a value.
pub(crate) fn ok<T: Serialize>(value: &T) -> Outcome<Reply> {
    json(StatusCode::OK, value)
}

/// 503 with a value that says what does not work; it may be worth another look in a second.
pub(crate) fn unavailable<T: Serialize>(value: &T) -> Outcome<Reply> {
    let mut reply = json(StatusCode::SERVICE_UNAVAILABLE, value)?;
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Ok(reply)
}

/// 200 with metrics.
pub(crate) fn metrics(text: String) -> Reply {
    with_body(StatusCode::OK, METRICS, text.into())
}

/// 200 with a row and its `ETag`.
pub(crate) fn row<T: Entity>(row: &T) -> Outcome<Reply> {
    versioned(ok(row)?, row.version())
}

/// The same with the `ETag` of what is answered.
pub(crate) fn versioned(mut reply: Reply, version: i64) -> Outcome<Reply> {
    reply.headers_mut().insert(ETAG, etag(version));
    Ok(reply)
}

/// 201 with a value that has no address of its own.
pub(crate) fn created<T: Serialize>(value: &T) -> Outcome<Reply> {
    json(StatusCode::CREATED, value)
}

/// 201 with a value and its address below the called collection.
pub(crate) fn created_at<T: Serialize>(
    collection: &str,
    id: impl Display,
    value: &T,
) -> Outcome<Reply> {
    let mut reply = created(value)?;
    let location =
        HeaderValue::try_from(format!("{collection}/{id}")).map_err(Failure::internal)?;
    reply.headers_mut().insert(LOCATION, location);
    Ok(reply)
}

/// 201 with a row, its `ETag`, and its address below the called collection.
pub(crate) fn created_row<T: Entity>(collection: &str, row: &T) -> Outcome<Reply> {
    versioned(created_at(collection, row.id(), row)?, row.version())
}

/// The answer of work that is done once, marked if it was given before.
pub(crate) fn once<T>(work: Once<T>, answer: impl FnOnce(&T) -> Outcome<Reply>) -> Outcome<Reply> {
    let is_before = work.is_before();
    let mut reply = answer(&work.into_inner())?;
    if is_before {
        reply.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(reply)
}

/// 200 with a file to keep.
pub(crate) fn file(name: &str, kind: HeaderValue, pieces: Pieces) -> Outcome<Reply> {
    let mut reply = Response::new(Body::file(pieces));
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::try_from(disposition).map_err(Failure::internal)?;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CONTENT_DISPOSITION, disposition);
    Ok(reply)
}

/// 202 with nothing: it is done behind the caller's back.
pub(crate) fn accepted() -> Reply {
    let mut reply = no_content();
    *reply.status_mut() = StatusCode::ACCEPTED;
    reply
}

/// 204.
pub(crate) fn no_content() -> Reply {
    empty(StatusCode::NO_CONTENT)
}

/// 304: the caller has this version already.
pub(crate) fn not_modified(version: i64) -> Reply {
    let mut reply = empty(StatusCode::NOT_MODIFIED);
    reply.headers_mut().insert(ETAG, etag(version));
    reply
}

/// 200 with a text of this kind.
pub(crate) fn text(kind: HeaderValue, text: Bytes) -> Reply {
    with_body(StatusCode::OK, kind, text)
}

/// 304 of what has no version but a tag, which the caller adds.
pub(crate) fn unchanged() -> Reply {
    empty(StatusCode::NOT_MODIFIED)
}

/// 204 that says which methods a path has.
pub(crate) fn options(allow: HeaderValue) -> Reply {
    let mut reply = no_content();
    reply.headers_mut().insert(ALLOW, allow);
    reply
}

/// Says that the connection ends with this reply.
pub(crate) fn close(reply: &mut Reply) {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Outcome<Reply> {
    let body = serde_json::to_vec(value).map_err(Failure::internal)?;
    Ok(with_body(status, JSON, body.into()))
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = Body::Whole(body);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    // Room for all that the gateway adds, at once.
    reply.headers_mut().reserve(HEADERS);
    reply
}

fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits and quotes are header text")
}
