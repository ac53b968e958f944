//! What of a request and of a reply goes through a gateway.
//!
//! Requests are handed on by a list of what services read, so that no header
//! that somebody outside has invented can pass for one of the gateway's.

use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST, HeaderName,
    IF_MATCH, IF_NONE_MATCH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use tokio::time::Instant;

use super::backend::Backend;
use super::outbound::Outbound;
use crate::config::Protocol;
use crate::extract::Caller;
use crate::gateway::{
    TRACEPARENT, TraceContext, X_FORWARDED_FOR, X_REQUEST_ID, X_REQUEST_LATE, X_REQUEST_TIMEOUT,
};

/// How long the body is, is not among them: that is said by who frames it, and of
/// one that is not sent it would let the next request pass for it.
const FORWARDED: [HeaderName; 9] = [
    ACCEPT,
    AUTHORIZATION,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    IF_MATCH,
    IF_NONE_MATCH,
    USER_AGENT,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
];

/// What others in a trace have noted; it means nothing without one.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Of one connection and not of the reply (RFC 9110, 7.6.1), and what this
/// process says itself.
const NOT_RETURNED: [HeaderName; 10] = [
    CONNECTION,
    DATE,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    X_REQUEST_ID,
    X_REQUEST_LATE,
];

/// A service gives up a little before its gateway does, so that the answer is
/// its own and the connection goes on.
const HEAD_START: std::time::Duration = std::time::Duration::from_millis(50);

/// The head of a request, for as many backends as it takes.
#[derive(Debug)]
pub(super) struct Head<'a> {
    method: &'a Method,
    target: Option<PathAndQuery>,
    headers: HeaderMap,
    deadline: Option<Instant>,
}

/// Of a question that is asked for somebody, and is not their request.
const ASKED_WITH: [HeaderName; 2] = [AUTHORIZATION, USER_AGENT];

impl<'a> Head<'a> {
    pub(super) fn new(parts: &'a Parts, caller: Caller<'_>, deadline: Option<Instant>) -> Self {
        let target = parts.uri.path_and_query().cloned();
        Self::of(&parts.method, target, headers(&FORWARDED, parts, caller), deadline)
    }

    /// Of another question for the same caller.
    pub(super) fn asking(
        path: &'static str,
        parts: &Parts,
        caller: Caller<'_>,
        deadline: Instant,
    ) -> Self {
        let target = Some(PathAndQuery::from_static(path));
        Self::of(&Method::GET, target, headers(&ASKED_WITH, parts, caller), Some(deadline))
    }

    fn of(
        method: &'a Method,
        target: Option<PathAndQuery>,
        headers: HeaderMap,
        deadline: Option<Instant>,
    ) -> Self {
        Self { method, target, headers, deadline }
    }

    /// The request for one backend.
    pub(super) fn request(&self, backend: &Backend, body: Outbound) -> Request<Outbound> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(deadline) = self.deadline {
            let left =
                deadline.saturating_duration_since(Instant::now()).saturating_sub(HEAD_START);
            let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            request.headers_mut().insert(X_REQUEST_TIMEOUT, left.into());
        }
        address(&mut request, backend, self.target.clone());
        request
    }
}

/// These of the caller's, and who that is.
fn headers(names: &[HeaderName], parts: &Parts, caller: Caller<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(names.len() + 3);
    for name in names {
        for value in parts.headers.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    let from = HeaderValue::try_from(caller.ip.to_string()).expect("an address is header text");
    headers.insert(X_FORWARDED_FOR, from);
    headers.insert(X_REQUEST_ID, caller.request.value().clone());
    if let Some(trace) = caller.trace {
        // What is done for it there is below what is done here.
        headers.insert(TRACEPARENT, trace.to_header());
        // It is of the caller's trace, and of no other.
        if parts.headers.contains_key(TRACESTATE) && TraceContext::of(&parts.headers).is_some() {
            for state in parts.headers.get_all(TRACESTATE) {
                headers.append(TRACESTATE, state.clone());
            }
        }
    }
    headers
}

/// Names the backend as its protocol wants it.
pub(super) fn address(
    request: &mut Request<Outbound>,
    backend: &Backend,
    target: Option<PathAndQuery>,
) {
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = target.or_else(|| Some(PathAndQuery::from_static("/")));
    match backend.protocol() {
        Protocol::Http1 => {
            request.headers_mut().insert(HOST, backend.host().clone());
        }
        Protocol::H2c => {
            *request.version_mut() = Version::HTTP_2;
            uri.scheme = Some(http::uri::Scheme::HTTP);
            uri.authority = backend.authority().parse().ok();
        }
    }
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
}

/// Leaves of a reply's head what is for the caller.
pub(super) fn strip(headers: &mut HeaderMap) {
    // What `Connection` names is of the connection too.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&NOT_RETURNED) {
        headers.remove(name);
    }
}
