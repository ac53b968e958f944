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
//! There is no TLS here: a proxy in front ends it (see
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
mod gateway;
mod handlers;
mod log;
mod mail;
mod oidc;
mod open;
mod recover;
mod respond;
mod router;
pub mod routes;
mod run;
mod server;
mod signals;

pub use config::{DocsConfig, HttpConfig, Network, Origin, ParseNetworkError, ParseOriginError};
pub use mail::{MailConfig, MailConfigError};
pub use oidc::{OidcConfigError, OidcProviders};
pub use router::AmbiguousRoutes;
pub use run::run;
pub use server::{BoundServer, Drained, Provider, Server, ServerError};
