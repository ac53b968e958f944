//! How the server is, and what describes it.

use http::Method;

use super::operation::{Operation, Tag, operation};
use super::route::{Limit, Route, public};
use crate::contract::object;
use crate::examples;
use crate::handlers::health::{Health, ServiceHealth, Status};
use crate::handlers::{docs, health, keys};

pub(super) fn probes() -> impl Iterator<Item = Route> {
    let probes = [
        public(Method::GET, "/health", |app, _| Box::pin(health::health(app))).documented(
            operation(Tag::Server, "getHealth", "Tell whether the process works")
                .about(
                    "Answers 200 as long as the process does; the body tells how the database is.",
                )
                .answers::<Health>(),
        ),
        public(Method::GET, "/health/auth", |app, _| Box::pin(health::auth(app)))
            .documented(of_service("getAuthHealth", "Tell whether users can log in")),
        public(Method::GET, "/health/crm", |app, _| Box::pin(health::crm(app)))
            .documented(of_service("getCrmHealth", "Tell whether records can be read")),
        public(Method::GET, "/health/database", |app, _| Box::pin(health::database(app)))
            .documented(of_service("getDatabaseHealth", "Tell whether the database answers")),
        public(Method::GET, "/live", |_, _| Box::pin(async { health::live() })).documented(
            operation(Tag::Server, "getLiveness", "Tell that the process answers")
                .answers::<Status>(),
        ),
        public(Method::GET, "/ready", |app, _| Box::pin(health::ready(app))).documented(
            operation(Tag::Server, "getReadiness", "Tell whether requests are welcome")
                .about(
                    "Answers 503 while the server starts or stops, and while the database is away.",
                )
                .answers::<Status>(),
        ),
    ];
    probes.into_iter().map(|route| route.limited(Limit::Exempt))
}

fn of_service(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Server, id, summary)
        .about("Answers 503 with the same body where it cannot.")
        .answers::<ServiceHealth>()
        .answers_when_unavailable()
}

/// The keys of whoever signs access tokens.
pub(super) fn keys() -> Route {
    public(Method::GET, "/.well-known/jwks.json", |app, _| Box::pin(keys::jwks(app)))
        .limited(Limit::Exempt)
        .documented(
            operation(Tag::Server, "getPublicKeys", "Get the keys that verify access tokens")
                .about("A JSON Web Key Set (RFC 7517).")
                .answers_by(object(|| "KeySet".into(), examples::key_set)),
        )
}

pub(super) fn documentation() -> [Route; 3] {
    [
        public(Method::GET, "/openapi.json", |_, call| Box::pin(docs::openapi(call))).documented(
            operation(Tag::Docs, "getDescription", "Get this description, for programs")
                .answers_by(object(|| "Description".into(), examples::description))
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
