//! What the server really answers is what the document says.

use std::collections::{BTreeSet, HashMap};

use jsonschema::Validator;
use nexo_server::routes::{Access, Route, table};
use serde_json::{Value, json};

use super::Document;
use crate::harness::{TestServer, User};
use crate::routes::{body, record};
use crate::wire::Reply;

/// The document, and which of it was seen.
struct Checked {
    document: Document,
    seen: BTreeSet<(String, u16)>,
    /// By their schemas: each takes long to make.
    validators: HashMap<String, Validator>,
}

impl Checked {
    fn of(document: Document) -> Self {
        Self { document, seen: BTreeSet::new(), validators: HashMap::new() }
    }

    /// Holds a reply against the document.
    fn check(&mut self, route: &Route, reply: &Reply) {
        let operation = self.document.operation(route);
        let at = format!("{} {}: {}", route.method(), route.path(), reply.status);
        let response = operation["responses"].get(reply.status.to_string());
        let response = response.unwrap_or_else(|| panic!("{at} is not documented"));
        let response = self.document.resolve(response);
        let headers = response["headers"].as_object().unwrap();
        for (name, header) in headers {
            let header = self.document.resolve(header);
            match reply.header(&name.to_lowercase()) {
                Some(text) => {
                    let is_number = header["schema"]["type"] == "integer";
                    let value = if is_number { text.parse().unwrap() } else { json!(text) };
                    let schema = &header["schema"];
                    let validator = self.validators.entry(schema.to_string());
                    let validator = validator.or_insert_with(|| self.document.validator(schema));
                    assert!(validator.is_valid(&value), "{at}: {name}: {text}");
                }
                None => assert_ne!(header["required"], true, "{at}: {name} is missing"),
            }
        }
        // Every other one is of the protocol, not of the interface.
        let of_http = ["connection", "content-length", "content-type", "date", "transfer-encoding"];
        for (name, _) in &reply.headers {
            let is_told = headers.keys().any(|it| it.eq_ignore_ascii_case(name));
            assert!(is_told || of_http.contains(&name.as_str()), "{at}: {name} is not documented");
        }
        match response.get("content").and_then(Value::as_object) {
            None => assert!(reply.body.is_empty(), "{at}: has a body"),
            Some(content) => {
                let kind = reply.header("content-type").unwrap_or_default();
                let kind = kind.split(';').next().unwrap();
                let told = content.get(kind);
                let told = told.unwrap_or_else(|| panic!("{at}: {kind} is not documented"));
                if kind.ends_with("json") {
                    let (value, schema) = (reply.json(), &told["schema"]);
                    let validator = self.validators.entry(schema.to_string());
                    let validator = validator.or_insert_with(|| self.document.validator(schema));
                    if let Some(error) = validator.iter_errors(&value).next() {
                        panic!("{at}: {error} at {} in {value}", error.instance_path());
                    }
                }
            }
        }
        let id = operation["operationId"].as_str().unwrap().to_owned();
        self.seen.insert((id, reply.status));
    }

    fn saw(&self, id: &str, status: u16) -> bool {
        self.seen.contains(&(id.to_owned(), status))
    }
}

async fn call(
    server: &TestServer,
    route: &Route,
    path: &str,
    user: Option<&User>,
    body: &Value,
) -> Reply {
    let mut call = server.call(route.method().as_str(), path);
    if let Some(user) = user {
        call = call.by(user);
    }
    match (route.example_file(), body) {
        (Some(file), _) => call.body("application/octet-stream", file).send().await,
        (None, Value::Null) => call.send().await,
        (None, body) => call.json(body).send().await,
    }
}

/// A body that is accepted, as far as one can be made up.
fn content(route: &Route, user: &User) -> Value {
    match route.path() {
        "/api/auth/switch" => {
            json!({ "account_id": user.account, "refresh_token": user.refresh_token })
        }
        "/api/auth/password" => json!({
            "current_password": nexo_core::testing::PASSWORD,
            "new_password": "another long enough phrase",
        }),
        "/api/auth/second-factor" if route.method() == "POST" => {
            json!({ "password": nexo_core::testing::PASSWORD })
        }
        "/api/auth/profile" if route.method() == "DELETE" => json!({ "password": "not it" }),
        "/api/auth/login" => {
            json!({ "email": user.email, "password": nexo_core::testing::PASSWORD })
        }
        "/api/auth/refresh" => json!({ "refresh_token": user.refresh_token }),
        path if path.ends_with("/transfer") => json!({ "to": user.id }),
        _ => body(route),
    }
}

