//! The lines of the log for machines: one JSON object each.
//!
//! What tracing-subscriber has for this keeps the fields of a span as a JSON text
//! that it parses for every line within the span. Here they are kept as the very
//! members that the line will have, so that a line is written once, from one end
//! to the other.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// An event as an object: its time and level, its fields, its target, and the
/// span that it is in.
#[derive(Debug)]
pub(super) struct Lines;

/// Fields as members of an object, each followed by a comma: behind them stands
/// always one more.
#[derive(Debug)]
pub(super) struct Members;

impl<S> FormatEvent<S, Members> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        to.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut to)?;
        to.write_str("\",\"level\":\"")?;
        to.write_str(event.metadata().level().as_str())?;
        to.write_str("\",")?;
        Members.format_fields(to.by_ref(), event)?;
        to.write_str("\"target\":")?;
        text(&mut to, event.metadata().target())?;
        let parent = event.parent().and_then(|id| context.span(id));
        if let Some(span) = parent.or_else(|| context.lookup_current()) {
            to.write_str(",\"span\":{")?;
            if let Some(fields) = span.extensions().get::<FormattedFields<Members>>() {
                to.write_str(fields)?;
            }
            to.write_str("\"name\":")?;
            text(&mut to, span.name())?;
            to.write_str("}")?;
        }
        to.write_str("}\n")
    }
}

impl<'a> FormatFields<'a> for Members {
    fn format_fields<R: RecordFields>(&self, to: Writer<'a>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { to, done: Ok(()) };
        fields.record(&mut visitor);
        visitor.done
    }

    /// No span is told a field twice.
    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Visitor<'a> {
    to: Writer<'a>,
    done: fmt::Result,
}

impl Visitor<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.done.is_ok() {
            self.done = self.write(field.name(), value);
        }
    }

    fn write(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut Writer<'_>) -> fmt::Result,
    ) -> fmt::Result {
        // A name that is a keyword of Rust's.
        self.to.write_str("\"")?;
        escape(&mut self.to, name.strip_prefix("r#").unwrap_or(name))?;
        self.to.write_str("\":")?;
        value(&mut self.to)?;
        self.to.write_str(",")
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.member(field, |to| write!(to, "{value}"));
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |to| text(to, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for the others.
        if value.is_finite() {
            self.member(field, |to| write!(to, "{value:?}"));
        } else {
            self.plain(field, "null");
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn StdError + 'static)) {
        self.member(field, |to| formatted(to, format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |to| formatted(to, format_args!("{value:?}")));
    }
}

/// A text between quotes.
fn text(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    to.write_str("\"")?;
    escape(to, text)?;
    to.write_str("\"")
}

/// The same of what is formatted as it is written.
fn formatted(to: &mut Writer<'_>, value: fmt::Arguments<'_>) -> fmt::Result {
    struct Escaped<'a, 'b>(&'a mut Writer<'b>);

    impl Write for Escaped<'_, '_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            escape(self.0, piece)
        }
    }

    to.write_str("\"")?;
    Escaped(to).write_fmt(value)?;
    to.write_str("\"")
}

/// What may stand between quotes (RFC 8259, 7).
fn escape(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    // Nearly all texts are plain, which is seen many bytes at a time.
    if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        return to.write_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (plain, from) = rest.split_at(at);
        to.write_str(plain)?;
        match from.as_bytes()[0] {
            b'"' => to.write_str("\\\"")?,
            b'\\' => to.write_str("\\\\")?,
            b'\n' => to.write_str("\\n")?,
            b'\r' => to.write_str("\\r")?,
            b'\t' => to.write_str("\\t")?,
            control => write!(to, "\\u{control:04x}")?,
        }
        rest = &from[1..];
    }
    to.write_str(rest)
}

const fn is_special(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::json_log;
    use super::super::tests::Written;
    use tracing_subscriber::layer::SubscriberExt;

    /// What is written meanwhile, line by line, without its time.
    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::registry().with(json_log(move || to.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let text = written.text();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).expect(line);
            let time = line.as_object_mut().and_then(|line| line.remove("timestamp"));
            let time = time.as_ref().and_then(Value::as_str).expect("a time");
            time.parse::<jiff::Timestamp>().expect("RFC 3339");
            line
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn a_line_has_its_fields_and_those_of_its_span() {
        let target = module_path!();
        let lines = lines(|| {
            let span = tracing::error_span!("request", id = "a-1", trace = tracing::field::Empty);
            span.in_scope(|| tracing::info!("before"));
            span.record("trace", "7f");
            let none: Option<&str> = None;
            span.in_scope(|| {
                tracing::warn!(none, r#type = 1_u8, less = -2, ms = 0.25, whole = 3.0, yes = true);
            });
            tracing::info!(odd = f64::NAN, huge = f64::MAX, much = u64::MAX, "after");
        });
        let before = json!({
            "level": "INFO", "message": "before", "target": target,
            "span": {"id": "a-1", "name": "request"},
        });
        let within = json!({
            "level": "WARN", "type": 1, "less": -2, "ms": 0.25, "whole": 3.0, "yes": true,
            "target": target, "span": {"id": "a-1", "trace": "7f", "name": "request"},
        });
        let after = json!({
            "level": "INFO", "message": "after", "odd": null, "huge": f64::MAX, "much": u64::MAX,
            "target": target,
        });
        assert_eq!(lines, [before, within, after]);
    }

    /// P8: whatever a field says, a line is one object, and says just that.
    #[test]
    fn p8_no_field_gets_out_of_its_quotes() {
        let all: String = (0..=0x2ff_u32).filter_map(char::from_u32).collect();
        for odd in [&all, "\",\"level\":\"ERROR", "a\r\nb\\", "\u{2028}\u{10ffff}", ""] {
            let error = std::io::Error::other(odd);
            let as_error: &(dyn std::error::Error + 'static) = &error;
            let lines = lines(|| {
                let span = tracing::error_span!("odd", text = odd, shown = %odd);
                span.in_scope(|| {
                    tracing::info!(text = odd, shown = %odd, debug = ?odd, as_error, "{odd}");
                });
            });
            let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
            for said in ["text", "shown", "as_error", "message"] {
                assert_eq!(line[said], odd, "{said}");
            }
            assert_eq!(line["debug"], format!("{odd:?}"));
            assert_eq!((&line["span"]["text"], &line["span"]["shown"]), (&json!(odd), &json!(odd)));
            assert_eq!(line["level"], "INFO");
        }
    }
}
