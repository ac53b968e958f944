//! The policies alone, without the repositories in front of them.

use nexo_core::tokio_postgres::{Client as Connection, NoTls};

use super::{Findings, World};

/// Runs every statement of every table with one account's id as `$1` in a
/// transaction of another, whose policy must find nothing; in its own it must
/// find the row, or the test would prove nothing.
pub(super) async fn try_statements(world: &World, findings: &mut Findings) {
    let app = world.test.as_app().await;
    let [own, other] = [&world.tenants[0], &world.tenants[1]];
    for (number, table) in (10_000..).zip(&world.tables) {
        let record = table.create_example(&world.database, own, number).await;
        for (scope, finds) in [(own, true), (other, false)] {
            begin(&app, &scope.account_id().to_string()).await;
            for (sql, rows) in table.run(&app, own.account_id(), &record).await {
                findings.expect((rows > 0) == finds, || {
                    format!("policy: {rows} rows where it should find {finds}: {sql}")
                });
            }
            app.batch_execute("rollback").await.expect("ends");
        }
        // The owner is held too, which is what FORCE is for.
        let owner = connect(world).await;
        let count = format!("select count(*) from {}", table.name);
        let seen: i64 = owner.query_one(&count, &[]).await.expect("counted").get(0);
        findings.expect(seen == 0, || format!("the owner sees {seen} rows of {}", table.name));
    }
}

async fn begin(connection: &Connection, account: &str) {
    let sql = format!(
        "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1'"
    );
    connection.batch_execute(&sql).await.expect("begins");
}

async fn connect(world: &World) -> Connection {
    let (client, connection) =
        world.test.owner_config().connect(NoTls).await.expect("the owner connects");
    tokio::spawn(connection);
    client
}
