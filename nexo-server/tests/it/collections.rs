//! What every collection answers, also those added later: lists, batches,
//! idempotency, and the same isolation as its repository's, over the wire.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nexo_core::testing::{RegisteredTable, TestDatabase, registered_tables};
use nexo_core::{AuthConfig, Database};
use nexo_server::Server;
use nexo_server::routes::{Route, table};
use serde_json::{Value, json};

use crate::harness::{Call, TestServer, User, register};

/// Another one each time, so that no two records collide.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn path(table: &RegisteredTable) -> String {
    format!("/api/crm/{}", table.collection)
}

async fn create(server: &TestServer, user: &User, table: &RegisteredTable) -> Value {
    let new = table.example(number());
    let made = server.post(&path(table), &new).by(user).send().await;
    assert_eq!(made.status, 201, "{}: {}", table.name, made.json());
    made.json()
}

/// The entities that are registered have their routes, and no others have.
#[test]
fn every_registered_table_has_its_routes() {
    let routes = table();
    let has = |method: &str, path: &str| {
        routes.iter().any(|route: &Route| route.method() == method && route.path() == path)
    };
    let tables = registered_tables();
    for entity in &tables {
        for prefix in ["/api", "/api/crm"] {
            let all = format!("{prefix}/{}", entity.collection);
            for (method, path) in [
                ("GET", all.clone()),
                ("POST", all.clone()),
                ("POST", format!("{all}/batch")),
                ("GET", format!("{all}/export")),
                ("GET", format!("{all}/{{id}}")),
                ("PUT", format!("{all}/{{id}}")),
                ("PATCH", format!("{all}/{{id}}")),
                ("DELETE", format!("{all}/{{id}}")),
                ("POST", format!("{all}/{{id}}/archive")),
                ("POST", format!("{all}/{{id}}/restore")),
            ] {
                assert!(has(method, &path), "{method} {path}");
            }
        }
    }
    for route in &routes {
        if let Some(rest) = route.path().strip_prefix("/api/crm/") {
            let collection = rest.split('/').next().unwrap_or_default();
            let known = tables.iter().any(|it| it.collection == collection);
            assert!(
                known || ["dashboard", "imports", "search"].contains(&collection),
                "{}",
                route.path()
            );
        }
    }
}

/// P3: what is the server's to say is refused in every body that is read, and
/// nothing is stored.
#[tokio::test]
async fn p3_no_field_of_the_servers_can_be_set() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    for table in registered_tables() {
        let row = create(&server, &ada, &table).await;
        let before = server.rows(table.name).await;
        let one = format!("{}/{}", path(&table), row["id"].as_str().unwrap());
        for (field, value) in [
            ("id", json!(uuid::Uuid::now_v7())),
            ("account_id", json!(uuid::Uuid::now_v7())),
            ("version", json!(7)),
            ("created_at", json!("2020-01-01T00:00:00Z")),
            ("created_by", json!(uuid::Uuid::now_v7())),
            ("updated_at", json!("2020-01-01T00:00:00Z")),
            ("archived_at", json!("2020-01-01T00:00:00Z")),
            ("completed_at", json!("2020-01-01T00:00:00Z")),
            ("role", json!("owner")),
            ("password_hash", json!("x")),
            ("assignee_id", json!(uuid::Uuid::now_v7())),
        ] {
            let mut whole = table.example(number());
            whole[field] = value.clone();
            let patch = json!({ (field): value });
            let in_batch = json!({ "operations": [{ "op": "create", "record": whole }] });
            for (method, path, body) in [
                ("POST", path(&table), &whole),
                ("POST", format!("{}/batch", path(&table)), &in_batch),
                ("PUT", one.clone(), &whole),
                ("PATCH", one.clone(), &patch),
            ] {
                let refused = server.call(method, &path).json(body).by(&ada).send().await;
                let what = format!("{method} {path} {field}");
                assert_eq!(
                    (refused.status, refused.problem().as_str()),
                    (400, "invalid_body"),
                    "{what}"
                );
            }
        }
        assert_eq!(server.rows(table.name).await, before);
        assert_eq!(server.get(&one).by(&ada).send().await.json(), row);
        assert_eq!(server.get(&one).by(&eve).send().await.status, 404);
    }
}

