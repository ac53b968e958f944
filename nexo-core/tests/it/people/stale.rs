//! Changes take effect on the next request.

use nexo_core::model::{
    Batch, BatchOperation, BuiltInRole, Client, ErrorCode, MemberPatch, NewClient, Permission,
    Permissions, RefreshRequest, RolePatch, RoleRef, SwitchAccount,
};
use nexo_core::tokio_postgres::NoTls;
use nexo_core::{Database, Peer};

use super::{World, role};

fn to(role: impl Into<RoleRef>) -> MemberPatch {
    MemberPatch::role(role)
}

/// A10: of a member who has another role, the next request says so, and a new
/// token goes on with what the member may now; of one who was removed, both
/// end.
#[tokio::test]
async fn a10_a_changed_role_takes_effect_on_the_next_request() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let user = member.scope.user_id().expect("a user");
    let (members, owner) = (world.database.members(), &world.owner.scope);
    world.client(&member.scope).await.expect("a member may");

    let viewer = members.patch(owner, user, &to(BuiltInRole::Viewer)).await.expect("changed");
    assert_eq!(viewer.permissions, BuiltInRole::Viewer.permissions());
    let clients = world.database.repository::<Client>();
    // Whatever is asked for, and also where nothing is.
    for refused in [
        world.client(&member.scope).await.map(drop),
        clients.list(&member.scope, &Default::default()).await.map(drop),
        world.database.unit_of_work(&member.scope).await.map(drop),
        world.authenticator.profile(&member.scope).await.map(drop),
    ] {
        assert_eq!(refused.expect_err("stale").code(), ErrorCode::PermissionsChanged);
    }
    let request = RefreshRequest { refresh_token: member.tokens.refresh_token.clone() };
    let tokens = world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
    assert_eq!((tokens.role, tokens.permissions), (BuiltInRole::Viewer.into(), viewer.permissions));
    let scope = world.authenticator.verify(&tokens.access_token).await.expect("verifies");
    clients.list(&scope, &Default::default()).await.expect("a viewer may");
    let refused = world.client(&scope).await.expect_err("a viewer may not");
    assert_eq!(refused.to_string(), "your role does not permit it: client:write");
    let profile = world.authenticator.profile(&scope).await.expect("read");
    assert_eq!((profile.role, profile.permissions), (tokens.role, tokens.permissions));

    members.remove(owner, user).await.expect("removed");
    let ended = clients.list(&scope, &Default::default()).await.expect_err("ended");
    assert_eq!(ended.code(), ErrorCode::SessionEnded);
    let request = RefreshRequest { refresh_token: tokens.refresh_token };
    let ended = world.authenticator.refresh(&request, &Peer::default()).await.expect_err("ended");
    assert_eq!(ended.code(), ErrorCode::InvalidRefreshToken);
    assert!(members.get(owner, user).await.expect_err("gone").is_not_found());
}

/// A write that is sent by somebody who may it no longer is not done, though
/// statement and check travel together.
#[tokio::test]
async fn a_stale_write_is_not_done() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let user = member.scope.user_id().expect("a user");
    let change = to(BuiltInRole::Admin);
    // Even who may more than before has to say so: tokens tell the truth.
    world.database.members().patch(&world.owner.scope, user, &change).await.expect("changed");
    world.client(&member.scope).await.expect_err("stale");
    let clients = world.database.repository::<Client>();
    let seen = clients.list(&world.owner.scope, &Default::default()).await.expect("listed");
    assert!(seen.data.is_empty());
}

/// A role that is changed changes what all of its members may, and those of
/// roles that inherit from it.
#[tokio::test]
async fn a_changed_role_changes_all_who_have_it() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let base = world.role(owner, role("Base", Permission::ClientRead, &[])).await.expect("made");
    let sales = role("Sales", Permission::TaskWrite, &[base.id.into(), BuiltInRole::Viewer.into()]);
    let sales = world.role(owner, sales).await.expect("made");
    let expected = BuiltInRole::Viewer.permissions().with(Permission::TaskWrite);
    assert_eq!(sales.effective, expected);
    let (direct, through) = (world.join(base.id).await, world.join(sales.id).await);
    let bystander = world.join(BuiltInRole::Viewer).await;

    let more =
        RolePatch { permissions: Some(Permission::ClientWrite.into()), ..Default::default() };
    let roles = world.database.roles();
    let patched = roles.patch(owner, base.id, &more, Some(base.version)).await.expect("patched");
    assert_eq!(patched.effective, Permission::ClientWrite | Permission::ClientRead);
    for stale in [&direct, &through] {
        // Also where the old token does not permit what the new one will.
        let refused = world.client(&stale.scope).await.expect_err("stale");
        assert_eq!(refused.code(), ErrorCode::PermissionsChanged);
        let one = serde_json::json!({ "mode": "each", "operations": [] });
        let clients = world.database.repository::<Client>();
        let mut batch: Batch<Client> = serde_json::from_value(one).expect("a batch");
        batch.operations.push(BatchOperation::Create { record: NewClient::named("Ada") });
        let refused = clients.batch(&stale.scope, &batch).await.expect_err("stale");
        assert_eq!(refused.code(), ErrorCode::PermissionsChanged);
        let told = clients.list(&stale.scope, &Default::default()).await.expect_err("stale");
        assert_eq!(told.code(), ErrorCode::PermissionsChanged);
        let request = RefreshRequest { refresh_token: stale.tokens.refresh_token.clone() };
        let tokens =
            world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
        let scope = world.authenticator.verify(&tokens.access_token).await.expect("verifies");
        world.client(&scope).await.expect("may now");
    }
    let clients = world.database.repository::<Client>();
    clients.list(&bystander.scope, &Default::default()).await.expect("not meant");
}

