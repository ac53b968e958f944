//! JSON bodies, strictly.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use nexo_core::model::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::failure::{Failure, Outcome};

/// A parser's text quotes the value that it refused, which may be huge.
const MAX_DETAIL: usize = 300;

/// Whether the headers announce a body that [`parse`] can read.
pub(super) fn expect_json(method: &Method, headers: &HeaderMap) -> Outcome<()> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let only = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().unwrap_or_default(),
        _ => "",
    };
    let patch = *method == Method::PATCH;
    if !is_json(only, patch) {
        return Err(Failure::new(
            ErrorCode::UnsupportedMediaType,
            if patch {
                "expected Content-Type: application/json or application/merge-patch+json"
            } else {
                "expected Content-Type: application/json"
            },
        ));
    }
    let plain = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Failure::new(
            ErrorCode::UnsupportedMediaType,
            "compressed bodies are not accepted",
        ));
    }
    Ok(())
}

fn is_json(content_type: &str, patch: bool) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = essence.eq_ignore_ascii_case("application/json")
        || patch && essence.eq_ignore_ascii_case("application/merge-patch+json");
    known
        && parts.all(|parameter| match parameter.split_once('=') {
            // JSON is UTF-8 (RFC 8259); whoever says otherwise sends no JSON.
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// A `T` from a body that is one JSON object.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Outcome<T> {
    // A derived struct would also accept its fields as an array, in order.
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(_) => return Err(refused("expected a JSON object".to_owned())),
        None => return Err(refused("the body is empty; expected a JSON object".to_owned())),
    }
    serde_json::from_slice(body).map_err(|error| refused(readable(&error)))
}

fn readable(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = shorten(text.strip_suffix(place.as_str()).unwrap_or(&text));
    let kind = match error.classify() {
        Category::Data => "",
        Category::Eof => "the JSON breaks off: ",
        Category::Syntax | Category::Io => "not JSON: ",
    };
    format!("{kind}{what} (line {}, column {})", error.line(), error.column())
}

fn shorten(text: &str) -> &str {
    if text.len() <= MAX_DETAIL {
        return text;
    }
    let end = (0..=MAX_DETAIL).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

fn refused(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidBody, detail)
}

#[cfg(test)]
mod tests {
    use nexo_core::model::NewClient;

    use super::*;

    fn refusal(body: impl AsRef<[u8]>) -> String {
        let failure = parse::<NewClient>(body.as_ref()).expect_err("the body is bad");
        assert_eq!(failure.code(), ErrorCode::InvalidBody);
        failure.detail().expect("a reason").to_owned()
    }

    #[test]
    fn refusals_say_what_and_where() {
        assert_eq!(refusal(""), "the body is empty; expected a JSON object");
        assert_eq!(refusal(r#"["Ada"]"#), "expected a JSON object");
        assert_eq!(
            refusal(r#"{"name":"#),
            "the JSON breaks off: EOF while parsing a value (line 1, column 8)"
        );
        assert_eq!(refusal("{'name':1}"), "not JSON: key must be a string (line 1, column 2)");
        assert_eq!(
            refusal(r#"{"name":7}"#),
            "invalid type: integer `7`, expected a string (line 1, column 9)"
        );
        assert_eq!(
            refusal(r#"{"name":"a","name":"b"}"#),
            "duplicate field `name` (line 1, column 18)"
        );
        assert_eq!(refusal("{}"), "missing field `name` (line 1, column 2)");
    }

    #[test]
    fn refusals_stay_short_and_whole() {
        let long = format!(r#"{{"tags":"{}"}}"#, "é".repeat(10_000));
        assert!(refusal(long).len() < MAX_DETAIL + 50);
    }

    #[test]
    fn depth_and_numbers_are_bounded() {
        let deep = format!(r#"{{"name":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(refusal(deep).starts_with("invalid type: sequence"));
        assert!(refusal(r#"{"name":1e400}"#).starts_with("not JSON: number out of range"));
        assert!(refusal(b"{\"name\":\"\xff\"}").starts_with("not JSON: invalid unicode"));
    }

    #[test]
    fn content_types() {
        assert!(is_json("application/json", false));
        assert!(is_json("Application/JSON; charset=\"UTF-8\"", false));
        assert!(!is_json("application/json; charset=latin1", false));
        assert!(!is_json("application/merge-patch+json", false));
        assert!(is_json("application/merge-patch+json", true));
        assert!(!is_json("text/plain", true));
        assert!(!is_json("", true));
    }
}
