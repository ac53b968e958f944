//! What every row of the route table holds, also those added later.

use std::sync::atomic::{AtomicU32, Ordering};

use nexo_server::routes::{Access, Route, table};
use serde_json::{Value, json};

use crate::harness::{TestServer, User};
use crate::wire::Reply;

/// Another one each time, so that no two records collide.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A body that a route would accept, so that nothing but its guard refuses.
pub(crate) fn body(route: &Route) -> Value {
    let path = route.path();
    match (route.method().as_str(), path) {
        ("PATCH", "/api/members/{id}") => json!({ "role": "viewer" }),
        ("PATCH", _) => json!({}),
        (_, "/api/auth/password") => {
            json!({ "current_password": "x", "new_password": "some long new pass phrase" })
        }
        _ => route.example_body(number()).unwrap_or(Value::Null),
    }
}

pub(crate) fn tenant_routes() -> impl Iterator<Item = Route> {
    table().into_iter().filter(|route| route.access() == Access::Tenant)
}

async fn call(server: &TestServer, route: &Route, id: &str, user: Option<&User>) -> Reply {
    let mut call = server.call(route.method().as_str(), &route.path().replace("{id}", id));
    if let Some(user) = user {
        call = call.by(user);
    }
    match body(route) {
        Value::Null => call.send().await,
        body => call.json(&body).send().await,
    }
}

#[test]
fn public_routes_are_few_and_known() {
    let open: Vec<_> = table()
        .iter()
        .filter(|route| route.access() == Access::Public)
        .map(|route| format!("{} {}", route.method(), route.path()))
        .collect();
    let expected = [
        "GET /health",
        "GET /health/auth",
        "GET /health/crm",
        "GET /health/database",
        "GET /live",
        "GET /ready",
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/docs.css",
        "GET /.well-known/jwks.json",
        "POST /api/auth/register",
        "POST /api/auth/login",
        "POST /api/auth/refresh",
        "POST /api/auth/invitations/accept",
        "POST /api/auth/password/forgot",
        "POST /api/auth/password/reset",
        "POST /api/auth/email/verify",
        "GET /api/auth/oidc",
        "POST /api/auth/oidc/start",
        "POST /api/auth/oidc/finish",
    ];
    assert_eq!(open, expected);
}

#[tokio::test]
async fn without_a_token_no_tenant_route_answers() {
    let server = TestServer::start().await;
    for route in tenant_routes() {
        let reply = call(&server, &route, &uuid::Uuid::now_v7().to_string(), None).await;
        assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthenticated"), "{route:?}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{route:?}");
    }
}

#[tokio::test]
async fn a_row_of_another_account_is_as_missing_as_any() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let random = uuid::Uuid::now_v7().to_string();
    let mut routes = 0;
    // Identities are a user's own, and tried where there is a provider.
    let of_accounts = |route: &Route| {
        route.path().contains("{id}") && !route.path().starts_with("/api/auth/identities")
    };
    for route in tenant_routes().filter(of_accounts) {
        let (collection, _) = route.path().split_once("/{id}").unwrap();
        let id = record(&server, collection, &ada).await;
        let row = server.get(&format!("{collection}/{id}")).by(&ada).send().await;
        assert_eq!(row.status, 200, "{route:?}");

        let foreign = call(&server, &route, &id, Some(&eve)).await;
        assert_eq!((foreign.status, foreign.problem().as_str()), (404, "not_found"), "{route:?}");
        for other in [random.as_str(), "7", "not-a-uuid", "%00", &"a".repeat(500)] {
            let missing = call(&server, &route, other, Some(&eve)).await;
            assert_eq!(anonymous(&foreign), anonymous(&missing), "{route:?} {other}");
        }
        // And it is still there for its owner, unchanged.
        let kept = server.get(&format!("{collection}/{id}")).by(&ada).send().await;
        assert_eq!((kept.status, kept.json()), (200, row.json()), "{route:?}");
        routes += 1;
    }
    assert!(routes >= 8, "the table has fewer routes than it should");
}

/// The id of a record of the collection: a new one, but of members and of
/// identities, whom no request alone makes.
pub(crate) async fn record(server: &TestServer, collection: &str, user: &User) -> String {
    if collection == "/api/members" {
        return user.id.clone();
    }
    if collection == "/api/auth/identities" {
        return uuid::Uuid::now_v7().to_string();
    }
    let create = tenant_routes()
        .find(|other| other.path() == collection && other.method() == "POST")
        .unwrap_or_else(|| panic!("{collection} has no POST"));
    let row = call(server, &create, "", Some(user)).await;
    assert_eq!(row.status, 201, "{collection}");
    row.json()["id"].as_str().unwrap().to_owned()
}

/// A reply less what names the request: its id, time, path, and hence length.
fn anonymous(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let mut headers = reply.headers.clone();
    headers
        .retain(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()));
    let mut body = reply.json();
    for member in ["request_id", "timestamp", "instance"] {
        body.as_object_mut().unwrap().remove(member).unwrap();
    }
    (reply.status, headers, body)
}

#[tokio::test]
async fn every_path_knows_its_methods() {
    let server = TestServer::start().await;
    let table = table();
    for route in &table {
        let path = route.path().replace("{id}", &uuid::Uuid::now_v7().to_string());
        let methods: Vec<_> = table
            .iter()
            .filter(|other| other.path() == route.path())
            .map(|other| other.method().as_str())
            .collect();
        let options = server.call("OPTIONS", &path).send().await;
        assert_eq!((options.status, options.body.len()), (204, 0), "{path}");
        let allow = options.header("allow").unwrap().to_owned();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            assert_eq!(allow.split(", ").any(|known| known == method), methods.contains(&method));
            if !methods.contains(&method) {
                let refused = server.call(method, &path).send().await;
                assert_eq!(
                    (refused.status, refused.problem().as_str(), refused.header("allow")),
                    (405, "method_not_allowed", Some(allow.as_str())),
                    "{method} {path}"
                );
            }
        }
    }
}
