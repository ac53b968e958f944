//! Entity tags: a row's version between quotes.

use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};

/// The one version that `If-Match` allows. `*` allows every version of a row
/// that exists, and rows that do not exist are not found anyway.
pub(super) fn if_match(headers: &HeaderMap) -> Outcome<Option<i64>> {
    let mut values = headers.get_all(IF_MATCH).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        _ => "",
    };
    if value == "*" {
        return Ok(None);
    }
    // A weak tag is well formed, but never the same as a version (RFC 9110,
    // 13.1.1); nor is a tag that this server never gave.
    let strong = value.strip_prefix("W/").unwrap_or(value);
    let Some(tag) = opaque_tag(strong) else {
        return Err(Failure::new(
            ErrorCode::BadRequest,
            "If-Match must be * or one entity tag, such as \"3\"",
        ));
    };
    match version(tag) {
        Some(version) if strong.len() == value.len() => Ok(Some(version)),
        _ => Err(Failure::of(ErrorCode::VersionConflict)),
    }
}

/// Whether `If-None-Match` names this version. What cannot be read matches
/// nothing, so that the caller gets the row.
pub(super) fn if_none_match(headers: &HeaderMap, current: i64) -> bool {
    list(headers, &IF_NONE_MATCH).any(|entry| {
        let tag = entry.strip_prefix("W/").unwrap_or(entry);
        entry == "*" || opaque_tag(tag).and_then(version) == Some(current)
    })
}

/// Whether `If-None-Match` names this tag.
pub(super) fn names(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    list(headers, &IF_NONE_MATCH).any(|entry| {
        let strong = entry.strip_prefix("W/").unwrap_or(entry);
        entry == "*" || strong.as_bytes() == tag.as_bytes()
    })
}

// Our tags hold digits only, so a comma inside a tag is not ours to respect.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn opaque_tag(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('"')?.strip_suffix('"')?;
    (!tag.contains(['"', ' ', '\t'])).then_some(tag)
}

/// The version in a tag, if it is written as this server writes it.
fn version(tag: &str) -> Option<i64> {
    let canonical = !tag.starts_with('0') && tag.bytes().all(|byte| byte.is_ascii_digit());
    canonical.then(|| tag.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn if_match_takes_one_version_or_any() {
        let read = |values: &[&'static str]| {
            if_match(&with(&IF_MATCH, values)).map_err(|failure| failure.code())
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(None));
        assert_eq!(read(&["\"3\""]), Ok(Some(3)));
        for never in ["W/\"3\"", "\"abc\"", "\"\"", "\"03\"", "\"+3\"", "\"99999999999999999999\""]
        {
            assert_eq!(read(&[never]), Err(ErrorCode::VersionConflict), "{never}");
        }
        for malformed in ["3", "\"3", "3\"", "", "\"1\", \"2\"", "\"", "w/\"3\""] {
            assert_eq!(read(&[malformed]), Err(ErrorCode::BadRequest), "{malformed}");
        }
        assert_eq!(read(&["\"1\"", "\"2\""]), Err(ErrorCode::BadRequest));
    }

    #[test]
    fn if_none_match_is_a_weak_list() {
        let matches = |value| if_none_match(&with(&IF_NONE_MATCH, &[value]), 3);
        assert!(matches("*") && matches("\"3\"") && matches("\"1\", W/\"3\""));
        assert!(!matches("\"4\"") && !matches("3") && !matches(""));
    }
}
