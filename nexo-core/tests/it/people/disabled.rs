//! Members who are held out for a while, and those who leave.

use nexo_core::model::{
    BuiltInRole, Client, ErrorCode, Invite, LoginRequest, MemberPatch, NewApiKey, Permission,
    Permissions, RefreshRequest, RolePatch, SwitchAccount,
};
use nexo_core::testing::{PASSWORD, Tenant};
use nexo_core::{Peer, TenantScope};

use super::races::Holder;
use super::{World, role};

impl World {
    async fn set_disabled(
        &self,
        by: &TenantScope,
        who: &Tenant,
        disabled: bool,
    ) -> nexo_core::Result<()> {
        let (user, patch) = (who.scope.user_id().expect("a user"), MemberPatch::disabled(disabled));
        self.database.members().patch(by, user, &patch).await.map(drop)
    }

    async fn login(&self, who: &Tenant) -> nexo_core::Result<TenantScope> {
        let request = LoginRequest::new(&who.email, PASSWORD);
        let tokens = self.authenticator.login(&request, &Peer::default()).await?;
        self.authenticator.verify(&tokens.access_token).await
    }
}

/// A4, A10: who is disabled may nothing from the next request on, by session,
/// refresh, key or log-in, and is told no more than somebody unknown; let in
/// again, they have their role, but not the sessions from before.
#[tokio::test]
async fn a10_a_disabled_member_is_out_at_once() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let admin = world.join(BuiltInRole::Admin).await;
    let user = admin.scope.user_id().expect("a user");
    let new = NewApiKey::named("x", Permission::ClientRead);
    let key = world.database.api_keys().create(&admin.scope, &new).await.expect("made");
    let by_key = world.authenticator.verify(&key.secret).await.expect("verifies");
    let invite = Invite { email: "eve@example.com".into(), role: BuiltInRole::Viewer.into() };
    world.database.invitations().create(&admin.scope, &invite).await.expect("invited");

    world.set_disabled(owner, &admin, true).await.expect("disabled");
    let clients = world.database.repository::<Client>();
    let list = async |scope: &TenantScope| clients.list(scope, &Default::default()).await.map(drop);
    let ended = list(&admin.scope).await.expect_err("out");
    assert_eq!(ended.code(), ErrorCode::SessionEnded);
    let refresh = RefreshRequest { refresh_token: admin.tokens.refresh_token.clone() };
    let refused = world.authenticator.refresh(&refresh, &Peer::default()).await.expect_err("out");
    assert_eq!(refused.code(), ErrorCode::InvalidRefreshToken);
    assert!(list(&by_key).await.expect_err("out").is_unauthenticated());
    let refused = world.authenticator.verify(&key.secret).await.expect_err("out");
    assert_eq!(refused.code(), ErrorCode::Unauthenticated);
    let told = world.login(&admin).await.expect_err("out");
    let wrong = LoginRequest::new("nobody@example.com", PASSWORD);
    let unknown = world.authenticator.login(&wrong, &Peer::default()).await.expect_err("unknown");
    assert_eq!((told.code(), told.to_string()), (unknown.code(), unknown.to_string()));
    let invitations = world.database.invitations().list(owner).await.expect("listed").data;
    assert_eq!(invitations, []);

    let members = world.database.members();
    let card = members.get(owner, user).await.expect("read");
    assert_eq!((card.role, card.permissions), (BuiltInRole::Admin.into(), Permissions::NONE));
    let since = card.disabled_at.expect("told");
    world.set_disabled(owner, &admin, true).await.expect("disabled again");
    assert_eq!(members.get(owner, user).await.expect("read").disabled_at, Some(since));

    world.set_disabled(owner, &admin, false).await.expect("let in");
    let card = members.get(owner, user).await.expect("read");
    assert_eq!((card.permissions, card.disabled_at), (BuiltInRole::Admin.permissions(), None));
    list(&world.login(&admin).await.expect("logs in")).await.expect("may");
    list(&world.authenticator.verify(&key.secret).await.expect("good")).await.expect("may");
    assert_eq!(list(&admin.scope).await.expect_err("ended").code(), ErrorCode::SessionEnded);
    world.authenticator.refresh(&refresh, &Peer::default()).await.expect_err("ended");
}

