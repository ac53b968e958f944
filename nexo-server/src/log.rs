//! The log: on standard error, for people or for machines.
//!
//! No token, password or cookie is ever given to it, and values are written
//! escaped, so that nobody outside can forge a line.

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Sets the log up for the whole process. The filter was checked when the
/// configuration was read.
pub(crate) fn init(format: LogFormat, filter: &str) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(filter))
        .with_writer(io::stderr);
    match format {
        LogFormat::Pretty => {
            builder.with_target(false).with_ansi(io::stderr().is_terminal()).init();
        }
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(false).init();
        }
    }
    // The place of a panic is known to this hook alone; what it cost is said
    // in the line of the request.
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        tracing::error!(place, message = panicked.payload_as_str(), "panicked");
    }));
}
