//! F23: the database turns read-only, as after a failover or when its disk is full.

use serde_json::json;

use crate::process::{deadline, pause};
use crate::readiness;
use crate::report::Row;
use crate::world::World;

pub(crate) async fn read_only(world: &mut World) -> Row {
    let load = world.load(8).await;
    load.more(50).await;
    set(world, "on").await;
    let ada = &load.users()[0];
    let mut number = 0;
    let deadline = deadline();
    let reply = loop {
        number += 1;
        let body = json!({ "name": format!("department {number}") });
        // Of another collection than the load's, whose records are counted.
        let reply = world.program.post("/api/departments", &body).by(ada).send().await;
        if reply.status != 201 {
            break reply;
        }
        pause(deadline, "the setting is in effect").await;
    };
    let mut refused = 0;
    for _ in 0..50 {
        let read = world.program.get("/api/clients").by(ada).send().await;
        refused += usize::from(read.status != 200);
    }
    let mut row = Row::default();
    readiness::said_yes(&load, &mut row);
    set(world, "off").await;
    row.merge(world.settle(load).await);
    let told = (reply.status, reply.problem());
    row.hold(told == (503, "unavailable".to_owned()), format!("a write was told {told:?}"));
    row.hold(reply.header("retry-after").is_some(), "without Retry-After");
    row.hold(refused == 0, format!("{refused} of 50 reads were refused"));
    row.figure("50 reads while writes were refused");
    row
}

pub(crate) async fn set(world: &World, value: &str) {
    let superuser = world.superuser().await;
    let alter = format!("alter system set default_transaction_read_only = {value}");
    superuser.batch_execute("set default_transaction_read_only = off").await.unwrap();
    superuser.batch_execute(&alter).await.unwrap();
    superuser.batch_execute("select pg_reload_conf()").await.unwrap();
}
