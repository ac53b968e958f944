//! Every flag of `nexo-server`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, Parser, ValueEnum};
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;

use super::docs::DocsArgs;
use super::pooler::PoolerArgs;
use super::replies::RepliesArgs;
use super::split::SplitSettings;
use super::tls::TlsArgs;
use super::traffic::TrafficArgs;
use super::{
    Command, DatabaseUrl, HttpConfig, MetricsArgs, Network, Origin, SmtpUrl, TracesArgs, values,
};
use crate::mail::MailConfig;
use crate::oidc::{self, OidcProviders};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "nexo-server",
    version,
    about = "NEXO, a multi-tenant CRM backend on PostgreSQL row-level security",
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

impl Cli {
    /// The command line, with every setting also after the command.
    pub(super) fn definition() -> clap::Command {
        // What belongs to a command comes first in its help.
        let mut place = 100;
        Self::command().mut_args(|arg| {
            place += 1;
            arg.global(true).display_order(place)
        })
    }
}

const EXAMPLES: &str = "\
Examples:
  nexo-server
      Serves on 127.0.0.1:4000 with a PostgreSQL of its own, kept in the data folder.
  nexo-server --ephemeral --listen 127.0.0.1:0
      The same for a try: a free port, and nothing is kept.
  DATABASE_URL=postgres://owner:secret@db.example/crm nexo-server --listen 0.0.0.0:4000
      Serves from an existing database, whose schema the owner's role migrates.
  NEXO_ROLE=gateway AUTH_SERVICE_URL=http://10.0.0.11:4001 \\
  CRM_SERVICE_URL=http://10.0.0.21:4002,http://10.0.0.22:4002 nexo-server --trusted-proxy 10.0.0.5
      Hands requests on to other processes, behind a proxy that tells callers' addresses.
  NEXO_LOG_FORMAT=json NEXO_LOG=info,nexo_server::request=warn nexo-server
      Logs for machines, and only the requests that failed.
  nexo-server demo
      Makes a user whose account has 1,000 clients and what belongs to them.
  nexo-server config
      Prints every setting, its value and where that comes from.";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Pretty,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Address and port to listen on; port 0 takes a free one. 127.0.0.1:4001 for the role auth, 127.0.0.1:4002 for crm
    #[arg(
        long, env = "NEXO_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:4000",
        default_value_ifs = [("role", "auth", "127.0.0.1:4001"), ("role", "crm", "127.0.0.1:4002")],
        value_parser = values::address
    )]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) split: SplitSettings,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    /// Folder of the server's own PostgreSQL, used when there is no DATABASE_URL
    #[arg(long, env = "NEXO_DATA_DIR", value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Keep nothing: run the server's own PostgreSQL in a temporary folder
    #[arg(
        long, env = "NEXO_EPHEMERAL", value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_value = "false", default_missing_value = "true",
        action = ArgAction::Set, value_parser = values::switch
    )]
    pub(crate) ephemeral: bool,

    /// Database to use instead of an own one, as its owner
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<DatabaseUrl>,

    /// The same database as the role nexo_app, if its password is managed elsewhere or PgBouncer is in between; both roles' or none
    #[arg(long, env = "NEXO_APP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) app_database_url: Option<DatabaseUrl>,

    /// The same database as the role nexo_auth, if its password is managed elsewhere or PgBouncer is in between; both roles' or none
    #[arg(long, env = "NEXO_AUTH_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) auth_database_url: Option<DatabaseUrl>,

    /// Certificate authorities (PEM) to trust for the database instead of the system's
    #[arg(long, env = "NEXO_DATABASE_CA_FILE", value_name = "FILE")]
    pub(crate) database_ca_file: Option<PathBuf>,

    /// Most database connections for tenants' work; as many more for users who see only some records, and logins have a quarter of it besides
    #[arg(
        long, env = "NEXO_POOL_SIZE", value_name = "COUNT", default_value = "16",
        value_parser = values::count
    )]
    pub(crate) pool_size: usize,

    #[command(flatten)]
    pub(crate) pooler: PoolerArgs,

    /// Name of this installation in its tokens (`iss`)
    #[arg(
        long, env = "NEXO_ISSUER", value_name = "NAME", default_value = "nexo",
        value_parser = values::name
    )]
    pub(crate) issuer: String,

    /// How long an access token is good for
    #[arg(
        long, env = "NEXO_ACCESS_TOKEN_TTL", value_name = "DURATION", default_value = "10m",
        value_parser = values::timeout
    )]
    pub(crate) access_token_ttl: Duration,

    /// Mail server for resets of passwords, invitations and confirmations of addresses
    #[arg(long, env = "NEXO_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) smtp_url: Option<SmtpUrl>,

    /// Sender of mail: NEXO <crm@example.com>
    #[arg(long, env = "NEXO_MAIL_FROM", value_name = "ADDRESS", value_parser = values::mailbox)]
    pub(crate) mail_from: Option<Mailbox>,

    /// Where the pages are that links in mail lead to; without it, mail has the token alone
    #[arg(long, env = "NEXO_PUBLIC_URL", value_name = "URL", value_parser = values::web_url)]
    pub(crate) public_url: Option<String>,

    /// OpenID Connect providers to sign in through, as a JSON file
    #[arg(
        long, env = "NEXO_OIDC_PROVIDERS", value_name = "FILE", value_parser = oidc::read_file
    )]
    pub(crate) oidc_providers: Option<OidcProviders>,

    /// Origin whose pages may call from a browser; several with commas or by repeating
    #[arg(long, env = "NEXO_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) cors_origin: Vec<Origin>,

    /// Proxy or network of proxies whose X-Forwarded-For is believed; several with commas or by repeating
    #[arg(long, env = "NEXO_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Network>,

    /// Most connections at a time; further ones wait
    #[arg(
        long, env = "NEXO_MAX_CONNECTIONS", value_name = "COUNT", default_value = "1000",
        value_parser = values::count
    )]
    pub(crate) max_connections: usize,

    /// Most connections from one address; further ones are closed, unless from a trusted proxy
    #[arg(
        long, env = "NEXO_MAX_CONNECTIONS_PER_IP", value_name = "COUNT", default_value = "200",
        value_parser = values::count
    )]
    pub(crate) max_connections_per_ip: usize,

    #[command(flatten)]
    pub(crate) traffic: TrafficArgs,

    /// Time for the head of a request to arrive
    #[arg(
        long, env = "NEXO_HEADER_TIMEOUT", value_name = "DURATION", default_value = "10s",
        value_parser = values::timeout
    )]
    pub(crate) header_timeout: Duration,

    /// Time for the body of a request to arrive
    #[arg(
        long, env = "NEXO_BODY_TIMEOUT", value_name = "DURATION", default_value = "15s",
        value_parser = values::timeout
    )]
    pub(crate) body_timeout: Duration,

    /// Time for a request to be answered
    #[arg(
        long, env = "NEXO_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "30s",
        value_parser = values::timeout
    )]
    pub(crate) request_timeout: Duration,

    /// Time between two requests on a connection
    #[arg(
        long, env = "NEXO_IDLE_TIMEOUT", value_name = "DURATION", default_value = "75s",
        value_parser = values::timeout
    )]
    pub(crate) idle_timeout: Duration,

    #[command(flatten)]
    pub(crate) replies: RepliesArgs,

    /// Time to go on accepting after SIGTERM, while /ready already says no; 3s for the roles auth and crm
    #[arg(
        long, env = "NEXO_DRAIN_DELAY", value_name = "DURATION", default_value = "0s",
        default_value_ifs = [("role", "auth", "3s"), ("role", "crm", "3s")],
        value_parser = values::duration
    )]
    pub(crate) drain_delay: Duration,

    /// Time for requests in flight to finish after SIGTERM
    #[arg(
        long, env = "NEXO_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "30s",
        value_parser = values::duration
    )]
    pub(crate) drain_timeout: Duration,

    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,

    #[command(flatten)]
    pub(crate) traces: TracesArgs,

    #[command(flatten)]
    pub(crate) docs: DocsArgs,

    /// How to write the log
    #[arg(long, env = "NEXO_LOG_FORMAT", value_name = "FORMAT", default_value = "pretty")]
    pub(crate) log_format: LogFormat,

    /// What to log: a level, or directives such as info,nexo_server::request=warn
    #[arg(
        long, env = "NEXO_LOG", value_name = "FILTER", default_value = "info",
        value_parser = log_filter
    )]
    pub(crate) log: String,
}

