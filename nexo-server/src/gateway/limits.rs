//! How a request may be framed and what sizes it must not exceed, checked before
//! anything is read.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};

/// The longest request target, in bytes.
pub(crate) const MAX_URI: usize = 8 * 1024;
/// All header names and values together, in bytes.
pub(crate) const MAX_HEADERS: usize = 16 * 1024;
/// The most header fields. hyper has room for as many without asking for memory, and
/// answers further ones with a bare 431.
pub(crate) const MAX_HEADER_COUNT: usize = 100;
/// The largest body, in bytes, of a route that takes no files.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// The largest head that hyper buffers. It is above the limits of this stage, so that
/// within it the answer is a problem document, and not hyper's bare 431.
pub(crate) const PARSER_MAX_HEAD: usize = 64 * 1024;

/// Refuses what a proxy in front might frame otherwise than hyper does, and what
/// is too large.
///
/// What is ambiguous in the bytes themselves is refused before it is parsed, in
/// `server/head_scan.rs`.
pub(super) fn check(parts: &Parts) -> Outcome<()> {
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && !(coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none())
    {
        let detail = "the only Transfer-Encoding that is understood is chunked";
        return Err(Failure::new(ErrorCode::BadRequest, detail));
    }
    // Over HTTP/2, which has no scan before it, equal ones come here.
    if parts.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        let detail = "there is more than one Content-Length header";
        return Err(Failure::new(ErrorCode::BadRequest, detail));
    }
    if parts.uri.path_and_query().map_or(0, |target| target.as_str().len()) > MAX_URI {
        return Err(Failure::of(ErrorCode::UriTooLong));
    }
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    let total: usize = parts.headers.iter().map(size).sum();
    if parts.headers.len() > MAX_HEADER_COUNT || total > MAX_HEADERS {
        return Err(Failure::of(ErrorCode::HeadersTooLarge));
    }
    Ok(())
}

/// Refuses a body that says itself that it is larger than its route takes.
pub(super) fn check_body(parts: &Parts, most: u64) -> Outcome<()> {
    // hyper has parsed this header and refused malformed ones already.
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|length| length.parse().ok()).unwrap_or(0_u64);
    if declared > most {
        return Err(Failure::of(ErrorCode::PayloadTooLarge));
    }
    Ok(())
}
