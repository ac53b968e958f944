//! Several statements, kept together or not at all.

use nexo_core::model::{Client, ClientPatch, Id, ListParams, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, TenantScope};

async fn start() -> (Database, TenantScope) {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    (database, Tenant::register(&authenticator).await.scope)
}

async fn names(database: &Database, scope: &TenantScope) -> Vec<String> {
    let page = database.repository::<Client>().list(scope, &ListParams::default()).await;
    page.expect("list").data.into_iter().map(|client| client.name).collect()
}

#[tokio::test]
async fn what_is_committed_is_kept_together() {
    let (database, scope) = start().await;
    let unit = database.unit_of_work(&scope).await.expect("begins");
    let one = unit.create::<Client>(&NewClient::named("one")).await.expect("created");
    unit.create::<Client>(&NewClient::named("two")).await.expect("created");
    let patch = ClientPatch { name: "uno".to_owned().into(), ..ClientPatch::default() };
    unit.patch(one.id, &patch, Some(1)).await.expect("patched");
    assert_eq!(unit.get::<Client>(one.id).await.expect("sees its own work").name, "uno");
    assert!(names(&database, &scope).await.is_empty(), "nobody else does yet");
    unit.commit().await.expect("commits");
    let mut kept = names(&database, &scope).await;
    kept.sort();
    assert_eq!(kept, ["two", "uno"]);
}

#[tokio::test]
async fn what_is_dropped_or_rolled_back_is_not_kept() {
    let (database, scope) = start().await;
    let unit = database.unit_of_work(&scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("dropped")).await.expect("created");
    drop(unit);
    let unit = database.unit_of_work(&scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("rolled back")).await.expect("created");
    unit.rollback();
    assert!(names(&database, &scope).await.is_empty());
}

/// PostgreSQL answers COMMIT of a failed transaction with success.
#[tokio::test]
async fn a_failed_unit_does_not_pretend_to_commit() {
    let (database, scope) = start().await;
    let nowhere = database.system_scope(Id::new(), "an account that does not exist");
    let unit = database.unit_of_work(&nowhere).await.expect("begins");
    unit.create::<Client>(&NewClient::named("orphan")).await.expect_err("no such account");
    unit.commit().await.expect_err("nothing was kept");

    // Not finding something is no failure.
    let unit = database.unit_of_work(&scope).await.expect("begins");
    assert!(unit.get::<Client>(Id::new()).await.expect_err("missing").is_not_found());
    unit.create::<Client>(&NewClient::named("kept")).await.expect("created");
    unit.commit().await.expect("commits");
    assert_eq!(names(&database, &scope).await, ["kept"]);
}

/// A statement whose caller gave up may have failed since: the unit cannot
/// vouch for itself any more.
#[tokio::test]
async fn an_abandoned_statement_spoils_the_unit() {
    let (database, scope) = start().await;
    let unit = database.unit_of_work(&scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("kept?")).await.expect("created");
    {
        let new = NewClient::named("abandoned");
        let mut statement = std::pin::pin!(unit.create::<Client>(&new));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(statement.as_mut().poll(&mut context).is_pending());
    }
    unit.commit().await.expect_err("nobody knows what became of the statement");
    assert!(names(&database, &scope).await.is_empty());
}

#[tokio::test]
async fn a_system_scope_works_without_a_user_and_tells_its_reason() {
    let (database, scope) = start().await;
    let system = database.system_scope(scope.account_id(), "nightly clean-up");
    assert_eq!((system.user_id(), system.reason()), (None, Some("nightly clean-up")));
    let clients = database.repository::<Client>();
    let made = clients.create(&system, &NewClient::named("by a job")).await.expect("created");
    assert_eq!(made.created_by, None);
    assert_eq!(clients.get(&scope, made.id).await.expect("seen by users"), made);
}
