//! How the server is, and what describes it.

use http::Method;

use super::operation::{Tag, operation};
use super::route::{Route, public};
use crate::contract::any_object;
use crate::handlers::health::{Health, Ready};
use crate::handlers::{docs, health, keys};

pub(super) fn probes() -> [Route; 3] {
    [
        public(Method::GET, "/health", |app, _| Box::pin(health::health(app))).documented(
            operation(Tag::Server, "getHealth", "Tell whether the process works")
                .about(
                    "Answers 200 as long as the process does; the body tells how the database is.",
                )
                .answers::<Health>(),
        ),
        public(Method::GET, "/ready", |app, _| Box::pin(health::ready(app))).documented(
            operation(Tag::Server, "getReadiness", "Tell whether requests are welcome")
                .about(
                    "Answers 503 while the server starts or stops, and while the database is away.",
                )
                .answers::<Ready>(),
        ),
        public(Method::GET, "/.well-known/jwks.json", |app, _| Box::pin(keys::jwks(app)))
            .documented(
                operation(Tag::Server, "getPublicKeys", "Get the keys that verify access tokens")
                    .about("A JSON Web Key Set (RFC 7517).")
                    .answers_by(any_object),
            ),
    ]
}

pub(super) fn documentation() -> [Route; 3] {
    [
        public(Method::GET, "/openapi.json", |_, call| Box::pin(docs::openapi(call))).documented(
            operation(Tag::Docs, "getDescription", "Get this description, for programs")
                .answers_by(any_object)
                .unmodified(),
        ),
        public(Method::GET, "/docs", |_, call| Box::pin(docs::page(call))).documented(
            operation(Tag::Docs, "getDocumentation", "Get this description, for people")
                .answers_file(&["text/html"])
                .unmodified(),
        ),
        public(Method::GET, "/docs/docs.css", |_, call| Box::pin(docs::style(call))).documented(
            operation(Tag::Docs, "getDocumentationStyle", "Get how the page looks")
                .answers_file(&["text/css"])
                .unmodified(),
        ),
    ]
}
