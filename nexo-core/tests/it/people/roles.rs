//! Roles as their account sees them.

use nexo_core::IdempotencyKey;
use nexo_core::model::{BuiltInRole, ErrorCode, FieldCode, Permission, Permissions, RolePatch};

use super::{ROLES, World, role};

#[tokio::test]
async fn roles_are_listed_changed_and_deleted() {
    let world = World::create().await;
    let (owner, roles) = (&world.owner.scope, world.database.roles());
    let new = role("Zeal", Permission::ClientDelete, &[BuiltInRole::Viewer.into()]);
    let key = IdempotencyKey::new("make-zeal", &[b"body"]).expect("a key");
    let made = roles.create(owner, &new, Some(&key)).await.expect("made").into_inner();
    let again = roles.create(owner, &new, Some(&key)).await.expect("made before");
    assert!(again.is_before());
    assert_eq!(again.into_inner(), made);
    // What deletes is given what reads, so that it can find what to delete.
    assert_eq!(made.permissions, Permission::ClientDelete | Permission::ClientRead);
    let all = made.permissions.and(BuiltInRole::Viewer.permissions());
    assert_eq!((made.effective, made.version), (all, 1));
    let first = world.role(owner, role("alpha", Permissions::NONE, &[])).await.expect("made");

    let listed = roles.list(owner).await.expect("listed");
    assert_eq!(listed.data, [first.clone(), made.clone()]);
    let built_in: Vec<_> = listed.built_in.iter().map(|it| it.role).collect();
    assert_eq!(built_in, ROLES);

    for name in ["ALPHA", "Owner", " custom "] {
        let refused = world.role(owner, role(name, Permissions::NONE, &[])).await;
        let refused = refused.expect_err(name);
        assert_eq!(
            (&*refused.fields()[0].field, refused.fields()[0].code),
            ("name", FieldCode::Duplicate)
        );
    }

    let patch = RolePatch {
        name: "Zest".to_owned().into(),
        description: "Sells".to_owned().into(),
        inherits: Some(vec![first.id.into()]),
        permissions: None,
    };
    let patched = roles.patch(owner, made.id, &patch, Some(1)).await.expect("patched");
    assert_eq!((patched.name.as_str(), patched.version), ("Zest", 2));
    assert_eq!(
        (patched.inherits.clone(), patched.effective),
        (vec![first.id.into()], made.permissions)
    );
    let stale = roles.patch(owner, made.id, &patch, Some(1)).await.expect_err("stale");
    assert_eq!(stale.code(), ErrorCode::VersionConflict);
    roles.delete(owner, made.id, None).await.expect("deleted");
    roles.delete(owner, first.id, None).await.expect("deleted");
    assert!(roles.get(owner, made.id).await.expect_err("gone").is_not_found());
}

/// A page of members begins where the one before ended.
#[tokio::test]
async fn members_are_listed_page_by_page() {
    let world = World::create().await;
    let mut expected = vec![world.owner.email.clone()];
    for role in &ROLES[..4] {
        expected.push(world.join(*role).await.email);
    }
    let members = world.database.members();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page =
            members.list(&world.owner.scope, Some(2), cursor.as_deref()).await.expect("a page");
        seen.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|it| it.email.clone()).collect::<Vec<_>>(), expected);
    assert!(seen.iter().all(|it| it.last_login_at.is_some()));
    assert_eq!(seen[0].role, BuiltInRole::Owner.into());
    let refused = members.list(&world.owner.scope, None, Some("x")).await.expect_err("no cursor");
    assert_eq!(refused.code(), ErrorCode::InvalidCursor);
    let refused = members.list(&world.owner.scope, Some(0), None).await.expect_err("no page");
    assert_eq!(refused.code(), ErrorCode::InvalidQuery);
}