#[tokio::test]
async fn replies_are_as_documented() {
    let server = TestServer::start().await;
    let owner = server.register("owner").await;
    let mut checked = Checked::of(Document::read().await);
    for (number, route) in table().iter().enumerate() {
        let operation = checked.document.operation(route).clone();
        // What ends a session, or takes a member away, has one of its own.
        let own = if route.path().starts_with("/api/auth/") {
            Some(server.join(&owner, &format!("member{number}"), "admin").await)
        } else {
            None
        };
        let user = own.as_ref().unwrap_or(&owner);
        let id = match route.path().split_once("/{id}") {
            Some(("/api/members", _)) => {
                server.join(&owner, &format!("guest{number}"), "viewer").await.id
            }
            Some((collection, _)) => record(&server, collection, &owner).await,
            None => String::new(),
        };
        let mut path = route.path().replace("{id}", &id);
        if path.ends_with("/search") {
            path.push_str("?q=ada");
        }
        let mut body = content(route, user);
        if let Some(one) = route.path().strip_suffix("/erase") {
            let one = server.get(&one.replace("{id}", &id)).by(&owner).send().await.json();
            body["confirm"] = one.get("name").or_else(|| one.get("company")).unwrap().clone();
        }
        // First what is refused, so that there is something left to refuse.
        if route.access() == Access::Tenant {
            let reply = call(&server, route, &path, None, &body).await;
            checked.check(route, &reply);
            assert_eq!(reply.status, 401);
        }
        if operation.get("requestBody").is_some() && route.example_file().is_none() {
            let sent = server.call(route.method().as_str(), &path);
            let mut refused = vec![
                sent.by(user).json(&json!({ "nonsense": 1 })).send().await,
                server
                    .call(route.method().as_str(), &path)
                    .by(user)
                    .body("text/plain", "a")
                    .send()
                    .await,
            ];
            refused.push(call(&server, route, &path, Some(user), &json!([])).await);
            for reply in refused {
                checked.check(route, &reply);
                assert!([400, 415].contains(&reply.status), "{route:?}: {}", reply.status);
            }
        }
        let reads_query = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|parameter| checked.document.resolve(parameter)["in"] == "query");
        if reads_query {
            let wrong = format!("{}?nonsense=1", path.split('?').next().unwrap());
            let reply = call(&server, route, &wrong, Some(user), &body).await;
            checked.check(route, &reply);
            assert_eq!(reply.status, 400, "{route:?}");
        }
        if route.path().contains("{id}") {
            let other = route.path().replace("{id}", &uuid::Uuid::now_v7().to_string());
            let reply = call(&server, route, &other, Some(&owner), &body).await;
            checked.check(route, &reply);
        }
        if operation["responses"].get("412").is_some() {
            for tag in ["\"7777\"", "\"a\"", "malformed"] {
                let sent = server.call(route.method().as_str(), &path).by(user);
                let mut sent = sent.header("if-match", tag);
                if !body.is_null() {
                    sent = sent.json(&body);
                }
                checked.check(route, &sent.send().await);
            }
        }
        let reply = call(&server, route, &path, Some(user), &body).await;
        if let (Some(tag), true) = (reply.header("etag"), route.method() == "GET") {
            let again = server.get(&path).by(user).header("if-none-match", tag).send().await;
            checked.check(route, &again);
            assert_eq!(again.status, 304, "{route:?}");
        }
        checked.check(route, &reply);
        forget_imports(&server, &owner, route).await;
    }
    lists(&server, &owner, &mut checked).await;
    batches(&server, &owner, &mut checked).await;

    // Of nearly all routes the good answer was among them. The others need mail, a
    // provider, or what only an app or a mail knows.
    let unseen: Vec<String> = checked
        .document
        .operations()
        .filter(|(_, _, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let good = statuses.filter(|status| status.starts_with('2'));
            let id = operation["operationId"].as_str().unwrap();
            !good.clone().any(|status| checked.saw(id, status.parse().unwrap()))
        })
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "verifyEmail",
        "mailVerification",
        "linkIdentity",
        "startIdentityLink",
        "unlinkIdentity",
        "acceptInvitation",
        "finishSignIn",
        "startSignIn",
        "forgotPassword",
        "resetPassword",
        "deleteUser",
        "confirmSecondFactor",
        "renewRecoveryCodes",
        "removeSecondFactor",
        "advanceImport",
        "undoImport",
        "advanceImportShort",
        "undoImportShort",
    ];
    let (unseen, expected) =
        (unseen.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    assert_eq!(unseen, expected);
    println!("{} pairs of operation and status", checked.seen.len());
}

