//! All that a member owns goes to another one.

use nexo_core::model::BuiltInRole;
use nexo_core::model::{AuditParams, ErrorCode, MemberPatch, Transfer};
use nexo_core::testing::{Operation, id_of};
use serde_json::json;

use super::{OWN, World, owned};

#[tokio::test]
async fn what_somebody_owns_goes_to_another() {
    let world = World::create(OWN).await;
    let (members, owner) = (world.database.members(), &world.owner.scope);
    let mut made = Vec::new();
    for table in owned() {
        for number in 0..3 {
            made.push((
                table.collection,
                id_of(&world.make(world.ann.scope(), &table, number).await),
            ));
        }
        let archived = made.last().expect("made").1;
        world
            .perform(world.ann.scope(), &table, Operation::Archive(archived))
            .await
            .expect("archived");
        world.make(world.cid.scope(), &table, 9).await;
    }
    let only = Transfer { to: world.bob.user, collections: Some(vec!["clients".to_owned()]) };
    let done = members.transfer(owner, world.ann.user, &only).await.expect("transferred");
    assert_eq!((done.transferred["clients"], done.transferred.len(), done.more), (3, 1, false));
    let rest = Transfer::to(world.bob.user);
    let done = members.transfer(owner, world.ann.user, &rest).await.expect("transferred");
    let counts: Vec<u64> = done.transferred.values().copied().collect();
    // In the order of their names: clients first.
    assert_eq!((counts, done.more), (vec![0, 3, 3, 3, 3], false));
    for table in owned() {
        for (_, id) in made.iter().filter(|it| it.0 == table.collection) {
            let gone = world.perform(world.ann.scope(), &table, Operation::Get(*id)).await;
            assert!(gone.expect_err("hidden").is_not_found());
            let there = world.perform(world.bob.scope(), &table, Operation::Get(*id)).await;
            assert_eq!(there.expect("theirs")["owner_id"], json!(world.bob.user));
        }
    }
    let told = AuditParams { record_id: Some(made[0].1), ..Default::default() };
    let told = world.database.audit().list(owner, &told).await.expect("read");
    let after = told.data[0].after.as_ref().expect("told");
    assert_eq!(after["owner_id"], json!(world.bob.user));
    let itself = members.transfer(owner, world.bob.user, &Transfer::to(world.bob.user)).await;
    assert_eq!(itself.expect_err("theirs already").fields()[0].field, "to");
}

/// P5: it takes the right to manage members, and to see and change all of each
/// kind; and a next owner who is a member.
#[tokio::test]
async fn p5_only_those_who_see_all_give_it_away() {
    let world = World::create(OWN).await;
    let (members, owner) = (world.database.members(), &world.owner.scope);
    let clients = &owned()[0];
    let own = world.make(world.ann.scope(), clients, 1).await;
    let to_bob = Transfer::to(world.bob.user);
    let refused = members.transfer(world.bob.scope(), world.ann.user, &to_bob).await;
    assert_eq!(refused.expect_err("may not").code(), ErrorCode::Forbidden);
    let patch = MemberPatch::role(BuiltInRole::Manager);
    members.patch(owner, world.dan.user, &patch).await.expect("a manager");
    let manager = world.again(&world.dan).await;
    let refused = members.transfer(&manager, world.ann.user, &to_bob).await.expect_err("may not");
    assert_eq!(refused.to_string(), "your role does not permit it: member:manage");
    let stranger = nexo_core::testing::Tenant::register(&world.authenticator).await;
    let to_stranger = Transfer::to(stranger.scope.user_id().expect("a user"));
    let refused =
        members.transfer(owner, world.ann.user, &to_stranger).await.expect_err("no member");
    assert_eq!(refused.fields()[0].field, "to");
    let none = members.transfer(owner, stranger.scope.user_id().expect("a user"), &to_bob).await;
    assert!(none.expect_err("no member").is_not_found());
    let unknown = Transfer { to: world.bob.user, collections: Some(vec!["employees".to_owned()]) };
    let refused = members.transfer(owner, world.ann.user, &unknown).await.expect_err("no owners");
    assert_eq!(refused.fields()[0].field, "collections[0]");
    let still = world.perform(world.ann.scope(), clients, Operation::Get(id_of(&own))).await;
    assert_eq!(still.expect("theirs")["version"], 1);
}