/// What the role comes to changes nothing for who is disabled, until they are
/// let in.
#[tokio::test]
async fn a_disabled_member_gets_nothing_by_another_role() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let sales = world.role(owner, role("Sales", Permission::ClientRead, &[])).await.expect("made");
    let member = world.join(sales.id).await;
    let user = member.scope.user_id().expect("a user");
    world.set_disabled(owner, &member, true).await.expect("disabled");
    let members = world.database.members();
    let may = async || members.get(owner, user).await.expect("read").permissions;

    let more =
        RolePatch { permissions: Some(Permission::ClientWrite.into()), ..Default::default() };
    world.database.roles().patch(owner, sales.id, &more, None).await.expect("patched");
    assert_eq!(may().await, Permissions::NONE);
    members.patch(owner, user, &MemberPatch::role(BuiltInRole::Owner)).await.expect("set");
    assert_eq!(may().await, Permissions::NONE);
    members.patch(owner, user, &MemberPatch::role(sales.id)).await.expect("set");
    world.set_disabled(owner, &member, false).await.expect("let in");
    assert_eq!(may().await, Permission::ClientWrite | Permission::ClientRead);
}

/// P5: nobody holds out, lets in or removes who may more; and an account keeps
/// an owner who is not held out.
#[tokio::test]
async fn p5_disabling_is_within_the_own_permissions() {
    let world = World::create().await;
    let (owner, members) = (&world.owner.scope, world.database.members());
    let admin = world.join(BuiltInRole::Admin).await;
    let second = world.join(BuiltInRole::Owner).await;
    let user = second.scope.user_id().expect("a user");
    let forbidden = async |disabled: bool| {
        let refused = world.set_disabled(&admin.scope, &second, disabled).await;
        assert!(refused.expect_err("beyond").is_forbidden());
        let down = MemberPatch::role(BuiltInRole::Viewer);
        assert!(members.patch(&admin.scope, user, &down).await.expect_err("beyond").is_forbidden());
        assert!(members.remove(&admin.scope, user).await.expect_err("beyond").is_forbidden());
    };
    forbidden(true).await;
    world.set_disabled(owner, &second, true).await.expect("disabled");
    forbidden(false).await;
    // Who is left is the last one.
    let first = owner.user_id().expect("a user");
    for refused in [
        world.set_disabled(owner, &world.owner, true).await,
        members.remove(owner, first).await,
        members.patch(owner, first, &MemberPatch::role(BuiltInRole::Admin)).await.map(drop),
        members.leave(owner).await,
    ] {
        assert_eq!(refused.expect_err("the last owner").code(), ErrorCode::Conflict);
    }
    let viewer = world.join(BuiltInRole::Viewer).await;
    let refused = world.set_disabled(&viewer.scope, &admin, true).await.expect_err("may not");
    assert_eq!(refused.to_string(), "your role does not permit it: member:manage");

    // Of two who hold each other out at once, one stays.
    world.set_disabled(owner, &second, false).await.expect("let in");
    let scope = world.login(&second).await.expect("logs in");
    let (one, two) = tokio::join!(
        world.set_disabled(owner, &second, true),
        world.set_disabled(&scope, &world.owner, true),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
}

/// Who is held out of one account has the others.
#[tokio::test]
async fn another_account_is_not_felt() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let other = Tenant::register(&world.authenticator).await;
    let invite = Invite { email: member.email.clone(), role: BuiltInRole::Viewer.into() };
    let invited =
        world.database.invitations().create(&other.scope, &invite).await.expect("invited");
    let accept = nexo_core::model::AcceptInvitation {
        token: invited.token,
        password: PASSWORD.to_owned(),
        name: None,
        code: None,
    };
    let there = world.authenticator.accept_invitation(&accept, &Peer::default()).await;
    let there = there.expect("accepts");
    world.set_disabled(&world.owner.scope, &member, true).await.expect("disabled");

    // The account that was joined first is the disabled one: another is taken.
    let scope = world.login(&member).await.expect("logs in");
    assert_eq!(scope.account_id(), other.scope.account_id());
    let scope = world.authenticator.verify(&there.access_token).await.expect("verifies");
    let accounts = world.authenticator.accounts(&scope).await.expect("listed").data;
    assert_eq!(accounts.len(), 1);
    let account_id = world.owner.scope.account_id();
    let to = SwitchAccount { account_id, refresh_token: there.refresh_token };
    let refused = world.authenticator.switch_account(&scope, &to).await.expect_err("held out");
    assert!(refused.is_not_found());
    world.authenticator.profile(&scope).await.expect("and the session is as it was");
}

