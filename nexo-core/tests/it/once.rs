//! Work that is done once for its key.

use nexo_core::model::{Client, ErrorCode, ListParams, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, IdempotencyKey, Once, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    scope: TenantScope,
    other: TenantScope,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let scope = Tenant::register(&authenticator).await.scope;
        let other = Tenant::register(&authenticator).await.scope;
        Self { test, database, scope, other }
    }

    async fn names(&self, scope: &TenantScope) -> Vec<String> {
        let list = self.database.repository::<Client>().list(scope, &ListParams::default()).await;
        list.expect("listed").data.into_iter().map(|client| client.name).collect()
    }

    async fn keys(&self) -> i64 {
        let count = "select count(*) from nexo.idempotency_keys";
        self.test.superuser().await.query_one(count, &[]).await.expect("counted").get(0)
    }
}

fn key(name: &str, request: &str) -> IdempotencyKey {
    IdempotencyKey::new(name, &[request.as_bytes()]).expect("a good key")
}

/// F6: the second time gives what was answered the first time, also when the
/// record has changed or gone since; another request under the key is refused.
#[tokio::test]
async fn f6_asking_again_gives_the_first_answer() {
    let world = World::create().await;
    let clients = world.database.repository::<Client>();
    let (acme, key_a) = (NewClient::named("Acme"), key("k", "a"));
    let first = clients.once(&key_a).create(&world.scope, &acme).await.expect("created");
    assert!(!first.is_before());
    let first = first.into_inner();
    clients.delete(&world.scope, first.id, None).await.expect("deleted");
    let again = clients.once(&key_a).create(&world.scope, &acme).await.expect("remembered");
    assert_eq!(again, Once::Before(first));
    assert_eq!(world.names(&world.scope).await, Vec::<String>::new());

    let reused = clients.once(&key("k", "b")).create(&world.scope, &acme).await;
    assert_eq!(reused.expect_err("reused").code(), ErrorCode::IdempotencyKeyReused);
    // The same name is another key for somebody else, in another account.
    let elsewhere = clients.once(&key("k", "b")).create(&world.other, &acme).await;
    assert!(!elsewhere.expect("created").is_before());
}

/// A request that fails uses up no key, and leaves nothing behind.
#[tokio::test]
async fn a_failed_request_leaves_its_key_free() {
    let world = World::create().await;
    let clients = world.database.repository::<Client>();
    let taken = NewClient { external_id: Some("x".into()), ..NewClient::named("Acme") };
    clients.create(&world.scope, &taken).await.expect("created");
    for new in [&taken, &NewClient::named("")] {
        let refused = clients.once(&key("k", "a")).create(&world.scope, new).await;
        assert_eq!(refused.expect_err("refused").code(), ErrorCode::ValidationFailed);
    }
    assert_eq!(world.keys().await, 0);
    let free = clients.once(&key("k", "a")).create(&world.scope, &NewClient::named("B")).await;
    assert!(!free.expect("created").is_before());
    assert_eq!(world.database.leaked_settings().await.expect("asked"), "");
}

/// Of requests that come together one does the work, and all get its answer.
#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_requests_one_does_the_work() {
    let world = World::create().await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (database, scope) = (world.database.clone(), world.scope.clone());
        requests.spawn(async move {
            let clients = database.repository::<Client>();
            clients.once(&key("k", "a")).create(&scope, &NewClient::named("Acme")).await
        });
    }
    let answers = requests.join_all().await;
    let answers: Vec<Once<Client>> = answers.into_iter().map(|it| it.expect("answered")).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.is_before()).count(), 1);
    let ids: std::collections::HashSet<_> =
        answers.into_iter().map(|answer| answer.into_inner().id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.names(&world.scope).await, ["Acme"]);
}

/// A10: a session that has ended neither does the work nor gets the answer.
#[tokio::test]
async fn a10_a_dead_session_gets_no_remembered_answer() {
    let world = World::create().await;
    let clients = world.database.repository::<Client>();
    let acme = NewClient::named("Acme");
    clients.once(&key("k", "a")).create(&world.scope, &acme).await.expect("created");
    let end = "update nexo.sessions set revoked_at = now(), revoked_for = 'logout'";
    world.test.superuser().await.batch_execute(end).await.expect("revoked");
    for name in ["k", "new"] {
        let refused = clients.once(&key(name, "a")).create(&world.scope, &acme).await;
        assert_eq!(refused.expect_err("ended").code(), ErrorCode::SessionEnded);
    }
    assert_eq!(world.keys().await, 1);
}

/// Keys are forgotten after a day, a few with each new one.
#[tokio::test]
async fn old_keys_are_forgotten() {
    let world = World::create().await;
    let clients = world.database.repository::<Client>();
    let acme = NewClient::named("Acme");
    for name in ["a", "b", "c"] {
        clients.once(&key(name, "")).create(&world.scope, &acme).await.expect("created");
    }
    let age = "update nexo.idempotency_keys set created_at = now() - interval '25 hours' where key <> 'c'";
    world.test.superuser().await.batch_execute(age).await.expect("aged");
    clients.once(&key("d", "")).create(&world.scope, &acme).await.expect("created");
    assert_eq!(world.keys().await, 2);
}

#[test]
fn keys_are_visible_ascii() {
    for bad in ["", " ", "a b", "é", "a\n", &"x".repeat(256)] {
        let refused = IdempotencyKey::new(bad, &[]).expect_err(bad);
        assert_eq!(refused.code(), ErrorCode::BadRequest);
    }
    let ab: [&[u8]; 2] = [b"a", b"b"];
    let joined: [&[u8]; 2] = [b"", b"ab"];
    assert_ne!(IdempotencyKey::new("k", &ab).ok(), IdempotencyKey::new("k", &joined).ok());
}
