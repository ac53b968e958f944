//! P5: nobody gets, gives or takes more than they have.

use nexo_core::model::{
    BuiltInRole, ErrorCode, Id, Invite, MemberPatch, Permission, Permissions, Role, RolePatch,
    RoleRef,
};

use super::{World, role};

fn to(role: impl Into<RoleRef>) -> MemberPatch {
    MemberPatch::role(role)
}

fn forbidden<R: std::fmt::Debug>(done: nexo_core::Result<R>) {
    assert_eq!(done.expect_err("refused").code(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn p5_nobody_gives_more_than_they_have() {
    let world = World::create().await;
    let (members, roles) = (world.database.members(), world.database.roles());
    let invitations = world.database.invitations();
    let admin = world.join(BuiltInRole::Admin).await.scope;
    let member = world.join(BuiltInRole::Member).await.scope;
    let owner = world.owner.scope.user_id().expect("a user");
    let (admin_id, member_id) =
        (admin.user_id().expect("a user"), member.user_id().expect("a user"));

    // An admin makes no owner: not of others, not of themselves, not by an
    // invitation, a role, or what a role inherits from.
    for user in [member_id, admin_id] {
        forbidden(members.patch(&admin, user, &to(BuiltInRole::Owner)).await);
    }
    let invite = Invite { email: "a@example.com".into(), role: BuiltInRole::Owner.into() };
    forbidden(invitations.create(&admin, &invite).await);
    forbidden(world.role(&admin, role("By name", Permission::AccountAdmin, &[])).await);
    let inherits = [BuiltInRole::Owner.into()];
    forbidden(world.role(&admin, role("By parent", Permissions::NONE, &inherits)).await);
    let strong = role("Strong", Permission::AccountAdmin, &[]);
    let strong = world.role(&world.owner.scope, strong).await.expect("an owner may");
    forbidden(world.role(&admin, role("Sly", Permissions::NONE, &[strong.id.into()])).await);
    forbidden(members.patch(&admin, admin_id, &to(strong.id)).await);
    // Nor what is stronger taken, weakened, renamed or deleted.
    forbidden(members.patch(&admin, owner, &to(BuiltInRole::Viewer)).await);
    forbidden(members.remove(&admin, owner).await);
    let weaker = RolePatch { permissions: Some(Permissions::NONE), ..RolePatch::default() };
    forbidden(roles.patch(&admin, strong.id, &weaker, None).await);
    let renamed = RolePatch { name: "Weak".to_owned().into(), ..RolePatch::default() };
    forbidden(roles.patch(&admin, strong.id, &renamed, None).await);
    forbidden(roles.delete(&admin, strong.id, None).await);

    // A member has no say at all.
    forbidden(members.list(&member, None, None).await);
    forbidden(members.patch(&member, member_id, &to(BuiltInRole::Admin)).await);
    forbidden(roles.list(&member).await);
    forbidden(invitations.list(&member).await);

    // Who may only manage roles cannot add to their own what they lack.
    let clerk = role("Clerk", Permission::RoleManage, &[]);
    let clerk = world.role(&world.owner.scope, clerk).await.expect("made");
    let clerk_scope = world.join(clerk.id).await.scope;
    let more = RolePatch { permissions: Some(Permission::ClientRead.into()), ..Default::default() };
    forbidden(roles.patch(&clerk_scope, clerk.id, &more, None).await);
    let inherits = Some(vec![BuiltInRole::Viewer.into()]);
    forbidden(
        roles
            .patch(&clerk_scope, clerk.id, &RolePatch { inherits, ..Default::default() }, None)
            .await,
    );
    let inherits = Some(vec![strong.id.into()]);
    forbidden(
        roles
            .patch(&clerk_scope, clerk.id, &RolePatch { inherits, ..Default::default() }, None)
            .await,
    );
    let unchanged = roles.get(&world.owner.scope, clerk.id).await.expect("read");
    assert_eq!(unchanged, clerk);
}

#[tokio::test]
async fn p5_an_account_keeps_an_owner() {
    let world = World::create().await;
    let members = world.database.members();
    let owner = &world.owner.scope;
    let first = owner.user_id().expect("a user");
    let down = to(BuiltInRole::Admin);
    let refused = members.patch(owner, first, &down).await.expect_err("the last one");
    assert_eq!(refused.to_string(), "an account has an owner; make somebody else one first");
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let refused = members.remove(owner, first).await.expect_err("the last one");
    assert_eq!(refused.code(), ErrorCode::Conflict);

    // Of two who step down at once, one stays.
    let other = world.join(BuiltInRole::Owner).await;
    let second = other.scope.user_id().expect("a user");
    let (one, two) = tokio::join!(
        members.patch(owner, first, &down),
        members.patch(&other.scope, second, &down),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn roles_have_no_circles_and_stay_in_their_account() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let roles = world.database.roles();
    let first = world.role(owner, role("First", Permission::ClientRead, &[])).await.expect("made");
    let second = role("Second", Permissions::NONE, &[first.id.into()]);
    let second = world.role(owner, second).await.expect("made");
    let third = role("Third", Permissions::NONE, &[second.id.into()]);
    let third = world.role(owner, third).await.expect("made");
    let strangers = World::create().await;
    let foreign = strangers.role(&strangers.owner.scope, role("Theirs", Permission::TaskRead, &[]));
    let foreign = foreign.await.expect("made");

    let parent = |parent: Id<Role>| RolePatch {
        inherits: Some(vec![parent.into()]),
        ..RolePatch::default()
    };
    for (patch, code) in [
        (parent(third.id), "cycle"),
        (parent(first.id), "cycle"),
        (parent(foreign.id), "unknown_reference"),
        (parent(Id::new()), "unknown_reference"),
    ] {
        let refused = roles.patch(owner, first.id, &patch, None).await.expect_err(code);
        let field = &refused.fields()[0];
        assert_eq!((field.field.as_str(), field.code.as_str()), ("inherits", code));
    }
    assert_eq!(roles.get(owner, first.id).await.expect("read"), first);

    // P1: another account's role is not there.
    let members = world.database.members();
    let member = world.join(BuiltInRole::Member).await.scope.user_id().expect("a user");
    assert!(roles.get(owner, foreign.id).await.expect_err("foreign").is_not_found());
    assert!(
        roles
            .patch(owner, foreign.id, &parent(first.id), None)
            .await
            .expect_err("foreign")
            .is_not_found()
    );
    assert!(roles.delete(owner, foreign.id, None).await.expect_err("foreign").is_not_found());
    let mut told = Vec::new();
    for id in [foreign.id, Id::new()] {
        told.push(members.patch(owner, member, &to(id)).await.expect_err("foreign").to_string());
        let invite = Invite { email: "b@example.com".into(), role: id.into() };
        let refused = world.database.invitations().create(owner, &invite).await;
        told.push(refused.expect_err("foreign").to_string());
    }
    assert_eq!(told[..2], told[2..]);
    let theirs = strangers.owner.scope.user_id().expect("a user");
    for refused in [
        members.get(owner, theirs).await.map(drop),
        members.patch(owner, theirs, &to(BuiltInRole::Viewer)).await.map(drop),
        members.remove(owner, theirs).await,
    ] {
        assert!(refused.expect_err("foreign").is_not_found());
    }

    // What is in use stays; what is not goes.
    let refused = roles.delete(owner, first.id, None).await.expect_err("inherited from");
    assert_eq!(refused.code(), ErrorCode::InUse);
    let has = world.join(third.id).await;
    let refused = roles.delete(owner, third.id, None).await.expect_err("a member has it");
    assert_eq!(refused.code(), ErrorCode::InUse);
    members.remove(owner, has.scope.user_id().expect("a user")).await.expect("removed");
    roles.delete(owner, third.id, Some(third.version)).await.expect("deleted");
}
