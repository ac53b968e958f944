//! The document and the page as they are served.

use nexo_server::routes::table;
use nexo_server::{DocsConfig, HttpConfig};

use super::without_database;
use crate::harness::Call;

const PATHS: [(&str, &str); 3] = [
    ("/openapi.json", "application/json"),
    ("/docs", "text/html; charset=utf-8"),
    ("/docs/docs.css", "text/css; charset=utf-8"),
];

#[tokio::test]
async fn they_are_public_and_can_be_kept() {
    let address = without_database(HttpConfig::default()).await;
    for (path, kind) in PATHS {
        let reply = Call::to(address, "GET", path).send().await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(reply.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(!reply.body.is_empty(), "{path}");
        let tag = reply.header("etag").unwrap();
        for known in [tag.to_owned(), format!("W/{tag}"), format!("\"1\", {tag}")] {
            let again = Call::to(address, "GET", path).header("if-none-match", &known).send().await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag), "{path}");
        }
        let other = Call::to(address, "GET", path).header("if-none-match", "\"1\"").send().await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn p9_they_can_be_turned_off() {
    let docs = DocsConfig { served: false };
    let address = without_database(HttpConfig { docs, ..HttpConfig::default() }).await;
    for (path, _) in PATHS {
        for method in ["GET", "OPTIONS", "POST"] {
            let reply = Call::to(address, method, path).send().await;
            assert_eq!(
                (reply.status, reply.problem().as_str()),
                (404, "route_not_found"),
                "{path}"
            );
        }
    }
    assert_eq!(Call::to(address, "GET", "/health").send().await.status, 200);
}

#[tokio::test]
async fn p7_the_page_loads_from_its_own_server_alone() {
    let address = without_database(HttpConfig::default()).await;
    let reply = Call::to(address, "GET", "/docs").send().await;
    let policy = reply.header("content-security-policy").unwrap();
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let page = String::from_utf8(reply.body.clone()).unwrap();
    for loads in ["<script", "<style", " style=", " onclick=", "<img", "src=", "@import", "url("] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(page.matches("<link").count(), 1);
    assert!(page.contains("<link rel=\"stylesheet\" href=\"/docs/docs.css\">"));
    let style = Call::to(address, "GET", "/docs/docs.css").send().await;
    let style = String::from_utf8(style.body).unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    // What is no page keeps the strict policy.
    let other = Call::to(address, "GET", "/openapi.json").send().await;
    assert_eq!(
        other.header("content-security-policy"),
        Some("default-src 'none'; frame-ancestors 'none'")
    );
}

#[tokio::test]
async fn the_page_has_every_route_and_is_well_formed() {
    let address = without_database(HttpConfig::default()).await;
    let page = Call::to(address, "GET", "/docs").send().await.body;
    let page = String::from_utf8(page).unwrap();
    for route in table() {
        assert!(page.contains(&format!(">{}</code>", route.path())), "{}", route.path());
    }
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    for landmark in ["<header", "<nav", "<main", "<h1", "<title>"] {
        assert_eq!(page.matches(landmark).count(), 1, "{landmark}");
    }
    assert_balanced(&page);
    // Anchors lead somewhere, and are there once.
    let ids: Vec<&str> = attributes(&page, " id=\"").collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len());
    for target in attributes(&page, " href=\"#") {
        assert!(unique.contains(target), "#{target}");
    }
}

fn attributes<'a>(page: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(start).skip(1).map(|rest| rest.split('"').next().unwrap())
}

/// Elements end in the order in which they began.
#[track_caller]
fn assert_balanced(page: &str) {
    let mut open = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("tags end");
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{open:?}"),
            None if ["!doctype", "meta", "link", "br", "hr"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
