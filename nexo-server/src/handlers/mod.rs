//! What each route does: read the call, ask the core, answer. Nothing else.

pub(crate) mod auth;
pub(crate) mod crud;
mod fields;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod search;
