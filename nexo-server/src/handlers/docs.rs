//! The description of the interface, for programs and for people.

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG};

use crate::contract::{self, Fixed};
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");

/// The page loads its style from this server, and nothing else from anywhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

pub(crate) async fn openapi(call: Call<'_>) -> Outcome<Reply> {
    Ok(fixed(&call, contract::openapi(), JSON))
}

pub(crate) async fn page(call: Call<'_>) -> Outcome<Reply> {
    let mut reply = fixed(&call, contract::page(), HTML);
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    Ok(reply)
}

pub(crate) async fn style(call: Call<'_>) -> Outcome<Reply> {
    Ok(fixed(&call, contract::style(), CSS))
}

fn fixed(call: &Call<'_>, fixed: &Fixed, kind: HeaderValue) -> Reply {
    let mut reply = if call.has_tag(&fixed.tag) {
        respond::unchanged()
    } else {
        respond::text(kind, fixed.bytes.clone())
    };
    let headers = reply.headers_mut();
    headers.insert(ETAG, fixed.tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    reply
}