/// Sessions that open while roles change have what the member has in the end.
#[tokio::test]
async fn f15_no_session_outlives_a_change_of_its_role() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let user = member.scope.user_id().expect("a user");
    let account = member.scope.account_id();
    let switching = async {
        let mut scope = member.scope.clone();
        let mut refresh = member.tokens.refresh_token.clone();
        for _ in 0..60 {
            let to = SwitchAccount { account_id: account, refresh_token: refresh.clone() };
            let tokens = match world.authenticator.switch_account(&scope, &to).await {
                Ok(tokens) => tokens,
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::PermissionsChanged, "{error}");
                    let request = RefreshRequest { refresh_token: refresh };
                    world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on")
                }
            };
            scope = world.authenticator.verify(&tokens.access_token).await.expect("verifies");
            refresh = tokens.refresh_token;
        }
    };
    let changing = async {
        for at in 0..60 {
            let role = if at % 2 == 0 { BuiltInRole::Viewer } else { BuiltInRole::Admin };
            let members = world.database.members();
            members.patch(&world.owner.scope, user, &to(role)).await.expect("changed");
        }
    };
    tokio::join!(switching, changing);
    let wrong =
        "select count(*) from nexo.sessions s join nexo.memberships m using (account_id, user_id)
        where s.revoked_at is null and s.permissions <> m.permissions";
    let superuser = world.test.superuser().await;
    let wrong: i64 = superuser.query_one(wrong, &[]).await.expect("counted").get(0);
    assert_eq!(wrong, 0);
}

/// A migration that changes what a built-in role permits reaches every role,
/// member and session.
#[tokio::test]
async fn what_a_built_in_role_permits_can_be_migrated() {
    let world = World::create().await;
    let inherits = [BuiltInRole::Viewer.into()];
    let custom = role("Own", Permission::TaskWrite, &inherits);
    let custom = world.role(&world.owner.scope, custom).await.expect("made");
    let (viewer, other) = (world.join(BuiltInRole::Viewer).await, world.join(custom.id).await);
    let (owner, connection) = world.test.owner_config().connect(NoTls).await.expect("connects");
    tokio::spawn(connection);
    owner
        .batch_execute(
            "create or replace function nexo.role_permissions(role text) returns bigint
                language sql immutable strict parallel safe
                return case role when 'viewer' then nexo.permission('client:read') when 'owner' then -1 end;
             call nexo.renew_permissions()",
        )
        .await
        .expect("migrates");
    let expected = Permission::TaskWrite | Permission::TaskRead;
    for (stale, permissions) in
        [(viewer, Permission::ClientRead.into()), (other, expected.with(Permission::ClientRead))]
    {
        let clients = world.database.repository::<Client>();
        let told = clients.list(&stale.scope, &Default::default()).await.expect_err("stale");
        assert_eq!(told.code(), ErrorCode::PermissionsChanged);
        let request = RefreshRequest { refresh_token: stale.tokens.refresh_token };
        let tokens =
            world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
        assert_eq!(tokens.permissions, permissions);
    }
    Database::open(world.test.config()).await.expect("and isolates as before");
}

/// F10: changes of a role and of those who have it wait for each other, and not
/// in a circle; and who may only manage roles changes what their members may.
#[tokio::test]
async fn f10_roles_and_members_change_at_once() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let clerk = Permission::RoleManage | Permission::ClientWrite;
    let clerk = world.role(owner, role("Clerk", clerk, &[])).await.expect("made");
    let clerk = world.join(clerk.id).await.scope;
    let sales = world.role(owner, role("Sales", Permission::ClientRead, &[])).await.expect("made");
    let member = world.join(sales.id).await;
    let user = member.scope.user_id().expect("a user");
    let (members, roles) = (world.database.members(), world.database.roles());
    for at in 0..40 {
        let permissions =
            if at % 2 == 0 { Permission::ClientWrite } else { Permission::ClientRead };
        let patch = RolePatch { permissions: Some(permissions.into()), ..Default::default() };
        let given =
            to(if at % 3 == 0 { BuiltInRole::Viewer.into() } else { RoleRef::from(sales.id) });
        let (patched, set) = tokio::join!(
            roles.patch(&clerk, sales.id, &patch, None),
            members.patch(owner, user, &given),
        );
        patched.expect("patched");
        set.expect("set");
    }
    members.patch(owner, user, &to(sales.id)).await.expect("set");
    let none = RolePatch { permissions: Some(Permissions::NONE), ..Default::default() };
    roles.patch(&clerk, sales.id, &none, None).await.expect("patched");
    let request = RefreshRequest { refresh_token: member.tokens.refresh_token };
    let tokens = world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
    assert_eq!(tokens.permissions, Permissions::NONE);
}
