//! What somebody sees first, over HTTP, and what is left of it when a service is away.

use std::time::Duration;

use nexo_core::model::{BuiltInRole, NewApiKey};
use nexo_server::HttpConfig;
use serde_json::{Value, json};

use crate::harness::{TestServer, User};

async fn told(server: &TestServer, path: &str, user: &User) -> Value {
    let reply = server.get(path).by(user).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.json());
    reply.json()
}

async fn fill(server: &TestServer, user: &User) {
    for (path, new) in [
        ("/api/clients", json!({ "name": "Acme", "status": "active" })),
        ("/api/clients", json!({ "name": "Babbage" })),
        ("/api/projects", json!({ "name": "Engine", "budget": "1250.5", "currency": "GBP" })),
        ("/api/tasks", json!({ "title": "Wheels", "due_on": "2020-02-29" })),
        ("/api/tasks", json!({ "title": "Cards" })),
    ] {
        assert_eq!(server.post(path, &new).by(user).send().await.status, 201, "{path}");
    }
}

/// Keeps a role's connections out of the test's database, as if its service were down,
/// or lets them in again.
async fn set_away(server: &TestServer, role: &str, away: bool) {
    let superuser = server.database.superuser().await;
    let name: String = superuser.query_one("select current_database()", &[]).await.unwrap().get(0);
    let grant = match away {
        true => format!("revoke connect on database {name} from {role}"),
        false => format!("grant connect on database {name} to {role}"),
    };
    let public = format!("revoke connect on database {name} from public");
    superuser.batch_execute(&format!("{public}; {grant}")).await.unwrap();
    if away {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
                   where usename = $1 and datname = current_database()";
        superuser.query(end, &[&role]).await.unwrap();
    }
}

/// Both parts in one answer, each as its own route tells it.
#[tokio::test]
async fn a_dashboard_is_told_in_one_call() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    server.join(&ada, "bob", "viewer").await;
    fill(&server, &ada).await;
    let whole = told(&server, "/api/dashboard", &ada).await;
    assert_eq!((&whole["partial"], &whole["missing"]), (&json!(false), &json!([])));
    assert_eq!(whole["account"], told(&server, "/api/auth/dashboard", &ada).await);
    assert_eq!(whole["work"], told(&server, "/api/crm/dashboard", &ada).await);
    let (account, work) = (&whole["account"], &whole["work"]);
    assert_eq!(account["profile"]["user"]["id"], json!(ada.id));
    assert_eq!(account["members"], json!({ "active": 2, "disabled": 0 }));
    assert_eq!(work["counts"]["clients"], json!({ "active": 2, "archived": 0 }));
    assert_eq!(work["pipeline"]["clients"], json!({ "active": 1, "inactive": 0, "lead": 1 }));
    let budget = json!({ "currency": "GBP", "projects": 1, "total": "1250.50", "open": "1250.50" });
    assert_eq!(work["budgets"], json!([budget]));
    assert_eq!((&work["my_tasks"]["open"], &work["my_tasks"]["overdue"]), (&json!(2), &json!(1)));
    assert_eq!(work["my_tasks"]["data"][0]["title"], "Wheels");
    assert_eq!(work["recent_activity"][0]["subject"], "tasks");
    assert_eq!(work["recent_records"], json!(null));
    // Nothing of it is anybody else's.
    let foreign = told(&server, "/api/dashboard", &eve).await;
    assert_eq!(foreign["work"]["counts"]["clients"], json!({ "active": 0, "archived": 0 }));
    assert_eq!(foreign["work"]["my_tasks"]["data"], json!([]));
    assert!(!foreign.to_string().contains(&ada.id), "{foreign}");
}

