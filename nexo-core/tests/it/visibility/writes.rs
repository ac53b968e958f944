//! Nobody writes what they would not see.

use nexo_core::model::{Duplicates, ErrorCode};
use nexo_core::testing::{Operation, id_of};
use serde_json::{Value, json};

use super::{OWN, TEAM, World, owned};

/// P1, P3: a record is not made for others, given to others or to nobody by
/// somebody who would then not see it; and nothing of the attempt stays.
#[tokio::test]
async fn p3_nothing_is_given_away_out_of_sight() {
    let world = World::create(OWN).await;
    for table in owned() {
        let own = world.make(world.ann.scope(), &table, 1).await;
        let mut for_cid = super::plain(&table, 2);
        for_cid["owner_id"] = json!(world.cid.user);
        let to = |owner: Value| Operation::Patch(id_of(&own), json!({ "owner_id": owner }));
        for it in [Operation::Create(for_cid.clone()), to(json!(world.cid.user)), to(Value::Null)] {
            let refused = world.perform(world.ann.scope(), &table, it).await.expect_err("hidden");
            assert_eq!(refused.code(), ErrorCode::Forbidden, "{}: {refused:?}", table.collection);
            assert!(refused.to_string().starts_with("you would not see"), "{refused}");
        }
        let batch =
            json!({ "mode": "each", "operations": [{ "op": "create", "record": for_cid }] });
        if let Ok(told) = world.perform(world.ann.scope(), &table, Operation::Batch(batch)).await {
            assert!(told.to_string().contains("\"forbidden\""), "{told}");
        }
        let now = world.perform(&world.owner.scope, &table, Operation::Get(id_of(&own))).await;
        assert_eq!(now.expect("there")["owner_id"], own["owner_id"]);
        let page = world.perform(&world.owner.scope, &table, super::all()).await.expect("a list");
        assert_eq!(super::ids(&page).len(), 1, "{}", table.collection);
        // What replaces it leaves it with its owner, whoever replaces it.
        let content = Operation::Replace(id_of(&own), super::plain(&table, 5));
        let replaced = world.perform(&world.owner.scope, &table, content).await.expect("replaced");
        assert_eq!(replaced["owner_id"], own["owner_id"], "{}", table.collection);
    }
}

/// Within a team, what one has can be given to another; and to nobody who is no
/// member of the account.
#[tokio::test]
async fn within_the_team_records_are_handed_on() {
    let world = World::create(TEAM).await;
    for table in owned() {
        let theirs = world.make(world.bob.scope(), &table, 1).await;
        let to = |owner: Value| Operation::Patch(id_of(&theirs), json!({ "owner_id": owner }));
        let taken = world.perform(world.ann.scope(), &table, to(json!(world.ann.user))).await;
        assert_eq!(taken.expect("within the team")["owner_id"], json!(world.ann.user));
        // Bob is below: what is Ann's he does not see any more.
        let gone = world.perform(world.bob.scope(), &table, Operation::Get(id_of(&theirs))).await;
        assert!(gone.expect_err("hidden").is_not_found(), "{}", table.collection);
        let refused = world.perform(world.ann.scope(), &table, to(json!(world.cid.user))).await;
        assert_eq!(refused.expect_err("beyond").code(), ErrorCode::Forbidden);
        let stranger = nexo_core::testing::Tenant::register(&world.authenticator).await;
        let to_stranger = to(json!(stranger.scope.user_id()));
        let refused =
            world.perform(&world.owner.scope, &table, to_stranger).await.expect_err("none");
        assert_eq!(refused.fields()[0].field, "owner_id", "{}", table.collection);
    }
}

/// A key that a hidden record has is taken; the record is neither shown nor
/// changed by whoever writes over it.
#[tokio::test]
async fn p1_no_upsert_reaches_what_is_hidden() {
    let world = World::create(OWN).await;
    for table in owned() {
        let theirs = world.make(world.cid.scope(), &table, 1).await;
        let mut record = super::plain(&table, 1);
        record["external_id"] = json!("the-key");
        let give = Operation::Patch(id_of(&theirs), json!({ "external_id": "the-key" }));
        world.perform(world.cid.scope(), &table, give).await.expect("has a key");
        let upsert = json!({ "mode": "each", "operations": [{ "op": "upsert", "key": "external_id", "record": record }] });
        let told = world.perform(world.ann.scope(), &table, Operation::Batch(upsert)).await;
        let told = told.map_or_else(|error| error.to_string(), |answer| answer.to_string());
        assert!(told.contains("conflict"), "{}: {told}", table.collection);
        let now = world.perform(&world.owner.scope, &table, Operation::Get(id_of(&theirs))).await;
        assert_eq!(now.expect("there")["version"], 2, "{}", table.collection);
    }
}

/// A file may have rows for any record: whoever does not see all imports none.
#[tokio::test]
async fn p5_imports_are_for_those_who_see_all() {
    let world = World::create(TEAM).await;
    for table in owned() {
        let rows = vec![super::plain(&table, 1)];
        let it = Operation::Import(rows, Duplicates::Update);
        let refused = world.perform(world.ann.scope(), &table, it).await.expect_err("not all");
        assert_eq!(refused.code(), ErrorCode::Forbidden, "{}: {refused}", table.collection);
    }
}
