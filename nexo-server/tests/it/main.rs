//! The server as its callers see it: real sockets, a real PostgreSQL.
//!
//! The modules mirror the URLs. What needs no database (timeouts, panics, the
//! drain) is tested beside the listener, in `src/server/tests.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api_keys;
mod audit;
mod auth;
mod bad_input;
mod bad_values;
mod clients;
mod collections;
mod component;
mod config;
mod contract;
mod cors;
mod dashboard;
mod data_folder;
mod database_url;
mod demo;
mod drain;
mod embedded;
mod embedded_program;
mod framing;
mod gateway;
mod harness;
mod heads;
mod health;
mod http2;
mod imports;
mod log;
mod mail;
mod matrix;
mod metrics;
mod oidc;
#[cfg(feature = "otlp")]
mod otlp;
mod overload;
mod people;
mod pgbouncer;
mod privacy;
mod process;
mod program;
mod proxies;
mod proxy;
mod rate_limits;
mod redaction;
mod routes;
mod shared_limits;
mod split;
mod tls;
mod tokens;
mod wire;
