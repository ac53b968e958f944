//! What describes the server, which has no type of its own.

use serde_json::{Value, json};

/// The keys that verify access tokens.
pub(crate) fn key_set() -> Value {
    json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "…", "x": "…",
    }] })
}

/// The description of the interface.
pub(crate) fn description() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "NEXO", "version": env!("CARGO_PKG_VERSION") },
        "paths": { "/live": { "get": { "responses": { "200": { "description": "…" } } } } },
    })
}
