//! `/health`, `/ready`, `/.well-known/jwks.json`.

use nexo_core::testing::{Proxy, TestDatabase};
use nexo_core::tokio_postgres::NoTls;
use nexo_core::{AuthConfig, Database, DatabaseConfig};
use nexo_server::{HttpConfig, RemoteConfig, Role, Server};
use serde_json::json;

use crate::harness::{
    Call, SignIn, TestServer, assert_snapshot, config, register, serve_as, until_ready,
};
use crate::process::{deadline, pause};

#[tokio::test]
async fn a_running_server_is_healthy_and_ready() {
    let server = TestServer::start().await;
    let version = env!("CARGO_PKG_VERSION");
    let health = server.get("/health").send().await;
    assert_eq!(health.status, 200);
    assert_eq!(
        health.json(),
        serde_json::json!({ "status": "ok", "database": "ok", "version": version })
    );
    assert_snapshot(
        &server.get("/ready").send().await,
        r#"
        200
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; frame-ancestors 'none'
        content-type: application/json
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-request-id: [id]
        {
          "status": "ready"
        }
        "#,
    );
}

#[tokio::test]
async fn a_server_answers_before_it_has_its_database() {
    let server = Server::listen(crate::harness::config()).await.unwrap();
    let (address, provider) = (server.local_addr(), server.provider());
    tokio::spawn(server.run(std::future::pending()));
    let get = |path| Call::to(address, "GET", path).bearer("x").send();
    let health = get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"starting".into()));
    for path in ["/ready", "/api/clients", "/.well-known/jwks.json"] {
        let reply = get(path).await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "unavailable"), "{path}");
        assert_eq!(reply.json()["detail"], "the server is starting");
        assert!(reply.header("retry-after").is_some());
    }
    let database = TestDatabase::create().await;
    let (opened, authenticator) = database.open_with_auth(AuthConfig::default()).await;
    provider.provide(opened, authenticator);
    assert_eq!(get("/ready").await.status, 200);
    assert_eq!(get("/health").await.json()["status"], "ok");
    assert_eq!(get("/api/clients").await.problem(), "unauthenticated");
}

/// Each service tells how it is, and `/live` asks nobody.
#[tokio::test]
async fn each_service_tells_how_it_is() {
    let config = crate::harness::config();
    let server = Server::listen(config).await.unwrap();
    let (address, provider) = (server.local_addr(), server.provider());
    tokio::spawn(server.run(std::future::pending()));
    let all_say = async |status: u16, said: &str| {
        for service in ["auth", "crm", "database"] {
            let reply = Call::to(address, "GET", &format!("/health/{service}")).send().await;
            let expected = serde_json::json!({ "service": service, "status": said });
            assert_eq!((reply.status, reply.json()), (status, expected));
        }
        let live = Call::to(address, "GET", "/live").send().await;
        assert_eq!((live.status, live.json()), (200, serde_json::json!({ "status": "live" })));
    };
    all_say(503, "starting").await;
    let database = TestDatabase::create().await;
    let (opened, authenticator) = database.open_with_auth(AuthConfig::default()).await;
    provider.provide(opened, authenticator);
    all_say(200, "ok").await;

    let mut elsewhere = database.superuser_config();
    let name = elsewhere.get_dbname().unwrap().to_owned();
    elsewhere.dbname("postgres");
    let (client, connection) = elsewhere.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
    // An answer from before may be remembered for a moment.
    for service in ["auth", "crm", "database"] {
        let path = format!("/health/{service}");
        while Call::to(address, "GET", &path).send().await.status == 200 {}
    }
    all_say(503, "unreachable").await;
}

