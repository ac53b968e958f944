//! Which pages of other origins may call this server from a browser.
//!
//! Origins are allowed one by one and compared exactly. Credentials are never
//! allowed: tokens travel in a header that a page must set itself.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderValue, Method};

use crate::config::HttpConfig;
use crate::respond::Reply;

const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, tracestate, \
     x-request-id",
);
const REPLY_HEADERS: HeaderValue = HeaderValue::from_static(
    "allow, content-disposition, etag, idempotency-replayed, location, ratelimit-limit, \
     ratelimit-remaining, ratelimit-reset, retry-after, x-request-id",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Adds what the caller's origin may see. A preflight is an `OPTIONS` request,
/// already answered with the path's methods in `Allow`.
pub(super) fn apply(config: &HttpConfig, parts: &Parts, reply: &mut Reply) {
    if config.cors_origins.is_empty() {
        return;
    }
    let headers = reply.headers_mut();
    // Also when the origin is refused: a cache must not hand that answer on.
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = parts.headers.get(ORIGIN) else { return };
    if !config.cors_origins.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes()) {
        return;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let preflight = parts.method == Method::OPTIONS
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !preflight {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, REPLY_HEADERS);
    } else if let Some(methods) = headers.get(ALLOW).cloned() {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}
