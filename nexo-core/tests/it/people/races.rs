//! F10: changes of who may do what, and sessions that open or end meanwhile, in
//! the orders that could go wrong.

use nexo_core::model::{
    BuiltInRole, ErrorCode, LoginRequest, MemberPatch, PasswordChange, RefreshRequest,
    SwitchAccount,
};
use nexo_core::testing::{PASSWORD, Tenant, credentials};
use nexo_core::tokio_postgres::Client;
use nexo_core::{IdempotencyKey, Peer};

use super::{World, role};

fn to(role: BuiltInRole) -> MemberPatch {
    MemberPatch::role(role)
}

fn switch(tenant: &Tenant) -> SwitchAccount {
    SwitchAccount {
        account_id: tenant.scope.account_id(),
        refresh_token: tenant.tokens.refresh_token.clone(),
    }
}

/// Somebody who holds a lock and sees who waits for one.
pub(super) struct Holder(Client);

impl Holder {
    pub(super) async fn hold(world: &World, lock: &str) -> Self {
        let superuser = world.test.superuser().await;
        superuser.batch_execute(&format!("begin; {lock}")).await.expect("held");
        Self(superuser)
    }

    /// Until as many wait for a lock.
    pub(super) async fn awaits(&self, count: i64) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        loop {
            // Of one transaction there is one answer, unless it is told to look again.
            self.0.batch_execute("select pg_stat_clear_snapshot()").await.expect("cleared");
            let seen: i64 = self.0.query_one(waiting, &[]).await.expect("counted").get(0);
            if seen >= count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn let_go(self) {
        self.0.batch_execute("rollback").await.expect("let go");
    }
}

/// P5: what a member has sent already does not undo that they were demoted.
#[tokio::test]
async fn p5_a_demoted_member_does_not_undo_it() {
    let world = World::create().await;
    let admin = world.join(BuiltInRole::Admin).await;
    let user = admin.scope.user_id().expect("a user");
    let members = world.database.members();
    let lock = format!("select nexo.hold_roles('{}')", admin.scope.account_id());
    let holder = Holder::hold(&world, &lock).await;
    let (viewer, again) = (to(BuiltInRole::Viewer), to(BuiltInRole::Admin));
    let demoting = members.patch(&world.owner.scope, user, &viewer);
    let undoing = async {
        holder.awaits(1).await;
        let undoing = members.patch(&admin.scope, user, &again);
        let letting_go = async {
            holder.awaits(2).await;
            holder.let_go().await;
        };
        tokio::join!(undoing, letting_go).0
    };
    let (demoted, undone) = tokio::join!(demoting, undoing);
    assert_eq!(demoted.expect("demoted").role, BuiltInRole::Viewer.into());
    assert_eq!(undone.expect_err("too late").code(), ErrorCode::PermissionsChanged);
    let card = members.get(&world.owner.scope, user).await.expect("read");
    assert_eq!(card.role, BuiltInRole::Viewer.into());
}

/// A session has one successor, however often it is switched at once.
#[tokio::test]
async fn a6_a_session_has_one_successor() {
    let world = World::create().await;
    let to = switch(&world.owner);
    let switching = (0..6).map(|_| world.authenticator.switch_account(&world.owner.scope, &to));
    let done = futures_util::future::join_all(switching).await;
    assert_eq!(done.iter().filter(|it| it.is_ok()).count(), 1);
    let superuser = world.test.superuser().await;
    let alive = "select count(*) from nexo.sessions where revoked_at is null";
    let alive: i64 = superuser.query_one(alive, &[]).await.expect("counted").get(0);
    assert_eq!(alive, 1);
}

/// A10: what ends all sessions ends the one that is just opening from another.
#[tokio::test]
async fn a10_a_session_that_is_opening_ends_with_the_others() {
    for changes_password in [false, true] {
        let world = World::create().await;
        let owner = &world.owner;
        let peer = Peer::default();
        let login = LoginRequest::new(&owner.email, PASSWORD);
        let other = world.authenticator.login(&login, &peer).await.expect("logs in");
        let other = world.authenticator.verify(&other.access_token).await.expect("verifies");
        let to = switch(owner);
        let holder = Holder::hold(&world, "select from nexo.memberships for update").await;
        let switching = world.authenticator.switch_account(&owner.scope, &to);
        let ending = async {
            holder.awaits(1).await;
            let ending = async {
                if changes_password {
                    let change = PasswordChange {
                        current_password: PASSWORD.to_owned(),
                        new_password: "eleven plaid herons whistle".to_owned(),
                    };
                    world.authenticator.change_password(&other, &change).await
                } else {
                    world.authenticator.logout_everywhere(&other).await
                }
            };
            let letting_go = async {
                holder.awaits(2).await;
                holder.let_go().await;
            };
            tokio::join!(ending, letting_go).0.expect("ends");
        };
        let (switched, ()) = tokio::join!(switching, ending);
        let request = RefreshRequest { refresh_token: switched.expect("opened").refresh_token };
        let ended =
            world.authenticator.refresh(&request, &Peer::default()).await.expect_err("ended");
        assert_eq!(ended.code(), ErrorCode::InvalidRefreshToken, "{changes_password}");
    }
}

/// A password that is changed while somebody accepts by the old one opens nothing.
#[tokio::test]
async fn a10_an_old_password_accepts_nothing() {
    let world = World::create().await;
    let user = Tenant::register(&world.authenticator).await;
    let invited = world.invite(&world.owner.scope, &user.email, BuiltInRole::Viewer).await;
    let lock = format!("select nexo.hold_roles('{}')", world.owner.scope.account_id());
    let holder = Holder::hold(&world, &lock).await;
    let changing = async {
        holder.awaits(1).await;
        let change = PasswordChange {
            current_password: PASSWORD.to_owned(),
            new_password: "eleven plaid herons whistle".to_owned(),
        };
        world.authenticator.change_password(&user.scope, &change).await.expect("changed");
        holder.let_go().await;
    };
    let (accepted, ()) = tokio::join!(world.accept(&invited.token, PASSWORD, None), changing);
    assert_eq!(accepted.expect_err("old").code(), ErrorCode::InvalidCredentials);
    let members = world.database.members().list(&world.owner.scope, None, None).await;
    assert_eq!(members.expect("listed").data.len(), 1);
}

/// Somebody who may no longer is not told again what was answered to them when
/// they still might.
#[tokio::test]
async fn p5_a_key_is_no_way_around_a_role() {
    let world = World::create().await;
    let admin = world.join(BuiltInRole::Admin).await;
    let user = admin.scope.user_id().expect("a user");
    let key = IdempotencyKey::new("once", &[b"request"]).expect("a key");
    let (new, roles) = (role("Empty", super::Permissions::NONE, &[]), world.database.roles());
    roles.create(&admin.scope, &new, Some(&key)).await.expect("made");
    let members = world.database.members();
    members.patch(&world.owner.scope, user, &to(BuiltInRole::Viewer)).await.expect("demoted");
    let request = RefreshRequest { refresh_token: admin.tokens.refresh_token };
    let tokens = world.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
    let viewer = world.authenticator.verify(&tokens.access_token).await.expect("verifies");
    let refused = roles.create(&viewer, &new, Some(&key)).await.expect_err("may not");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
}

/// Refreshing and being removed wait for each other, and not in a circle.
#[tokio::test]
async fn refreshing_and_removing_do_not_collide() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let user = member.scope.user_id().expect("a user");
    let members = world.database.members();
    let lock = format!("select from nexo.refresh_tokens where user_id = '{user}' for update");
    let holder = Holder::hold(&world, &lock).await;
    let request = RefreshRequest { refresh_token: member.tokens.refresh_token };
    let removing = async {
        holder.awaits(1).await;
        let letting_go = async {
            holder.awaits(2).await;
            holder.let_go().await;
        };
        tokio::join!(members.remove(&world.owner.scope, user), letting_go).0
    };
    let peer = Peer::default();
    let (refreshed, removed) = tokio::join!(world.authenticator.refresh(&request, &peer), removing);
    refreshed.expect("was first");
    removed.expect("removed");
    // Of somebody else, nothing has changed.
    let again = world.invite(&world.owner.scope, &credentials().email, BuiltInRole::Member).await;
    world.accept(&again.token, PASSWORD, Some("Eve")).await.expect("accepted");
}
