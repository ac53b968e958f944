//! Whether the server describes itself.

use clap::{ArgAction, Args};

use super::values;

/// Whether `/openapi.json` and `/docs` are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocsConfig {
    /// Whether they are. They tell what the interface is, and nothing of what is
    /// stored.
    pub served: bool,
}

impl Default for DocsConfig {
    fn default() -> Self {
        Self { served: true }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Describe the interface at /docs, and for programs at /openapi.json; false for 404
    #[arg(
        long, env = "NEXO_DOCS", value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_value = "true", default_missing_value = "true",
        action = ArgAction::Set, value_parser = values::switch
    )]
    pub(crate) docs: bool,
}

impl DocsArgs {
    pub(super) fn config(&self) -> DocsConfig {
        DocsConfig { served: self.docs }
    }
}
