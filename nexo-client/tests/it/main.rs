//! The SDK against the real server, with a proxy between them that loses and
//! holds answers as networks do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_keys;
mod audit;
mod clients;
mod collections;
mod dashboard;
mod errors;
mod identity;
mod imports;
mod people;
mod privacy;
#[path = "../../../nexo-server/tests/it/oidc/provider/mod.rs"]
#[expect(dead_code, reason = "most of what it does wrong is for the server's tests")]
mod provider;
mod proxy;
mod refresh;
mod retry;
mod sign_in;
mod stream;
mod types;
mod world;
