//! What a connection pooler between server and database does not bear.

use clap::{ArgAction, Args};

use super::values;

#[derive(Debug, Args)]
pub(crate) struct PoolerArgs {
    /// Prepare statements once a connection; false behind a PgBouncer in transaction mode that does not keep them apart (before 1.21, or max_prepared_statements = 0): it would run the wrong ones
    #[arg(
        long, env = "NEXO_PREPARED_STATEMENTS", value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_value = "true", default_missing_value = "true",
        action = ArgAction::Set, value_parser = values::switch
    )]
    pub(crate) prepared_statements: bool,
}
