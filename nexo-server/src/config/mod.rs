//! Configuration: flags, each with its environment variable.

mod command;
mod database_url;
mod http;
mod metrics;
mod print;
mod settings;
mod smtp_url;
mod traces;
mod values;
mod wrong;

pub use http::HttpConfig;
pub use metrics::MetricsConfig;
pub use traces::TracesConfig;
pub use values::{Network, Origin, ParseNetworkError, ParseOriginError};

pub(crate) use command::{AuditCommand, Command, DemoArgs, ResetPasswordArgs, VerifyArgs};
pub(crate) use database_url::DatabaseUrl;
pub(crate) use metrics::MetricsArgs;
pub(crate) use print::print;
pub(crate) use settings::{Cli, LogFormat, Settings};
pub(crate) use smtp_url::SmtpUrl;
pub(crate) use traces::TracesArgs;
pub(crate) use wrong::{Refused, read};