/// Lists filter, count, bring along and leave out as they are asked to.
#[tokio::test]
async fn lists_answer_what_they_are_asked() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let client = server.post("/api/clients", &json!({ "name": "Acme" })).by(&ada).send().await;
    let client = client.json();
    for (name, status) in [("One", "planned"), ("Two", "active"), ("Three", "active")] {
        let new = json!({ "name": name, "status": status, "client_id": client["id"] });
        assert_eq!(server.post("/api/projects", &new).by(&ada).send().await.status, 201);
    }
    let list = async |query: &str| {
        let reply = server.get(&format!("/api/projects?{query}")).by(&ada).send().await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.json());
        reply.json()
    };
    let names = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&list("status=active&sort=name").await), ["Three", "Two"]);
    assert_eq!(
        names(&list("status=active&status=planned&sort=-name").await),
        ["Two", "Three", "One"]
    );
    assert_eq!(names(&list("client_id.null=true").await), Vec::<String>::new());
    assert_eq!(names(&list("starts_on.null=true&name=One").await), ["One"]);
    let id = client["id"].as_str().unwrap();
    let page =
        list(&format!("client_id={id}&count=exact&expand=client&fields=id,name&limit=1")).await;
    assert_eq!(page["count"], json!({ "value": 3, "relation": "eq" }));
    assert_eq!(page["included"], json!({ "clients": { (id): client } }));
    assert_eq!(page["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name"]);
    for bad in [
        "fields=password",
        "expand=owner",
        "status=gone",
        "colour=red",
        "count=all",
        "limit=201",
        "sort=description",
        "starts_on.gte=today",
        "cursor=abc",
        "status.null=maybe",
    ] {
        let refused = server.get(&format!("/api/projects?{bad}")).by(&ada).send().await;
        assert_eq!(refused.status, 400, "{bad}");
        assert!(["invalid_query", "invalid_cursor"].contains(&refused.problem().as_str()), "{bad}");
    }
}

/// Search finds what an account has, over all collections, and no more.
#[tokio::test]
async fn search_finds_over_all_collections() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let client = json!({ "name": "Müller & Söhne", "email": "info@mueller.example" });
    assert_eq!(server.post("/api/clients", &client).by(&ada).send().await.status, 201);
    let task = json!({ "title": "Call Muller" });
    assert_eq!(server.post("/api/tasks", &task).by(&ada).send().await.status, 201);
    let search = async |query: &str, user: &User| {
        let reply = server.get(&format!("/api/search?{query}")).by(user).send().await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.json());
        reply.json()["data"].clone()
    };
    let hits = search("q=muller", &ada).await;
    assert_eq!(hits[0]["title"], "Müller & Söhne");
    assert_eq!(
        hits[0]["snippet"],
        json!([{ "text": "Müller", "matched": true }, { "text": " & Söhne", "matched": false }])
    );
    assert_eq!((hits[1]["collection"].clone(), hits[2].clone()), (json!("tasks"), Value::Null));
    assert_eq!(search("q=muller&in=tasks&limit=5", &ada).await.as_array().unwrap().len(), 1);
    assert_eq!(search("q=muller", &eve).await, json!([]));
    let listed = server.get("/api/clients?q=ller.exam&fields=name").by(&ada).send().await;
    assert_eq!(listed.json()["data"], json!([{ "name": "Müller & Söhne" }]));
    for bad in
        ["", "q=", "q=%20", "q=a&q=b", "q=a&limit=0", "q=a&in=users", "q=a&sort=name", "q=%00a"]
    {
        let refused = server.get(&format!("/api/search?{bad}")).by(&ada).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid_query"), "{bad}");
    }
}

