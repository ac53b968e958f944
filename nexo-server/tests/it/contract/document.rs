//! The document as a whole.

use std::collections::{BTreeMap, BTreeSet};

use nexo_core::model::{ErrorCode, Permission};
use nexo_server::routes::{Access, table};
use serde_json::Value;

use super::Document;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
/// With this set, the document is written over the committed one.
const UPDATE: &str = "NEXO_UPDATE_OPENAPI";

#[tokio::test]
async fn every_route_is_in_the_document_and_nothing_else() {
    let document = Document::read().await;
    let described: BTreeSet<_> =
        document.operations().map(|(method, path, _)| (method, path)).collect();
    let routes: BTreeSet<_> =
        table().iter().map(|route| (route.method().to_string(), route.path().to_owned())).collect();
    assert_eq!(described, routes);
    for route in table() {
        let operation = document.operation(&route);
        let is_open = operation["security"].as_array().unwrap().is_empty();
        assert_eq!(is_open, route.access() == Access::Public, "{route:?}");
        let has_body = route.example_body(1).is_some() || route.example_file().is_some();
        assert_eq!(operation.get("requestBody").is_some(), has_body, "{route:?}");
    }
}

#[tokio::test]
async fn the_committed_document_is_this_one() {
    let mut text = serde_json::to_string_pretty(&Document::read().await.0).unwrap();
    text.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(text == committed, "if it is meant, run the test with {UPDATE}=1 and commit the file");
}

#[tokio::test]
async fn every_error_is_documented_where_it_can_be_answered() {
    let document = Document::read().await;
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for (method, path, operation) in document.operations() {
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let response = document.resolve(response);
            let Some(codes) = response.get("x-codes") else { continue };
            for code in codes.as_array().unwrap() {
                let code = code.as_str().unwrap();
                *told.entry(code.to_owned()).or_default() += 1;
                let known = document.0["x-error-codes"].as_array().unwrap().iter();
                let of_code = known.clone().find(|it| it["code"] == code).unwrap();
                assert_eq!(&of_code["status"].to_string(), status, "{method} {path} {code}");
            }
        }
    }
    let all: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let listed = document.0["x-error-codes"].as_array().unwrap();
    let listed: BTreeSet<_> =
        listed.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, all);
    // Of no operation of the document, but of methods that a path does not have.
    let everywhere = ["method_not_allowed".to_owned()];
    let missing: Vec<_> =
        all.iter().filter(|code| !told.contains_key(*code) && !everywhere.contains(code)).collect();
    assert!(missing.is_empty(), "no operation can answer {missing:?}");
}

/// The rules that linters of OpenAPI have, as far as they matter here.
#[tokio::test]
async fn the_document_is_sound() {
    let document = Document::read().await;
    assert_eq!(document.0["openapi"], "3.1.0");
    let tags: Vec<_> =
        document.0["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in document.operations() {
        let at = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{at}: {id} is there twice");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric()), "{at}: {id}");
        assert!(id.starts_with(|c: char| c.is_ascii_lowercase()), "{at}: {id}");
        for text in ["summary", "description"] {
            assert!(operation[text].as_str().is_some_and(|it| !it.is_empty()), "{at}: {text}");
        }
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)));
        let parameters: Vec<_> = operation["parameters"].as_array().unwrap().iter().collect();
        let mut seen = BTreeSet::new();
        for parameter in parameters {
            let parameter = document.resolve(parameter);
            let place = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
            assert!(seen.insert(place), "{at}: {place:?} is there twice");
            assert!(parameter["description"].is_string() && parameter["schema"].is_object());
            assert_eq!(place.0 == "path", path.contains(&format!("{{{}}}", place.1)), "{at}");
        }
        let holes = path.matches('{').count();
        assert_eq!(seen.iter().filter(|(place, _)| *place == "path").count(), holes, "{at}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
        for response in responses.values() {
            let response = document.resolve(response);
            assert!(response["description"].as_str().is_some_and(|it| !it.is_empty()), "{at}");
            for header in response["headers"].as_object().unwrap().values() {
                assert!(document.resolve(header)["schema"].is_object(), "{at}");
            }
        }
        for need in operation.get("x-permission").and_then(Value::as_array).into_iter().flatten() {
            assert!(Permission::parse(need.as_str().unwrap()).is_some(), "{at}: {need}");
        }
    }
    let mut used = BTreeSet::new();
    references(&document.0, &mut used);
    for reference in &used {
        document.resolve(&serde_json::json!({ "$ref": reference }));
    }
    for kind in ["schemas", "parameters", "responses", "headers", "examples"] {
        for name in document.0["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(&reference), "{reference} is not used");
        }
    }
    for schema in document.0["components"]["schemas"].as_object().unwrap().values() {
        document.validator(schema);
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.insert(reference.to_owned());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
