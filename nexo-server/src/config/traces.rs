//! Which requests belong to a trace.

use clap::{ArgAction, Args};

use super::values;

/// Which requests belong to a trace (W3C Trace Context). A caller's `traceparent`
/// is gone on with in any case, and its trace id stands in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TracesConfig {
    /// Whether a trace is begun for requests that bring none.
    pub always: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TracesArgs {
    /// Begin a trace for each request that brings no traceparent, so that every line of the log has a trace id
    #[arg(
        long, env = "NEXO_TRACES", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", action = ArgAction::Set,
        value_parser = values::switch
    )]
    traces: bool,
}

impl TracesArgs {
    pub(super) fn config(&self) -> TracesConfig {
        TracesConfig { always: self.traces }
    }
}
