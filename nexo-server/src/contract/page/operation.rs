//! An operation on the page.

use serde_json::Value;

use super::html::{Html, slug};
use super::schema::kind;
use crate::contract::headers::ALWAYS;

/// An operation and where it is.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) operation: &'a Value,
    /// Its other path.
    pub(super) short: Option<&'a str>,
}

impl Told<'_> {
    pub(super) fn is_of(&self, tag: &str) -> bool {
        self.operation["tags"][0] == tag
    }

    pub(super) fn summary(&self) -> &str {
        self.operation["summary"].as_str().unwrap_or_default()
    }

    pub(super) fn anchor(&self) -> String {
        slug("operation", self.operation["operationId"].as_str().unwrap_or_default())
    }
}

pub(super) fn operation(html: &mut Html, document: &Value, told: &Told<'_>) {
    html.raw("<article aria-labelledby=\"").text(&told.anchor()).raw("\"><h3 id=\"");
    html.text(&told.anchor()).raw("\">").text(told.summary()).raw("</h3><p class=\"call\">");
    html.raw("<strong>").text(&told.method.to_uppercase()).raw("</strong> <code>");
    html.text(told.path).raw("</code>");
    if let Some(short) = told.short {
        html.raw(" or <code>").text(short).raw("</code>");
    }
    html.raw("</p>");
    let description = told.operation["description"].as_str().unwrap_or_default();
    if description.strip_suffix('.') != Some(told.summary()) {
        html.prose(description);
    }
    html.raw("<p>").raw(callers(told.operation)).raw(" Called <code>");
    html.text(told.operation["operationId"].as_str().unwrap_or_default());
    html.raw("</code>.</p>");
    parameters(html, document, told.operation);
    body(html, told.operation);
    responses(html, document, told.operation);
    curl(html, told);
    html.raw("</article>");
}

fn callers(operation: &Value) -> &'static str {
    match operation["security"].as_array().map_or(0, Vec::len) {
        0 => "For anybody.",
        1 => "With an access token; an API key will not do.",
        _ => "With an access token or an API key.",
    }
}

/// What a reference leads to.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn parameters(html: &mut Html, document: &Value, operation: &Value) {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters.map(|it| resolve(document, it)).collect();
    html.raw("<details><summary><h4>Parameters</h4></summary><div class=\"wide\"><table><thead>");
    html.raw("<tr><th scope=\"col\">Name</th><th scope=\"col\">In</th><th scope=\"col\">Type</th>");
    html.raw("<th scope=\"col\">Meaning</th></tr></thead><tbody>");
    for parameter in parameters {
        let text = |name: &str| parameter[name].as_str().unwrap_or_default();
        html.raw("<tr><th scope=\"row\"><code>").text(text("name")).raw("</code>");
        if parameter["required"] == true {
            html.raw(" <em>required</em>");
        }
        html.raw("</th><td>").text(text("in")).raw("</td><td>");
        kind(html, &parameter["schema"]);
        html.raw("</td><td>").line(text("description"));
        match parameter.get("explode").and_then(Value::as_bool) {
            Some(true) => html.raw(" Several by repeating it."),
            Some(false) => html.raw(" Several with commas."),
            None => html,
        };
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div></details>");
}

fn body(html: &mut Html, operation: &Value) {
    let Some(content) = operation["requestBody"]["content"].as_object() else { return };
    html.raw("<details><summary><h4>Body</h4></summary><p>");
    for (at, (media, body)) in content.iter().enumerate() {
        html.raw(if at > 0 { ", or " } else { "" });
        html.raw("<code>").text(media).raw("</code>: ");
        kind(html, &body["schema"]);
    }
    html.raw("</p>");
    if let Some(example) = content.values().find_map(|body| body.get("example")) {
        html.raw("<pre tabindex=\"0\"><code>").text(&format!("{example:#}")).raw("</code></pre>");
    }
    html.raw("</details>");
}

fn responses(html: &mut Html, document: &Value, operation: &Value) {
    html.raw("<details><summary><h4>Answers</h4></summary><div class=\"wide\"><table><thead>");
    html.raw("<tr><th scope=\"col\">Status</th><th scope=\"col\">What</th>");
    html.raw("<th scope=\"col\">Headers</th></tr></thead><tbody>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = resolve(document, response);
        html.raw("<tr><th scope=\"row\">").text(status).raw("</th><td>");
        if let Some(codes) = response["x-codes"].as_array() {
            for (at, code) in codes.iter().filter_map(Value::as_str).enumerate() {
                html.raw(if at > 0 { ", " } else { "" }).raw("<a href=\"#");
                html.text(&slug("error", code)).raw("\"><code>").text(code).raw("</code></a>");
            }
        } else {
            html.text(response["description"].as_str().unwrap_or_default());
            for (media, body) in response["content"].as_object().into_iter().flatten() {
                html.raw(" <code>").text(media).raw("</code> ");
                kind(html, &body["schema"]);
            }
        }
        html.raw("</td><td>");
        let own = |name: &&str| !ALWAYS.contains(name);
        let headers = response["headers"].as_object().into_iter().flatten();
        for (at, name) in headers.map(|(name, _)| name.as_str()).filter(own).enumerate() {
            html.raw(if at > 0 { ", " } else { "" }).raw("<code>").text(name).raw("</code>");
        }
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div><p>Each with <code>X-Request-Id</code>, and with ");
    html.raw("<code>RateLimit-*</code> where there is a limit.</p>");
    let good = operation["responses"].as_object().into_iter().flatten();
    for (status, response) in good.filter(|(status, _)| status.starts_with('2')) {
        let examples = response["content"]["application/json"]["examples"].as_object();
        for example in examples.into_iter().flatten().map(|(_, it)| resolve(document, it)) {
            html.raw("<p>With ").text(status).raw(", for example:</p><pre tabindex=\"0\"><code>");
            html.text(&format!("{:#}", example["value"])).raw("</code></pre>");
        }
    }
    html.raw("</details>");
}

fn curl(html: &mut Html, told: &Told<'_>) {
    let mut call = format!("curl -i \"$NEXO{}\"", told.path.replace("{id}", "$ID"));
    if told.method != "get" {
        call.push_str(&format!(" -X {}", told.method.to_uppercase()));
    }
    if told.operation["security"].as_array().is_some_and(|it| !it.is_empty()) {
        call.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
    }
    if let Some(content) = told.operation["requestBody"]["content"].as_object() {
        match content.get("application/json").and_then(|body| body.get("example")) {
            Some(example) => {
                let json = example.to_string().replace('\'', "'\\''");
                call.push_str(&format!(
                    " \\\n  -H 'Content-Type: application/json' \\\n  -d '{json}'"
                ));
            }
            None => call.push_str(" \\\n  --data-binary @file.csv"),
        }
    }
    html.raw("<details><summary><h4>With curl</h4></summary><pre tabindex=\"0\"><code>")
        .text(&call);
    html.raw("</code></pre></details>");
}
