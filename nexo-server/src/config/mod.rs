//! Configuration: flags, each with its environment variable.

mod command;
mod database_url;
mod docs;
mod http;
mod metrics;
mod pooler;
mod print;
mod redis_url;
mod remote;
mod replies;
mod role;
mod service_url;
mod settings;
mod smtp_url;
mod split;
mod tls;
mod traces;
mod traffic;
mod values;
mod wrong;

pub use docs::DocsConfig;
pub use http::HttpConfig;
pub use metrics::MetricsConfig;
pub use redis_url::{ParseRedisUrlError, RedisUrl};
pub use remote::RemoteConfig;
pub use role::{Role, Service};
pub use service_url::{ParseServiceUrlError, ServiceUrl};
pub use tls::TlsConfig;
pub use traces::TracesConfig;
pub use traffic::{OnRedisFailure, TrafficLimits};
pub use values::{Network, Origin, ParseNetworkError, ParseOriginError};

pub(crate) use command::{AuditCommand, Command, DemoArgs, ResetPasswordArgs, VerifyArgs};
pub(crate) use database_url::DatabaseUrl;
pub(crate) use metrics::MetricsArgs;
pub(crate) use print::print;
pub(crate) use service_url::Protocol;
pub(crate) use settings::{Cli, LogFormat, Settings};
pub(crate) use smtp_url::SmtpUrl;
pub(crate) use traces::TracesArgs;
pub(crate) use values::duration;
pub(crate) use wrong::{Refused, read};