/// Whoever leaves is gone at once, whatever they may do; and from that account
/// alone.
#[tokio::test]
async fn anybody_leaves_by_themselves() {
    let world = World::create().await;
    let (owner, members) = (&world.owner.scope, world.database.members());
    let nothing = world.role(owner, role("Nothing", Permissions::NONE, &[])).await.expect("made");
    let bystander = world.join(BuiltInRole::Viewer).await;
    for leaver in [world.join(BuiltInRole::Viewer).await, world.join(nothing.id).await] {
        members.leave(&leaver.scope).await.expect("left");
        let ended = members.leave(&leaver.scope).await.expect_err("gone");
        assert_eq!(ended.code(), ErrorCode::SessionEnded);
        let user = leaver.scope.user_id().expect("a user");
        assert!(members.get(owner, user).await.expect_err("gone").is_not_found());
        assert_eq!(
            world.login(&leaver).await.expect_err("no account").code(),
            ErrorCode::InvalidCredentials
        );
    }
    assert_eq!(members.list(owner, None, None).await.expect("listed").data.len(), 2);
    world.authenticator.profile(&bystander.scope).await.expect("as before");
    let system = world.database.system_scope(owner.account_id(), "nightly clean-up");
    assert!(members.leave(&system).await.expect_err("nobody").is_unauthenticated());
}

/// F10: a session that is opening while its member is disabled does not stay.
#[tokio::test]
async fn f10_a_session_that_opens_meanwhile_ends_too() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let holder = Holder::hold(&world, "select from nexo.memberships for update").await;
    let disabling = world.set_disabled(&world.owner.scope, &member, true);
    let opening = async {
        holder.awaits(1).await;
        let opening = world.login(&member);
        let letting_go = async {
            holder.awaits(2).await;
            holder.let_go().await;
        };
        tokio::join!(opening, letting_go).0
    };
    let (disabled, opened) = tokio::join!(disabling, opening);
    disabled.expect("disabled");
    if let Ok(scope) = opened {
        world.authenticator.profile(&scope).await.expect_err("out");
    }
    let alive =
        "select count(*) from nexo.sessions s join nexo.memberships m using (account_id, user_id)
         where s.revoked_at is null and m.disabled_at is not null";
    let alive: i64 =
        world.test.superuser().await.query_one(alive, &[]).await.expect("counted").get(0);
    assert_eq!(alive, 0);
}

/// R23: what nexo_app may change of sessions it changes by triggers alone.
#[tokio::test]
async fn r23_no_statement_revives_a_session() {
    let world = World::create().await;
    let app = world.test.as_app().await;
    world.authenticator.logout(&world.owner.scope).await.expect("ended");
    let begin = format!(
        "begin; set local nexo.account_id = '{}'; set local nexo.permissions = '-1'",
        world.owner.scope.account_id()
    );
    app.batch_execute(&begin).await.expect("begun");
    for sql in [
        "update nexo.sessions set revoked_at = null, revoked_for = null",
        "update nexo.sessions set permissions = -1",
    ] {
        assert_eq!(app.execute(sql, &[]).await.expect(sql), 0, "{sql}");
    }
    // And what a member may is what their role comes to, whatever it is set to.
    let set = "update nexo.memberships set permissions = 7 returning permissions";
    let set: i64 = app.query_one(set, &[]).await.expect("computed anew").get(0);
    assert_ne!(set, 7);
}
