//! The lines of the log for machines: one JSON object each.
//!
//! What tracing-subscriber has for this keeps the fields of a span as a JSON text
//! that it parses for every line within the span. Here they are kept as the very
//! members that the line will have, so that a line is written once, from one end
//! to the other.

use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// As most lines and spans have, so that a text seldom grows.
const LINE: usize = 512;
const SPAN: usize = 128;

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
        let mut line = String::with_capacity(LINE);
        line.push_str("{\"timestamp\":\"");
        time(&mut line)?;
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push_str("\",");
        event.record(&mut Visitor(&mut line));
        line.push_str("\"target\":");
        text(&mut line, event.metadata().target());
        let parent = event.parent().and_then(|id| context.span(id));
        if let Some(span) = parent.or_else(|| context.lookup_current()) {
            line.push_str(",\"span\":{");
            if let Some(fields) = span.extensions().get::<FormattedFields<Members>>() {
                line.push_str(fields);
            }
            line.push_str("\"name\":");
            text(&mut line, span.name());
            line.push('}');
        }
        line.push_str("}\n");
        to.write_str(&line)
    }
}

impl<'a> FormatFields<'a> for Members {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'a>, fields: R) -> fmt::Result {
        let mut members = String::with_capacity(SPAN);
        fields.record(&mut Visitor(&mut members));
        to.write_str(&members)
    }

    /// No span is told a field twice.
    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        fields.record(&mut Visitor(&mut current.fields));
        Ok(())
    }
}

/// Now, to the microsecond.
fn time(line: &mut String) -> fmt::Result {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    // A clock that is beyond all calendars is no reason to lose the line.
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    PRINTER.print_timestamp(&now, StdFmtWrite(line)).map_err(|_| fmt::Error)
}

struct Visitor<'a>(&'a mut String);

impl Visitor<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut String)) {
        self.0.push('"');
        // A name that is a keyword of Rust's.
        let name = field.name();
        escape(self.0, name.strip_prefix("r#").unwrap_or(name));
        self.0.push_str("\":");
        value(self.0);
        self.0.push(',');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.member(field, |line| {
            let _infallible = write!(line, "{value}");
        });
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |line| text(line, value));
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
            self.plain(field, format_args!("{value:?}"));
        } else {
            self.plain(field, "null");
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn StdError + 'static)) {
        self.member(field, |line| formatted(line, format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |line| formatted(line, format_args!("{value:?}")));
    }
}

/// A text between quotes.
fn text(line: &mut String, text: &str) {
    line.push('"');
    escape(line, text);
    line.push('"');
}

/// The same of what is formatted as it is written. What fails to say all of itself
/// has said as much as it has.
fn formatted(line: &mut String, value: fmt::Arguments<'_>) {
    struct Escaped<'a>(&'a mut String);

    impl Write for Escaped<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            escape(self.0, piece);
            Ok(())
        }
    }

    line.push('"');
    let _said = Escaped(line).write_fmt(value);
    line.push('"');
}

/// What may stand between quotes (RFC 8259, 7).
fn escape(line: &mut String, text: &str) {
    // Nearly all texts are plain, which is seen many bytes at a time.
    if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        return line.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (plain, from) = rest.split_at(at);
        line.push_str(plain);
        match from.as_bytes()[0] {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            control => {
                let _infallible = write!(line, "\\u{control:04x}");
            }
        }
        rest = &from[1..];
    }
    line.push_str(rest);
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