/// Few may be under way.
async fn forget_imports(server: &TestServer, owner: &User, route: &Route) {
    if !route.path().contains("/imports") {
        return;
    }
    let imports = server.get("/api/imports").by(owner).send().await.json();
    for import in imports["data"].as_array().unwrap() {
        let path = format!("/api/imports/{}", import["id"].as_str().unwrap());
        server.call("DELETE", &path).by(owner).send().await;
    }
}

/// The ways in which an atomic batch is refused as a whole.
async fn batches(server: &TestServer, owner: &User, checked: &mut Checked) {
    let id = record(server, "/api/clients", owner).await;
    let is_batch = |route: &&Route| route.path() == "/api/clients/batch";
    let route = table().iter().find(is_batch).cloned().unwrap();
    let record = json!({ "name": "Acme", "external_id": "a" });
    for (operation, status) in [
        (json!({ "op": "upsert", "key": "nonsense", "record": record }), 400),
        (json!({ "op": "upsert", "record": { "name": "Acme" } }), 422),
        (json!({ "op": "upsert", "record": record }), 200),
        (json!({ "op": "create", "record": record }), 422),
        (json!({ "op": "patch", "id": id, "version": 7, "changes": {} }), 412),
        (json!({ "op": "delete", "id": uuid::Uuid::now_v7() }), 404),
        (json!({ "op": "delete", "id": id }), 200),
    ] {
        let batch = json!({ "operations": [operation] });
        let reply = server.post(route.path(), &batch).by(owner).send().await;
        checked.check(&route, &reply);
        assert_eq!(reply.status, status, "{operation}: {}", reply.json());
    }
}

/// What lists take, and pages with everything in them.
async fn lists(server: &TestServer, owner: &User, checked: &mut Checked) {
    for (route, queries) in table().iter().filter_map(|route| Some((route, queries(route)?))) {
        for (query, status) in queries {
            let reply = server.get(&format!("{}?{query}", route.path())).by(owner).send().await;
            checked.check(route, &reply);
            assert_eq!(reply.status, status, "{} {query}: {}", route.path(), reply.json());
        }
    }
}

fn queries(route: &Route) -> Option<Vec<(&'static str, u16)>> {
    let of_all = [
        ("limit=1&count=exact", 200),
        ("count=estimated&archived=true", 200),
        ("limit=0", 400),
        ("limit=201", 400),
        ("cursor=a", 400),
        ("sort=nonsense", 400),
        ("fields=nonsense", 400),
        ("fields=id,version", 200),
        ("fields=id&fields=created_at&sort=-updated_at", 200),
        ("q=a%00", 400),
        ("id=a", 400),
        ("external_id.null=true", 200),
        ("created_at.gte=2026-01-01T00:00:00Z&created_at.lt=2027-01-01T00:00:00Z", 200),
    ];
    let own: &[(&str, u16)] = match route.path() {
        "/api/clients" => &[("status=lead&status=active", 200), ("q=babbage&fields=name", 200)],
        "/api/departments" => &[("expand=parent,head", 200)],
        "/api/employees" => {
            &[("expand=department&expand=manager", 200), ("salary_level.gte=1", 200)]
        }
        "/api/suppliers" => &[("rating.lte=5", 200)],
        "/api/professionals" => &[("hourly_rate.gt=1.50", 200)],
        "/api/projects" => &[("expand=client,members", 200), ("starts_on.lt=2027-01-01", 200)],
        "/api/tasks" => &[("expand=project,parent,assignee", 200), ("due_on.null=false", 200)],
        _ => return None,
    };
    (route.method() == "GET").then(|| of_all.iter().chain(own).copied().collect())
}