impl Settings {
    pub(crate) fn http(&self) -> HttpConfig {
        HttpConfig {
            listen: self.listen,
            role: self.split.role,
            remote: self.split.remote(&self.issuer),
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            header_timeout: self.header_timeout,
            body_timeout: self.body_timeout,
            request_timeout: self.request_timeout,
            idle_timeout: self.idle_timeout,
            reply_timeout: self.replies.reply_timeout,
            reply_rate: self.replies.reply_rate,
            reply_memory: self.replies.reply_memory,
            drain_delay: self.drain_delay,
            drain_timeout: self.drain_timeout,
            cors_origins: self.cors_origin.clone(),
            trusted_proxies: self.trusted_proxy.clone(),
            traffic: self.traffic.limits(),
            tls: self.tls.config(),
            metrics: self.metrics.config(),
            traces: self.traces.config(),
            docs: self.docs.config(),
        }
    }

    /// How mail is sent, if it is.
    pub(crate) fn mail(&self) -> Option<MailConfig> {
        let (smtp, from) = (self.smtp_url.clone()?, self.mail_from.clone()?);
        Some(MailConfig { smtp, from, public_url: self.public_url.clone() })
    }

    /// What no single flag can say: which of them exclude or need each other.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let roles = [&self.app_database_url, &self.auth_database_url];
        let external = self.database_url.is_some() || roles.iter().any(|url| url.is_some());
        if roles[0].is_some() != roles[1].is_some() {
            return Some(
                "NEXO_APP_DATABASE_URL and NEXO_AUTH_DATABASE_URL need each other: \
                 expected both, or neither",
            );
        }
        if let Some(wrong) = self.split.contradiction(external) {
            return Some(wrong);
        }
        if self.smtp_url.is_some() != self.mail_from.is_some() {
            return Some(
                "NEXO_SMTP_URL and NEXO_MAIL_FROM need each other: expected both, or neither",
            );
        }
        if let Some(text) = self.tls.contradiction() {
            return Some(text);
        }
        if self.ephemeral && external {
            return Some(
                "NEXO_EPHEMERAL keeps nothing and a database URL keeps everything: \
                 expected one of them",
            );
        }
        if self.ephemeral && self.data_dir.is_some() {
            return Some(
                "NEXO_EPHEMERAL keeps nothing and NEXO_DATA_DIR keeps everything: \
                 expected one of them",
            );
        }
        None
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| {
        "expected a level (error, warn, info, debug, trace, off) or directives such as \
         info,nexo_server::request=warn"
            .to_owned()
    })
}
