//! The commands, and the flags that one of them has for itself.

use std::fmt;

use clap::{Args, Subcommand};
use nexo_core::demo::Demo;

use super::Settings;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Serve; also what happens without a command
    Serve,
    /// Fill a new account with believable data, and exit
    Demo(DemoArgs),
    /// Verify the audit logs, or print checkpoints to keep elsewhere, and exit
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print what sets the password of a user anew, once and for half an hour, and exit
    #[command(after_help = RESET)]
    ResetPassword(ResetPasswordArgs),
    /// Take the second factor from a user who has lost it, and exit
    #[command(after_help = RESET_SECOND_FACTOR)]
    ResetSecondFactor(ResetPasswordArgs),
    /// Print the effective configuration, without secrets, and exit
    Config,
}

/// What to do with the audit logs.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum AuditCommand {
    /// Compare every sealed entry with its seal, and name the first that was changed, removed or inserted
    #[command(after_help = VERIFY)]
    Verify(VerifyArgs),
    /// Print a signed checkpoint of each account's audit log, a line each
    Checkpoint,
}

/// Which logs to verify, and against what.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct VerifyArgs {
    /// Only this account's
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<nexo_core::model::Id<nexo_core::model::Account>>,

    /// A file that `nexo-server audit checkpoint` has printed
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Option<std::path::PathBuf>,
}

const VERIFY: &str = "\
Ends with 1 if anything is wrong. Without checkpoints it finds what was changed by
somebody who did not make all later seals anew. With checkpoints that were kept where
nobody who can write to the database can write, it finds whatever was changed before
them, and that the end of a log is missing. Nothing can be told of entries that are not
sealed yet, which is done within seconds, or five minutes for failed log-ins and what was
mailed. No server may be running on the data folder meanwhile; a database of your own may
be in use.

Examples:
  nexo-server audit checkpoint >>/mnt/elsewhere/checkpoints
  nexo-server audit verify --checkpoints /mnt/elsewhere/checkpoints";

/// Who is locked out.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ResetPasswordArgs {
    /// Log-in address of the user
    #[arg(value_name = "ADDRESS")]
    pub(crate) email: String,
}

const RESET: &str = "\
For whoever runs a server that sends no mail. Give what is printed to the user and nobody
else: whoever has it may choose the password, with which every session of the user ends.
No server may be running on the data folder meanwhile; a database of your own may be in
use.

Examples:
  nexo-server reset-password ada@example.com
      Prints a token. To use it, once a server runs:
  curl http://127.0.0.1:4000/api/auth/password/reset -H 'Content-Type: application/json' \\
    -d '{\"token\":\"nxp_…\",\"password\":\"a new long pass phrase\"}'";

const RESET_SECOND_FACTOR: &str = "\
For whoever runs the server, and only when it is certain who asks: from then on their
password alone logs them in, until they set a new one up. No server may be running on the
data folder meanwhile; a database of your own may be in use.

Examples:
  nexo-server reset-second-factor ada@example.com";

/// What to fill an account with, and whose it is.
#[derive(Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How many clients, from 10 to 1000000; everything else is in proportion
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = clients)]
    pub(crate) clients: u32,

    /// Log-in address of the user who is registered for it
    #[arg(long, value_name = "ADDRESS", default_value = "demo@example.com")]
    pub(crate) email: String,

    /// Pass phrase of that user, at least 15 characters; a random one is made and printed if absent
    #[arg(long, env = "NEXO_DEMO_PASSWORD", value_name = "PHRASE", hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// The same number gives the same content, another one gives another
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = seed)]
    pub(crate) seed: u64,
}

const EXAMPLES: &str = "\
For N clients there are N tasks, N/5 projects, N/20 suppliers and N/20 professionals,
N/50 employees (5 to 2000) and 4 to 24 departments, linked to each other, from the last
three years. What is written stays if this is interrupted. No server may be running on
the data folder meanwhile; a database of your own may be in use.

Examples:
  nexo-server demo
      A small company in the data folder of the server. Then start the server, and log in.
  nexo-server demo --clients 100000 --email large@example.com
      A large one beside it, for measuring: a minute or two.
  DATABASE_URL=postgres://owner:secret@db.example/crm nexo-server demo --seed 7
      The same in a database of your own, with other names.";

impl DemoArgs {
    /// Which setting it cannot do with.
    pub(super) fn contradiction(settings: &Settings) -> Option<&'static str> {
        settings.ephemeral.then_some(
            "demo fills what is kept and NEXO_EPHEMERAL (--ephemeral) keeps nothing: \
             expected one of them",
        )
    }
}

// By hand, because the pass phrase is not for logs.
impl fmt::Debug for DemoArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoArgs")
            .field("clients", &self.clients)
            .field("email", &self.email)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

fn clients(text: &str) -> Result<u32, String> {
    let range = Demo::FEWEST..=Demo::MOST;
    let number = text.parse().ok().filter(|count| range.contains(count));
    number.ok_or_else(|| format!("expected a number from {} to {}", Demo::FEWEST, Demo::MOST))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number that is not negative".to_owned())
}
