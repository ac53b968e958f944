//! Schemas of bodies say what the checks in the code say.

use nexo_core::model::{
    Client, Department, Employee, Entity, Professional, Project, Supplier, Task,
};
use nexo_server::routes::table;
use serde_json::{Map, Value, json};

use super::Document;

#[tokio::test]
async fn examples_fit_their_schemas_and_unknown_fields_do_not() {
    let document = Document::read().await;
    let mut checked = 0;
    for route in table() {
        let Some(mut example) = route.example_body(1) else { continue };
        let operation = document.operation(&route);
        let validator = document.validator(document.body(operation).unwrap());
        if let Some(error) = validator.iter_errors(&example).next() {
            panic!("{} {}: {error} in {example}", route.method(), route.path());
        }
        assert_eq!(
            operation.pointer("/requestBody/content/application~1json/example"),
            Some(&example)
        );
        example["nonsense"] = json!(1);
        assert!(!validator.is_valid(&example), "{} {}", route.method(), route.path());
        for other in [json!([]), json!("text"), Value::Null] {
            assert!(!validator.is_valid(&other), "{} {}", route.method(), route.path());
        }
        checked += 1;
    }
    assert!(checked > 60);
}

/// Values around each limit: what the schema lets pass passes the checks, and
/// what it does not let pass does not.
#[tokio::test]
async fn limits_are_those_of_the_checks() {
    let document = Document::read().await;
    let mut told = 0;
    told += limits::<Client>(&document);
    told += limits::<Department>(&document);
    told += limits::<Employee>(&document);
    told += limits::<Supplier>(&document);
    told += limits::<Professional>(&document);
    told += limits::<Project>(&document);
    told += limits::<Task>(&document);
    println!("{told} values");
    assert!(told > 1000);
}

fn limits<T: Entity>(document: &Document) -> usize {
    let name = T::schema_name();
    let schemas = &document.0["components"]["schemas"];
    let mut told = 0;
    for (kind, is_patch) in [(format!("New{name}"), false), (format!("{name}Patch"), true)] {
        let schema = json!({ "$ref": format!("#/components/schemas/{kind}") });
        let validator = document.validator(&schema);
        let fields = schemas[&kind]["properties"].as_object().unwrap();
        let whole = serde_json::to_value(T::example(1)).unwrap();
        for field in fields.keys() {
            for value in values(&fields[field]) {
                let mut body = whole.clone();
                if is_patch {
                    body = Value::Object(Map::new());
                }
                body[field] = value;
                let accepted =
                    if is_patch { accepts::<T::Patch>(&body) } else { accepts::<T::New>(&body) };
                // Rules between fields are not the schema's.
                let between = accepted.as_ref().err().is_some_and(|error| {
                    ["out_of_order", "required"].iter().any(|code| error.contains(code))
                        && !error.contains(field.as_str())
                        || error.contains("must be given together")
                        || error.contains("must not be before")
                        || error.contains("assignee")
                        || error.contains("members[0]")
                });
                if between {
                    continue;
                }
                let valid = validator.is_valid(&body);
                assert_eq!(
                    valid,
                    accepted.is_ok(),
                    "{kind}.{field} = {}: {accepted:?}",
                    body[field]
                );
                told += 1;
            }
        }
    }
    told
}

fn accepts<C: nexo_core::model::Content>(body: &Value) -> Result<(), String> {
    let content: C = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    content.validate().map_err(|errors| serde_json::to_string(&errors).unwrap())
}

/// Values around the limits of a field, and some that no field likes.
fn values(schema: &Value) -> Vec<Value> {
    let mut values = vec![
        Value::Null,
        json!(true),
        json!({}),
        json!(""),
        json!(" "),
        json!("a"),
        json!(" a "),
        json!("a\u{0}b"),
        json!("a\u{85}b"),
        json!("a\tb"),
        json!("a@b.example"),
        json!("a@b@c"),
        json!("@"),
        json!("a@-b"),
        json!("ä@ö.example"),
        json!("https://a"),
        json!("https://"),
        json!("http:///a"),
        json!("javascript:alert(1)"),
        json!("https://a b"),
        json!("+1 (2)"),
        json!("x"),
        json!("EUR"),
        json!("eur"),
        json!("EURO"),
        json!("12.50"),
        json!("12.12345"),
        json!("-1"),
        json!("1e3"),
        json!("10000000000000"),
        json!("10000000000000.0001"),
        json!("2026-01-31"),
        json!("2026-02-30"),
        json!("2026-01-31T00:00:00"),
        json!("0190a5d2-0000-7000-8000-000000000000"),
        json!("0190a5d2"),
        json!(["a"]),
        json!(["a", "a"]),
        json!([""]),
        json!(vec!["a"; 0]),
        json!((0..50).map(|at| at.to_string()).collect::<Vec<_>>()),
        json!((0..51).map(|at| at.to_string()).collect::<Vec<_>>()),
        json!(["a".repeat(50)]),
        json!(["a".repeat(51)]),
    ];
    values.extend([0, 1, 2, 5, 6, 99, 100, 32767, 32768, -1].map(|number| json!(number)));
    values.extend([1, 40, 41, 100, 101, 200, 201, 500, 501, 10_000, 10_001].map(|length| {
        let text: String = std::iter::repeat_n("é", length).collect();
        json!(text)
    }));
    values.extend([40, 41].map(|length| json!("1".repeat(length))));
    values.extend([500, 501].map(|length| json!(format!("http://{}", "a".repeat(length - 7)))));
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        values.extend(words.iter().cloned());
    }
    values
}
