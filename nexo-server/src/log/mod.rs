//! The log: on standard error, for people or for machines.
//!
//! No token, password or cookie is ever given to it, and nobody outside can forge
//! a line: what would end one is written escaped.

mod json;

use std::io::{self, IsTerminal, Write};
use std::panic;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::LogFormat;

/// Sets the log up for the whole process. The filter was checked when the
/// configuration was read.
pub(crate) fn init(format: LogFormat, filter: &str) {
    start(format, EnvFilter::builder().parse_lossy(filter));
    // The place of a panic is known to this hook alone; what it cost is said
    // in the line of the request.
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        tracing::error!(place, message = panicked.payload_as_str(), "panicked");
    }));
}

fn start(format: LogFormat, filter: EnvFilter) {
    #[cfg(feature = "otlp")]
    if let Some(traces) = crate::otlp::layer() {
        use tracing_subscriber::filter::{FilterExt, filter_fn};
        // Each sees what is for it: what is logged does not change with the export.
        let filter = filter.and(filter_fn(|of| !crate::otlp::is_for_traces(of)));
        let lines = lines(format).with_filter(filter);
        tracing_subscriber::registry().with(lines).with(traces).init();
        return;
    }
    tracing_subscriber::registry().with(filter).with(lines(format)).init();
}

/// What writes the lines.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Pretty => fmt::layer()
            .with_writer(|| OneLine(io::stderr()))
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
        LogFormat::Json => json_log(|| OneLine(io::stderr())).boxed(),
    }
}

/// The log as `nexo-server --log-format json` writes it, for a program that has a
/// [`Server`](crate::Server) in it and a subscriber of its own.
pub fn json_log<S, W>(to: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_writer(to).fmt_fields(json::Members).event_format(json::Lines)
}

/// After the last line: what is not written yet and has been handed over.
pub(crate) fn finish() {
    #[cfg(feature = "otlp")]
    crate::otlp::finish();
}

/// Writes each event, which comes whole, as one line. Texts are escaped where they
/// are formatted, but what an error says of itself is not.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if memchr::memchr2(b'\r', b'\n', line).is_some() {
            let mut escaped = Vec::with_capacity(event.len() + 16);
            for byte in line {
                match byte {
                    b'\n' => escaped.extend_from_slice(b"\\n"),
                    b'\r' => escaped.extend_from_slice(b"\\r"),
                    other => escaped.push(*other),
                }
            }
            escaped.extend_from_slice(&event[line.len()..]);
            self.0.write_all(&escaped)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(super) fn text(&self) -> String {
            let bytes = self.0.lock().expect("nobody panics").clone();
            String::from_utf8(bytes).expect("text")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// P8: what others say, such as a mail server, forges no line.
    #[test]
    fn p8_an_event_is_one_line() {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || OneLine(to.clone()));
        tracing::subscriber::with_default(subscriber.finish(), || {
            let error = io::Error::other("550 no\r\n1970-01-01 ERROR forged");
            let span = tracing::error_span!("request", id = "a\nb", odd = %error);
            span.in_scope(|| tracing::warn!(%error, ?error, text = "a\r\nb", "not\nmailed"));
        });
        let text = written.text();
        assert_eq!(text.matches(['\r', '\n']).count(), 1, "{text:?}");
        assert!(text.ends_with('\n') && text.contains(r"550 no\r\n1970"), "{text}");
    }
}
