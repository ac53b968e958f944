//! One cell: from a field's JSON to its text and back.

use std::borrow::Cow;

use serde_json::Value;

/// What a spreadsheet may take for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cell's text for a field. Text that a spreadsheet could run as a formula
/// gets an apostrophe before it, which [`reveal`] takes away again; numbers are
/// left as they are.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
        Value::String(text) => neutralised(text),
        Value::Array(entries) => {
            let text = list(entries);
            Cow::Owned(text.map_or_else(|| value.to_string(), |it| neutralised(&it).into_owned()))
        }
        Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

/// The text that was exported: the inverse of the apostrophe.
pub(crate) fn reveal(text: &str) -> &str {
    if is_marked(text) { &text[1..] } else { text }
}

/// A formula behind one apostrophe or more: text that had apostrophes itself
/// gets one more, so that no two texts are exported alike.
fn is_marked(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.len() < text.len() && bare.starts_with(FORMULA)
}

fn neutralised(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) || is_marked(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Words separated by semicolons, where that can be read back.
fn list(entries: &[Value]) -> Option<String> {
    let words: Option<Vec<&str>> = entries.iter().map(Value::as_str).collect();
    let words = words?;
    let plain = |word: &&str| {
        !word.is_empty() && !word.contains(';') && !word.starts_with('[') && word.trim() == *word
    };
    words.iter().all(plain).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn u5_formulas_are_neutralised_and_come_back() {
        for text in ["=1+1", "+44 20", "-x", "@a", "\tx", "\rx", "'=x", "''+x"] {
            let value = json!(text);
            let cell = text_of(&value);
            assert!(cell.starts_with('\''), "{text}");
            assert_eq!(reveal(&cell), text);
        }
        for text in ["a=1", "'tis", "1-2", ""] {
            let value = json!(text);
            assert_eq!(text_of(&value), text);
            assert_eq!(reveal(text), text);
        }
        assert_eq!(text_of(&json!(-5)), "-5");
        assert_eq!(text_of(&json!(["=x", "y"])), "'=x; y");
        assert_eq!(text_of(&json!(["a;b"])), r#"["a;b"]"#);
        assert_eq!(text_of(&json!([])), "");
    }
}
