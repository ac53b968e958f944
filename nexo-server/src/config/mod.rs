//! Configuration: flags, each with its environment variable.

mod database_url;
mod demo;
mod http;
mod print;
mod settings;
mod values;
mod wrong;

pub use http::HttpConfig;
pub use values::{Network, Origin, ParseNetworkError, ParseOriginError};

pub(crate) use database_url::DatabaseUrl;
pub(crate) use demo::DemoArgs;
pub(crate) use print::print;
pub(crate) use settings::{Cli, Command, LogFormat, Settings};
pub(crate) use wrong::{Refused, read};
