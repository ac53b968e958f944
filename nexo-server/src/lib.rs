//! The NEXO server: gateway, authentication and CRM over HTTP, directly on
//! hyper.
//!
//! A request takes one way and never goes back:
//!
//! ```text
//! gateway stages → route row → typed handler → TenantScope → Repository → reply
//! ```
//!
//! The program is [`run()`]. Other programs and tests embed the server through
//! [`Server`], on a database that they have opened themselves. [`routes`] has
//! the route table, which tests iterate over.
//!
//! TLS is ended here with [`HttpConfig::tls`], or by a proxy in front (see
//! [`HttpConfig::trusted_proxies`]).

mod app;
mod audit;
mod banner;
mod config;
mod contract;
mod demo;
pub mod embedded;
mod examples;
mod extract;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod handlers;
mod health;
mod log;
mod mail;
mod metrics;
mod oidc;
mod open;
#[cfg(feature = "otlp")]
mod otlp;
mod recover;
mod remote;
mod respond;
mod router;
pub mod routes;
mod run;
mod server;
mod signals;
mod traffic;

pub use config::{
    DocsConfig, HttpConfig, MetricsConfig, Network, OnRedisFailure, Origin, ParseNetworkError,
    ParseOriginError, ParseRedisUrlError, ParseServiceUrlError, RedisUrl, RemoteConfig, Role,
    Service, ServiceUrl, TlsConfig, TracesConfig, TrafficLimits,
};
pub use log::json_log;
pub use mail::{MailConfig, MailConfigError};
pub use oidc::{OidcConfigError, OidcProviders};
pub use router::AmbiguousRoutes;
pub use run::run;
pub use server::{BoundServer, Certificates, Drained, Provider, Server, ServerError, TlsError};
pub use traffic::{ParseQuotaError, Quota, RateLimitKind, TrafficCounters};
