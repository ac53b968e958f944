//! The description of the interface: complete, sound, and true.

mod document;
mod examples;
mod pages;
mod replies;
mod schemas;

use std::net::SocketAddr;

use jsonschema::{Draft, Validator};
use nexo_server::routes::Route;
use nexo_server::{HttpConfig, Server};
use serde_json::{Value, json};

use crate::harness::Call;

/// A server without a database, which describes itself all the same.
pub(crate) async fn without_database(config: HttpConfig) -> SocketAddr {
    let config = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..config };
    let server = Server::listen(config).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    address
}

/// The document, as it is served.
struct Document(Value);

impl Document {
    async fn read() -> Self {
        let address = without_database(HttpConfig::default()).await;
        let reply = Call::to(address, "GET", "/openapi.json").send().await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        Self(reply.json())
    }

    fn operation(&self, route: &Route) -> &Value {
        let operation = &self.0["paths"][route.path()][route.method().as_str().to_lowercase()];
        assert!(operation.is_object(), "{} {} is missing", route.method(), route.path());
        operation
    }

    /// Every operation with its method and path.
    fn operations(&self) -> impl Iterator<Item = (String, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter().map(|(method, it)| (method.to_uppercase(), path.clone(), it))
        })
    }

    /// What a reference leads to; other values as they are.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            None => value,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                let found = self.0.pointer(pointer);
                self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
        }
    }

    /// What checks values by a schema of the document.
    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": { "schemas": self.0["components"]["schemas"] },
            "allOf": [schema],
        });
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .unwrap_or_else(|error| panic!("{schema} is no schema: {error}"))
    }

    /// The schema of the JSON body.
    fn body<'a>(&'a self, operation: &'a Value) -> Option<&'a Value> {
        let body = operation.get("requestBody")?;
        body.pointer("/content/application~1json/schema")
    }
}
