//! Examples of what is answered: everywhere, and as it is answered.

use std::collections::{BTreeMap, BTreeSet};

use nexo_core::model::{ErrorCode, Problem};
use nexo_server::routes::table;
use serde_json::Value;

use super::Document;

/// The examples of a body, each under its name.
fn examples<'a>(document: &'a Document, body: &'a Value) -> Vec<(&'a str, &'a Value)> {
    let named = body["examples"].as_object().into_iter().flatten();
    let mut all: Vec<_> =
        named.map(|(name, example)| (name.as_str(), &document.resolve(example)["value"])).collect();
    all.extend(body.get("example").map(|example| ("example", example)));
    all
}

#[tokio::test]
async fn every_json_answer_has_examples_that_fit_its_schema() {
    let document = Document::read().await;
    let (mut good, mut refused, mut seen) = (0, 0, BTreeSet::new());
    for route in table() {
        let operation = document.operation(&route);
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = document.resolve(response);
            for (media, body) in response["content"].as_object().into_iter().flatten() {
                if !media.ends_with("json") {
                    continue;
                }
                let at = format!("{} {}: {status} {media}", route.method(), route.path());
                let examples = examples(&document, body);
                // A problem of the gateway beside what else is answered then.
                if examples.is_empty() && status == "503" && response.get("x-codes").is_none() {
                    continue;
                }
                assert!(!examples.is_empty(), "{at}: there is no example");
                *(if status.starts_with('2') { &mut good } else { &mut refused }) += 1;
                // Problems, and what is answered under two paths, are looked at once.
                if !seen.insert(body.to_string()) {
                    continue;
                }
                let validator = document.validator(&body["schema"]);
                for (name, example) in examples {
                    if let Some(error) = validator.iter_errors(example).next() {
                        panic!("{at}: {name}: {error} at {}", error.instance_path());
                    }
                }
            }
        }
    }
    assert!(good > 180 && refused > 1_500, "{good} and {refused}");
}

#[tokio::test]
async fn every_code_has_an_example() {
    let document = Document::read().await;
    let mut seen = BTreeSet::new();
    for listed in document.0["x-error-codes"].as_array().unwrap() {
        let (name, example) = (listed["code"].as_str().unwrap(), &listed["example"]);
        let problem: Problem = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(problem.code.as_str(), name);
        assert_eq!((&listed["code"], &listed["status"]), (&example["code"], &example["status"]));
        assert_eq!(problem.r#type, format!("urn:nexo:error:{name}"));
        // What the server says is what the type says, and nothing more.
        assert_eq!(serde_json::to_value(&problem).unwrap(), *example);
        assert_eq!(problem.errors.is_empty(), problem.code != ErrorCode::ValidationFailed);
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.len(), ErrorCode::ALL.len());
    for route in table() {
        for response in document.operation(&route)["responses"].as_object().unwrap().values() {
            let response = document.resolve(response);
            let Some(codes) = response.get("x-codes") else { continue };
            let shown = examples(&document, &response["content"]["application/problem+json"]);
            assert!(shown.iter().all(|(name, example)| example["code"] == *name));
            let shown: BTreeSet<_> = shown.into_iter().map(|(name, _)| name).collect();
            let codes: BTreeSet<_> =
                codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
            assert_eq!(shown, codes, "{} {}", route.method(), route.path());
        }
    }
}

#[tokio::test]
async fn every_header_has_a_schema_and_an_example_that_fits_it() {
    let document = Document::read().await;
    for (name, header) in document.0["components"]["headers"].as_object().unwrap() {
        let validator = document.validator(&header["schema"]);
        assert!(validator.is_valid(&header["example"]), "{name}: {}", header["example"]);
    }
}

/// What looks like a secret is taken for one, and ends in a report of leaked secrets.
#[tokio::test]
async fn p8_no_example_looks_like_a_secret() {
    fn assert_none(name: &str, value: &Value, told: &mut usize) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| assert_none(name, member, told));
            }
            Value::Array(items) => items.iter().for_each(|item| assert_none(name, item, told)),
            Value::String(text) => {
                let is_secret = ["token", "access_token", "refresh_token", "sign_in_token"]
                    .contains(&name)
                    || ["secret", "recovery_codes"].contains(&name);
                assert!(!is_secret || text.ends_with('…'), "{name}: {text}");
                *told += usize::from(is_secret);
            }
            _ => {}
        }
    }
    let document = Document::read().await;
    let mut told = 0;
    for example in document.0["components"]["examples"].as_object().unwrap().values() {
        assert_none("", &example["value"], &mut told);
    }
    assert!(told > 10, "{told}");
}

/// A link leads to an operation, and the value that it takes along is there.
#[tokio::test]
async fn links_lead_to_operations_that_take_what_was_created() {
    let document = Document::read().await;
    let operations: BTreeMap<_, _> = document
        .operations()
        .map(|(_, path, operation)| (operation["operationId"].as_str().unwrap(), path))
        .collect();
    let mut told = 0;
    for (method, path, operation) in document.operations() {
        let created = &operation["responses"]["201"];
        let is_located = created["headers"].get("Location").is_some();
        assert_eq!(created.get("links").is_some(), is_located, "{method} {path}");
        for link in created["links"].as_object().into_iter().flatten().map(|(_, link)| link) {
            let to = &operations[link["operationId"].as_str().unwrap()];
            assert!(to.starts_with(&format!("{path}/{{id}}")), "{path} leads to {to}");
            let pointer = link["parameters"]["id"].as_str().unwrap();
            let pointer = pointer.strip_prefix("$response.body#").unwrap();
            for (_, example) in examples(&document, &created["content"]["application/json"]) {
                assert!(example.pointer(pointer).is_some_and(Value::is_string), "{path}");
            }
            told += 1;
        }
    }
    assert!(told > 100, "{told}");
}
