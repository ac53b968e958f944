//! What several operations have in common, told once.

use http::StatusCode;
use serde_json::{Map, Value, json};

/// Parameters, responses and examples under the names that they were given.
#[derive(Debug, Default)]
pub(super) struct Components {
    parameters: Map<String, Value>,
    responses: Map<String, Value>,
    examples: Map<String, Value>,
}

impl Components {
    /// A reference to this response, called by its status.
    pub(super) fn response(&mut self, status: u16, response: Value) -> Value {
        let reason = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
        let name: String = reason.unwrap_or("Problem").split_whitespace().collect();
        let name = intern(&mut self.responses, &name, response);
        json!({ "$ref": format!("#/components/responses/{name}") })
    }

    /// A reference to this parameter.
    pub(super) fn parameter(&mut self, name: &str, parameter: Value) -> Value {
        let name = intern(&mut self.parameters, name, parameter);
        json!({ "$ref": format!("#/components/parameters/{name}") })
    }

    /// A list of one example, which is a reference.
    pub(super) fn example(&mut self, name: &str, value: &Value) -> Map<String, Value> {
        let example = json!({ "value": value });
        let name = intern(&mut self.examples, name, example);
        let reference = json!({ "$ref": format!("#/components/examples/{name}") });
        Map::from_iter([(name, reference)])
    }

    /// All of them, by their kinds.
    pub(super) fn finish(self) -> Map<String, Value> {
        let kinds = [
            ("parameters", self.parameters),
            ("responses", self.responses),
            ("examples", self.examples),
        ];
        kinds.map(|(kind, all)| (kind.to_owned(), Value::Object(all))).into_iter().collect()
    }
}

/// The name of a value: this one, with a number if another value has it.
fn intern(known: &mut Map<String, Value>, name: &str, value: Value) -> String {
    let name = (1..)
        .map(|number| if number == 1 { name.to_owned() } else { format!("{name}{number}") })
        .find(|name| known.get(name).is_none_or(|it| *it == value))
        .expect("numbers do not end");
    known.entry(name.clone()).or_insert(value);
    name
}
