//! Configuration: flags, each with its environment variable.

mod command;
mod database_url;
mod docs;
mod http;
mod print;
mod settings;
mod smtp_url;
mod values;
mod wrong;

pub use docs::DocsConfig;
pub use http::HttpConfig;
pub use values::{Network, Origin, ParseNetworkError, ParseOriginError};

pub(crate) use command::{AuditCommand, Command, DemoArgs, ResetPasswordArgs, VerifyArgs};
pub(crate) use database_url::DatabaseUrl;
pub(crate) use print::print;
pub(crate) use settings::{Cli, LogFormat, Settings};
pub(crate) use smtp_url::SmtpUrl;
pub(crate) use wrong::{Refused, read};