#[tokio::test]
async fn without_its_database_a_server_lives_but_is_not_ready() {
    let server = TestServer::start().await;
    let user = server.register("ada").await;
    let mut elsewhere = server.database.superuser_config();
    let name = elsewhere.get_dbname().unwrap().to_owned();
    elsewhere.dbname("postgres");
    let (client, connection) = elsewhere.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();

    // An answer from before may be remembered for a moment.
    while server.get("/health").send().await.json()["database"] == "ok" {}
    let health = server.get("/health").send().await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"degraded".into()));
    let ready = server.get("/ready").send().await;
    assert_eq!((ready.status, ready.problem().as_str()), (503, "unavailable"));
    assert_eq!(ready.header("retry-after"), Some("1"));
    let clients = server.get("/api/clients").by(&user).send().await;
    assert_eq!((clients.status, clients.problem().as_str()), (503, "unavailable"));
    assert!(!clients.json()["detail"].as_str().unwrap().contains(&name));
}

/// A server whose only connection for records waits for somebody's lock is busy, and ready;
/// when nothing comes from PostgreSQL any more, it is not, though it cannot ask by that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_ready_and_one_whose_database_is_silent_is_not() {
    let database = TestDatabase::create().await;
    let auth = serve_as(Role::Auth, &database, config(), SignIn::default()).await.0;
    let ada = register(auth, "ada").await;
    for role in [Role::All, Role::Crm] {
        let proxy = Proxy::start(&database.superuser_config()).await;
        let (app, keys) = (database.app_config().await, database.auth_config().await);
        let through = DatabaseConfig::from_roles(None, proxy.route(&app), proxy.route(&keys));
        let opened = Database::open(through.pool_size(1)).await.unwrap();
        let is_crm = role == Role::Crm;
        let auth = vec![format!("http://{auth}").parse().unwrap()].into_iter().filter(|_| is_crm);
        let remote = RemoteConfig { auth: auth.collect(), ..RemoteConfig::default() };
        let server = Server::listen(HttpConfig { role, remote, ..config() }).await.unwrap();
        let (address, provider) = (server.local_addr(), server.provider());
        if is_crm {
            provider.provide_crm(opened);
        } else {
            let authenticator = opened.authenticator(AuthConfig::default()).await.unwrap();
            provider.provide(opened, authenticator);
        }
        tokio::spawn(server.run(std::future::pending()));
        until_ready(address).await;

        let made = Call::to(address, "POST", "/api/clients").by(&ada);
        let made = made.json(&json!({ "name": "Acme" })).send().await.json();
        let path = format!("/api/clients/{}", made["id"].as_str().unwrap());
        let superuser = database.superuser().await;
        superuser.batch_execute("begin; lock table nexo.clients").await.unwrap();
        // A read that waits too long is done again, so that somebody always waits.
        let waiting: Vec<_> = (0..3)
            .map(|_| tokio::spawn(Call::to(address, "GET", &path).by(&ada).try_send()))
            .collect();
        let says = async |path: &str, status: u16| {
            let deadline = deadline();
            loop {
                let reply = Call::to(address, "GET", path).send().await;
                if reply.status == status {
                    return reply;
                }
                pause(deadline, "it says how it is").await;
            }
        };
        assert_eq!(says("/health/crm", 503).await.json()["status"], "busy");
        assert_eq!(Call::to(address, "GET", "/ready").send().await.status, 200);
        proxy.swallow();
        says("/ready", 503).await;
        assert_eq!(Call::to(address, "GET", "/live").send().await.status, 200);
        superuser.batch_execute("rollback").await.unwrap();
        proxy.heal();
        says("/ready", 200).await;
        for call in waiting {
            drop(call.await.unwrap());
        }
    }
}

#[tokio::test]
async fn the_public_keys_are_public() {
    let server = TestServer::start().await;
    let reply = server.get("/.well-known/jwks.json").send().await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("public, max-age=300")));
    let keys = reply.json()["keys"].as_array().unwrap().clone();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(key["d"].is_null(), "a private key is published");
        assert_eq!((&key["kty"], &key["crv"]), (&"OKP".into(), &"Ed25519".into()));
    }
}
