//! No row of one account is visible to, or writable by, another.

use nexo_core::AuthConfig;
use nexo_core::model::{Client, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};

#[tokio::test]
async fn another_accounts_client_is_not_found() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let a = Tenant::register(&authenticator).await.scope;
    let b = Tenant::register(&authenticator).await.scope;
    let clients = database.repository::<Client>();
    let client = clients.create(&a, &NewClient::named("A's")).await.expect("created");
    assert!(clients.get(&b, client.id).await.expect_err("hidden").is_not_found());
}
