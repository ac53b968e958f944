//! A database from which nothing comes any more.

use std::time::Duration;

use nexo_core::model::{Client, ErrorCode};
use nexo_core::testing::Proxy;
use nexo_core::tokio_postgres::Config;
use nexo_core::{Database, DatabaseConfig};
use tokio::time::timeout;

use super::World;

/// Much longer than the server waits, and much shorter than Linux does (a quarter of an hour).
const HANGS: Duration = Duration::from_secs(120);

const SECOND: Duration = Duration::from_secs(1);

/// F5: whether it is the statement that is lost or its answer, that is noticed, however
/// patient the caller is; and no connection stays lost.
#[tokio::test(flavor = "multi_thread")]
async fn f5_a_database_whose_packets_are_lost_is_away_and_comes_back() {
    let world = World::create().await;
    let (locked, other) = (world.client(&world.ada).await, world.client(&world.ada).await);
    let proxy = Proxy::start(&world.test.superuser_config()).await;
    let routed = |config: &Config| {
        let mut config = proxy.route(config);
        config.tcp_user_timeout(SECOND).keepalives_idle(SECOND).keepalives_interval(SECOND);
        config
    };
    let (app, auth) = (world.test.app_config().await, world.test.auth_config().await);
    let config = DatabaseConfig::from_roles(None, routed(&app), routed(&auth)).pool_size(2);
    let database = Database::open(config.connect_timeout(SECOND)).await.expect("opens");
    let clients = database.repository::<Client>();
    let superuser = world.test.superuser().await;
    superuser.batch_execute("begin").await.expect("begun");
    super::lock(&superuser, locked).await;
    let (waiting, scope) = (clients.clone(), world.ada.clone());
    let waiting =
        tokio::spawn(
            async move { waiting.patch(&scope, locked, &super::noted("lost"), None).await },
        );
    world.until_waiting(1).await;
    clients.get(&world.ada, other).await.expect("read");
    proxy.swallow();
    let both = async { (clients.get(&world.ada, other).await, waiting.await.expect("no panic")) };
    let (read, written) = timeout(HANGS, both).await.expect("they were told");
    assert_eq!(read.expect_err("lost").code(), ErrorCode::Unavailable);
    assert_eq!(written.expect_err("lost").code(), ErrorCode::Unavailable);
    proxy.heal();
    let again = async {
        while clients.get(&world.ada, other).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(HANGS, again).await.expect("it came back");
}