/// P2: an API key has no profile, and what it is made for.
#[tokio::test]
async fn p2_a_key_is_told_what_it_may_see() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    fill(&server, &ada).await;
    let new = json!(NewApiKey::named("Shop", BuiltInRole::Viewer.permissions()));
    let issued = server.post("/api/keys", &new).by(&ada).send().await.json();
    let secret = issued["secret"].as_str().unwrap();
    let reply = server.get("/api/dashboard").bearer(secret).send().await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let whole = reply.json();
    let account = json!({
        "profile": null, "members": null, "open_invitations": null, "partial": false,
    });
    assert_eq!((&whole["account"], &whole["partial"]), (&account, &json!(false)));
    assert_eq!(whole["work"]["my_tasks"]["open"], 2);
    assert_eq!(whole["work"]["recent_records"].as_array().unwrap().len(), 5);
    let key = format!("/api/keys/{}", issued["id"].as_str().unwrap());
    assert_eq!(server.call("DELETE", &key).by(&ada).send().await.status, 204);
    for path in ["/api/dashboard", "/api/auth/dashboard", "/api/crm/dashboard"] {
        let ended = server.get(path).bearer(secret).send().await;
        assert_eq!((ended.status, ended.problem().as_str()), (401, "unauthenticated"), "{path}");
    }
}

/// A session that has ended is refused, and no absence of anything.
#[tokio::test]
async fn a_dashboard_is_refused_to_who_was_logged_out() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    assert_eq!(server.call("POST", "/api/auth/logout").by(&ada).send().await.status, 204);
    for path in ["/api/dashboard", "/api/auth/dashboard", "/api/crm/dashboard"] {
        let ended = server.get(path).by(&ada).send().await;
        assert_eq!((ended.status, ended.problem().as_str()), (401, "session_ended"), "{path}");
    }
}

/// F2: one service that is away leaves the other's part; both are 503.
#[tokio::test]
async fn f2_a_service_that_is_away_is_told_as_missing() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    fill(&server, &ada).await;
    let before = told(&server, "/api/dashboard", &ada).await;

    set_away(&server, "nexo_app", false).await;
    set_away(&server, "nexo_auth", true).await;
    let part = told(&server, "/api/dashboard", &ada).await;
    assert_eq!((&part["account"], &part["missing"]), (&json!(null), &json!(["auth"])));
    assert_eq!((&part["work"], &part["partial"]), (&before["work"], &json!(true)));
    let away = server.get("/api/auth/dashboard").by(&ada).send().await;
    assert_eq!((away.status, away.problem().as_str()), (503, "unavailable"));

    set_away(&server, "nexo_app", true).await;
    let away = server.get("/api/dashboard").by(&ada).send().await;
    assert_eq!((away.status, away.problem().as_str()), (503, "unavailable"));
    assert!(away.header("retry-after").is_some());

    set_away(&server, "nexo_auth", false).await;
    let part = told(&server, "/api/dashboard", &ada).await;
    assert_eq!((&part["work"], &part["missing"]), (&json!(null), &json!(["crm"])));
    assert_eq!(part["account"]["profile"], before["account"]["profile"]);
    // Members are told by the role that is away.
    let told_of_account = [&part["account"]["members"], &part["account"]["partial"]];
    assert_eq!((told_of_account, &part["partial"]), ([&json!(null), &json!(true)], &json!(true)));

    set_away(&server, "nexo_app", false).await;
    assert_eq!(told(&server, "/api/dashboard", &ada).await, before);
}

/// F7: a part that hangs is given up in time for the other one to be told.
#[tokio::test]
async fn f7_a_part_that_hangs_is_missing() {
    let config = HttpConfig { request_timeout: Duration::from_secs(4), ..HttpConfig::default() };
    let server = TestServer::with(config).await;
    let ada = server.register("ada").await;
    told(&server, "/api/dashboard", &ada).await;
    let mut superuser = server.database.superuser().await;
    let held = superuser.transaction().await.unwrap();
    held.batch_execute("lock table nexo.projects in access exclusive mode").await.unwrap();
    let part = told(&server, "/api/dashboard", &ada).await;
    assert_eq!((&part["work"], &part["missing"]), (&json!(null), &json!(["crm"])));
    assert_eq!(part["account"]["profile"]["user"]["id"], json!(ada.id));
    held.rollback().await.unwrap();
    assert_eq!(told(&server, "/api/dashboard", &ada).await["partial"], false);
}