/// A POST with a key is done once; its answer comes again, marked; and a key
/// stands for one request.
#[tokio::test]
async fn a_key_makes_a_post_happen_once() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let post = async |user: &User, path: &str, body: &Value, key: &str| {
        server.post(path, body).by(user).header("idempotency-key", key).send().await
    };
    let acme = json!({ "name": "Acme" });
    let first = post(&ada, "/api/clients", &acme, "k-1").await;
    let again = post(&ada, "/api/clients", &acme, "k-1").await;
    assert_eq!((first.status, again.status, again.json()), (201, 201, first.json()));
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));
    let other = post(&ada, "/api/clients", &json!({ "name": "Byron" }), "k-1").await;
    assert_eq!((other.status, other.problem().as_str()), (422, "idempotency_key_reused"));
    assert_eq!(post(&eve, "/api/clients", &acme, "k-1").await.status, 201, "another user's key");
    assert_eq!(server.rows("nexo.clients").await, 2);

    let archive = format!("/api/clients/{}/archive", first.json()["id"].as_str().unwrap());
    let archived = server.call("POST", &archive).by(&ada).header("idempotency-key", "k-2");
    let archived = archived.send().await;
    let again =
        server.call("POST", &archive).by(&ada).header("idempotency-key", "k-2").send().await;
    assert_eq!((archived.status, again.json()), (200, archived.json()));
    let batch = json!({ "mode": "each", "operations": [
        { "op": "create", "record": acme }, { "op": "create", "record": { "name": "" } },
    ] });
    let done = post(&ada, "/api/clients/batch", &batch, "k-3").await;
    assert_eq!((done.status, done.json()["succeeded"].clone()), (200, json!(1)));
    assert_eq!(post(&ada, "/api/clients/batch", &batch, "k-3").await.json(), done.json());
    assert_eq!(server.rows("nexo.clients").await, 3);

    for bad in ["", " ", "a b", &"k".repeat(256)] {
        let refused = post(&ada, "/api/clients", &acme, bad).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "bad_request"), "{bad:?}");
    }
    let twice = server.post("/api/clients", &acme).by(&ada);
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b").send().await;
    assert_eq!(twice.status, 400);
}

/// R18: 5,000 requests of 20 accounts, interleaved over two connections to the
/// database: no body holds a foreign id.
#[tokio::test(flavor = "multi_thread")]
async fn r18_interleaved_requests_stay_apart() {
    const TENANTS: usize = 20;
    const REQUESTS: usize = 250;
    let database = TestDatabase::create().await;
    let opened = Database::open(database.config().pool_size(2)).await.unwrap();
    let authenticator = opened.authenticator(AuthConfig::default()).await.unwrap();
    let config = crate::harness::config();
    let server = Server::bind(config, opened, authenticator).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));

    let tables = Arc::new(registered_tables());
    let mut tenants = tokio::task::JoinSet::new();
    for tenant in 0..TENANTS {
        let user = register(address, &format!("tenant{tenant}")).await;
        let tables = tables.clone();
        tenants.spawn(async move {
            let mut own: HashSet<String> = HashSet::new();
            for request in 0..REQUESTS {
                let table = &tables[(request / 3 + tenant) % tables.len()];
                let reply = match request % 3 {
                    0 => {
                        let new = table.example(number());
                        Call::to(address, "POST", &path(table)).json(&new).by(&user).send().await
                    }
                    _ => Call::to(address, "GET", &path(table)).by(&user).send().await,
                };
                let body = reply.json();
                if reply.status == 201 {
                    own.insert(body["id"].as_str().unwrap().to_owned());
                    continue;
                }
                // The pool is small: to be told to wait is an answer too.
                if reply.status == 503 {
                    continue;
                }
                assert_eq!(reply.status, 200, "{body}");
                for row in body["data"].as_array().unwrap() {
                    let id = row["id"].as_str().unwrap();
                    assert!(own.contains(id), "tenant {tenant} sees {row}");
                }
            }
            own.len()
        });
    }
    let created: usize = tenants.join_all().await.into_iter().sum();
    println!("r18: {} requests, {created} created", TENANTS * REQUESTS);
    assert!(created > TENANTS * REQUESTS / 6, "{created}");
}
