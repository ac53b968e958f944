//! The document as a page: the server makes all of it, and it needs no script.

mod html;
mod operation;
mod schema;

use serde_json::Value;

use html::{Html, slug};
use operation::{Told, operation};
use schema::schema;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<title>NEXO: the interface</title>\
<link rel=\"stylesheet\" href=\"/docs/docs.css\"></head><body>\
<a class=\"skip\" href=\"#content\">Skip to the content</a>";

/// The page of a document.
pub(super) fn render(document: &Value) -> String {
    let operations = operations(document);
    let mut html = Html::new();
    html.raw(HEAD);
    header(&mut html, document);
    navigation(&mut html, document, &operations);
    html.raw("<main id=\"content\">");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        html.raw("<section aria-labelledby=\"").text(&slug("tag", name)).raw("\"><h2 id=\"");
        html.text(&slug("tag", name)).raw("\">").text(name).raw("</h2><p>");
        html.text(tag["description"].as_str().unwrap_or_default()).raw(".</p>");
        for told in operations.iter().filter(|told| told.is_of(name)) {
            operation(&mut html, document, told);
        }
        html.raw("</section>");
    }
    errors(&mut html, document);
    schemas(&mut html, document);
    html.raw("</main></body></html>\n");
    html.finish()
}

/// Each operation once, with its short path.
fn operations(document: &Value) -> Vec<Told<'_>> {
    let mut operations: Vec<Told<'_>> = Vec::new();
    let mut short = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            match operation.get("x-same-as").and_then(Value::as_str) {
                Some(same) => short.push((same, path)),
                None => operations.push(Told { method, path, operation, short: None }),
            }
        }
    }
    for (same, path) in short {
        let is_same = |told: &&mut Told<'_>| told.operation["operationId"] == same;
        if let Some(told) = operations.iter_mut().find(is_same) {
            told.short = Some(path);
        }
    }
    operations
}

fn header(html: &mut Html, document: &Value) {
    let info = &document["info"];
    html.raw("<header><h1>").text(info["title"].as_str().unwrap_or_default()).raw(" <small>");
    html.text(info["version"].as_str().unwrap_or_default()).raw("</small></h1>");
    html.prose(info["description"].as_str().unwrap_or_default());
    html.raw("<p>For programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>");
    html.raw("<h2>Who calls</h2><dl>");
    for (name, scheme) in
        document["components"]["securitySchemes"].as_object().into_iter().flatten()
    {
        html.raw("<dt><code>")
            .text(name)
            .raw("</code></dt><dd><code>Authorization: Bearer …</code> ");
        html.text(scheme["description"].as_str().unwrap_or_default()).raw("</dd>");
    }
    html.raw("</dl></header>");
}

fn navigation(html: &mut Html, document: &Value, operations: &[Told<'_>]) {
    html.raw("<nav aria-label=\"Operations\"><ul>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        html.raw("<li><details><summary>").text(name).raw("</summary><ul>");
        html.raw("<li><a href=\"#").text(&slug("tag", name)).raw("\">All of it</a></li>");
        for told in operations.iter().filter(|told| told.is_of(name)) {
            html.raw("<li><a href=\"#").text(&told.anchor()).raw("\">");
            html.text(told.summary()).raw("</a></li>");
        }
        html.raw("</ul></details></li>");
    }
    html.raw("<li><a href=\"#errors\">Errors</a></li><li><a href=\"#schemas\">Schemas</a></li>");
    html.raw("</ul></nav>");
}

fn errors(html: &mut Html, document: &Value) {
    html.raw("<section aria-labelledby=\"errors\"><h2 id=\"errors\">Errors</h2>");
    html.raw("<div class=\"wide\"><table><caption>Every code, for programs to decide by</caption>");
    html.raw("<thead><tr><th scope=\"col\">Code</th><th scope=\"col\">Status</th>");
    html.raw("<th scope=\"col\">Meaning</th></tr></thead><tbody>");
    for code in document["x-error-codes"].as_array().into_iter().flatten() {
        let name = code["code"].as_str().unwrap_or_default();
        html.raw("<tr><th scope=\"row\" id=\"").text(&slug("error", name)).raw("\"><code>");
        html.text(name).raw("</code></th><td>").text(&code["status"].to_string()).raw("</td><td>");
        html.text(code["detail"].as_str().unwrap_or_default()).raw("</td></tr>");
    }
    html.raw("</tbody></table></div></section>");
}

fn schemas(html: &mut Html, document: &Value) {
    html.raw("<section aria-labelledby=\"schemas\"><h2 id=\"schemas\">Schemas</h2>");
    for (name, told) in document["components"]["schemas"].as_object().into_iter().flatten() {
        html.raw("<details><summary><h3>").text(name).raw("</h3></summary>");
        // Within: a link to it opens what it is in.
        html.raw("<div class=\"schema\" id=\"").text(&slug("schema", name)).raw("\">");
        schema(html, told);
        html.raw("</div></details>");
    }
    html.raw("</section>");
}
