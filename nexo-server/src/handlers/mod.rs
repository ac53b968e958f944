//! What each route does: read the call, ask the core, answer. Nothing else.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod crud;
pub(crate) mod dashboard;
pub(crate) mod docs;
pub(crate) mod export;
mod fields;
pub(crate) mod health;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod oidc;
pub(crate) mod people;
pub(crate) mod privacy;
pub(crate) mod search;
pub(crate) mod second_factor;
