//! Invitations: how one becomes a member, and who cannot.

use nexo_core::model::{
    AcceptInvitation, AuthTokens, BuiltInRole, Client, ErrorCode, Id, Invite, LoginRequest,
    MemberPatch, NewInvitation, Permission, Permissions, ProfilePatch, RolePatch, RoleRef,
    SwitchAccount,
};
use nexo_core::testing::{PASSWORD, Tenant, credentials};
use nexo_core::{Peer, TenantScope};

use super::{World, role};

impl World {
    pub(super) async fn invite(
        &self,
        by: &TenantScope,
        email: &str,
        role: impl Into<RoleRef>,
    ) -> NewInvitation {
        let invite = Invite { email: email.to_owned(), role: role.into() };
        self.database.invitations().create(by, &invite).await.expect("invites")
    }

    pub(super) async fn accept(
        &self,
        token: &str,
        password: &str,
        name: Option<&str>,
    ) -> nexo_core::Result<Tenant> {
        let accept = AcceptInvitation {
            token: token.to_owned(),
            password: password.to_owned(),
            name: name.map(str::to_owned),
            code: None,
        };
        let tokens = self.authenticator.accept_invitation(&accept, &Peer::default()).await?;
        let scope = self.authenticator.verify(&tokens.access_token).await?;
        Ok(Tenant { email: tokens.user.email.clone(), tokens, scope })
    }
}

#[tokio::test]
async fn somebody_new_joins_with_a_name_and_a_password() {
    let world = World::create().await;
    let email = credentials().email;
    let given = format!(" {} ", email.to_uppercase());
    let invited = world.invite(&world.owner.scope, &given, BuiltInRole::Member).await;
    assert_eq!(invited.invitation.email, email);
    for (password, name, field) in [(PASSWORD, None, "name"), ("short", Some("Eve"), "password")] {
        let refused = world.accept(&invited.token, password, name).await.expect_err(field);
        assert_eq!(refused.fields()[0].field, field);
    }
    let joined = world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect("accepted");
    assert_eq!(joined.tokens.account, world.owner.tokens.account);
    assert_eq!(joined.tokens.role, BuiltInRole::Member.into());
    world.client(&joined.scope).await.expect("a member may");
    let login = LoginRequest::new(&joined.email, PASSWORD);
    let tokens = world.authenticator.login(&login, &Peer::default()).await.expect("logs in");
    assert_eq!(tokens.account, world.owner.tokens.account);

    // Once.
    let refused = world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect_err("used");
    assert_eq!(refused.code(), ErrorCode::InvalidInvitation);
    let left = world.database.invitations().list(&world.owner.scope).await.expect("listed");
    assert!(left.data.is_empty());
}

#[tokio::test]
async fn a_user_joins_by_their_password_and_goes_to_and_fro() {
    let world = World::create().await;
    let user = Tenant::register(&world.authenticator).await;
    let own = user.scope.account_id();
    let invited = world.invite(&world.owner.scope, &user.email, BuiltInRole::Viewer).await;
    let refused = world.accept(&invited.token, "not that one, surely", None).await;
    assert_eq!(refused.expect_err("wrong").code(), ErrorCode::InvalidCredentials);
    let joined = world.accept(&invited.token, PASSWORD, Some("ignored")).await.expect("accepted");
    assert_eq!(joined.tokens.user, user.tokens.user);

    let accounts = world.authenticator.accounts(&joined.scope).await.expect("listed").data;
    let roles: Vec<_> = accounts.iter().map(|it| (it.account.id, it.role)).collect();
    let there = world.owner.scope.account_id();
    assert_eq!(roles, [(own, BuiltInRole::Owner.into()), (there, BuiltInRole::Viewer.into())]);

    let peer = Peer::default();
    let to = |account_id, of: &AuthTokens| SwitchAccount {
        account_id,
        refresh_token: of.refresh_token.clone(),
    };
    // A6: an access token alone opens no session; nor does another one's refresh token.
    for of in [&user.tokens, &world.owner.tokens] {
        let refused = world.authenticator.switch_account(&joined.scope, &to(own, of)).await;
        assert_eq!(refused.expect_err("not its own").code(), ErrorCode::InvalidRefreshToken);
    }
    let there_and_back = to(own, &joined.tokens);
    let back = world.authenticator.switch_account(&joined.scope, &there_and_back).await;
    let back_tokens = back.expect("switches");
    let back = world.authenticator.verify(&back_tokens.access_token).await.expect("verifies");
    assert_eq!(back.account_id(), own);
    world.client(&back).await.expect("an owner there");
    let clients = world.database.repository::<Client>();
    let ended = clients.list(&joined.scope, &Default::default()).await.expect_err("ended");
    assert_eq!(ended.code(), ErrorCode::SessionEnded);

    // To where the user is no member, nobody goes, and the session stays.
    let foreign = Tenant::register(&world.authenticator).await.scope.account_id();
    for account in [foreign, Id::new()] {
        let to = to(account, &back_tokens);
        let refused = world.authenticator.switch_account(&back, &to).await;
        assert!(refused.expect_err("no member").is_not_found());
    }
    clients.list(&back, &Default::default()).await.expect("goes on");
    let mut login = LoginRequest::new(&user.email, PASSWORD);
    login.account_id = Some(there);
    let tokens = world.authenticator.login(&login, &peer).await.expect("logs in there");
    assert_eq!(tokens.account.id, there);
    login.account_id = Some(foreign);
    let refused = world.authenticator.login(&login, &peer).await.expect_err("no member");
    assert_eq!(refused.code(), ErrorCode::InvalidCredentials);
}

/// A session that was opened by switching ends when the first one would have.
#[tokio::test]
async fn a6_switching_prolongs_nothing() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    let ends = "select expires_at::text from nexo.sessions where revoked_at is null";
    let first: String = superuser.query_one(ends, &[]).await.expect("one").get(0);
    let refresh_token = world.owner.tokens.refresh_token.clone();
    let to = SwitchAccount { account_id: world.owner.scope.account_id(), refresh_token };
    let switched = world.authenticator.switch_account(&world.owner.scope, &to);
    switched.await.expect("switches");
    let second: String = superuser.query_one(ends, &[]).await.expect("one").get(0);
    assert_eq!(first, second);
}

#[tokio::test]
async fn invitations_that_ended_are_refused_in_the_same_words() {
    let world = World::create().await;
    let (owner, invitations) = (&world.owner.scope, world.database.invitations());
    let email = || credentials().email;
    let withdrawn = world.invite(owner, &email(), BuiltInRole::Member).await;
    invitations.withdraw(owner, withdrawn.invitation.id).await.expect("withdrawn");
    let expired = world.invite(owner, &email(), BuiltInRole::Member).await;
    let superuser = world.test.superuser().await;
    superuser
        .batch_execute("update nexo.invitations set expires_at = now()")
        .await
        .expect("expired");
    let address = email();
    let replaced = world.invite(owner, &address, BuiltInRole::Member).await;
    let newest = world.invite(owner, &address, BuiltInRole::Viewer).await;
    // Of somebody who may less since, or is gone.
    let admin = world.join(BuiltInRole::Admin).await;
    let weakened = world.invite(&admin.scope, &email(), BuiltInRole::Admin).await;
    let removed = world.join(BuiltInRole::Admin).await;
    let orphan = world.invite(&removed.scope, &email(), BuiltInRole::Admin).await;
    let members = world.database.members();
    let viewer = MemberPatch::role(BuiltInRole::Viewer);
    members.patch(owner, admin.scope.user_id().expect("a user"), &viewer).await.expect("changed");
    members.remove(owner, removed.scope.user_id().expect("a user")).await.expect("removed");
    // A token of this account that names another one.
    let other = Tenant::register(&world.authenticator).await;
    let foreign = world.invite(&other.scope, &email(), BuiltInRole::Member).await.token;

    let mut told = Vec::new();
    for token in [&withdrawn, &expired, &replaced, &weakened, &orphan].map(|it| it.token.as_str()) {
        told.push(world.accept(token, PASSWORD, Some("Eve")).await.expect_err("ended"));
    }
    for token in
        ["", "nxi_", "nxr_AAAA", &foreign[..foreign.len() - 4], &other.tokens.refresh_token]
    {
        told.push(world.accept(token, PASSWORD, Some("Eve")).await.expect_err("no token"));
    }
    for refused in told {
        assert_eq!(refused.code(), ErrorCode::InvalidInvitation);
        assert_eq!(
            refused.to_string(),
            "the invitation is unknown, used, withdrawn or has expired; ask for a new one"
        );
    }
    assert!(world.authenticator.verify(&newest.token).await.is_err(), "J4: it is no access token");
    let joined = world.accept(&newest.token, PASSWORD, Some("Eve")).await.expect("the newest");
    assert_eq!(joined.tokens.role, BuiltInRole::Viewer.into());
    // P1: others' invitations are not there.
    let refused = invitations.withdraw(owner, Id::new()).await.expect_err("none");
    assert!(refused.is_not_found());
    let theirs = invitations.list(&other.scope).await.expect("listed").data;
    let refused = invitations.withdraw(owner, theirs[0].id).await.expect_err("foreign");
    assert!(refused.is_not_found());
}

/// A4: what an invitation answers tells nothing of who is a user; and of many
/// who accept at once, one does.
#[tokio::test]
async fn a4_inviting_tells_nothing_and_one_accepts() {
    let world = World::create().await;
    let user = Tenant::register(&world.authenticator).await;
    let known = world.invite(&world.owner.scope, &user.email, BuiltInRole::Member).await;
    let unknown = world.invite(&world.owner.scope, &credentials().email, BuiltInRole::Member).await;
    let shape = |it: &NewInvitation| (it.invitation.role, it.invitation.invited_by, it.token.len());
    assert_eq!(shape(&known), shape(&unknown));

    let accepts = (0..4).map(|_| world.accept(&known.token, PASSWORD, None));
    let done = futures_util::future::join_all(accepts).await;
    assert_eq!(done.iter().filter(|it| it.is_ok()).count(), 1);
    let members = world.database.members();
    let count = members.list(&world.owner.scope, None, None).await.expect("listed").data.len();
    assert_eq!(count, 2);
    // A second invitation of a member ends at the membership that there is.
    let again = world.invite(&world.owner.scope, &user.email, BuiltInRole::Admin).await;
    let refused = world.accept(&again.token, PASSWORD, None).await.expect_err("a member");
    assert_eq!(refused.code(), ErrorCode::Conflict);
}

/// The card of a member follows the user's name.
#[tokio::test]
async fn a_new_name_is_on_each_card() {
    let world = World::create().await;
    let member = world.join(BuiltInRole::Member).await;
    let patch = ProfilePatch { name: "Augusta".to_owned().into() };
    world.authenticator.update_profile(&member.scope, &patch).await.expect("changed");
    let user = member.scope.user_id().expect("a user");
    let card = world.database.members().get(&world.owner.scope, user).await.expect("read");
    assert_eq!((card.name.as_str(), card.email), ("Augusta", member.email));
}

/// A5: who invites somebody again and again guesses their password no more
/// often than who logs in.
#[tokio::test]
async fn a5_invitations_are_no_way_around_the_throttle() {
    let world = World::create().await;
    let user = Tenant::register(&world.authenticator).await;
    let mut told = Vec::new();
    for _ in 0..12 {
        let invited = world.invite(&world.owner.scope, &user.email, BuiltInRole::Member).await;
        let guess = world.accept(&invited.token, "seven mauve otters juggl", None).await;
        told.push(guess.expect_err("wrong").code());
    }
    assert_eq!(told[0], ErrorCode::InvalidCredentials);
    assert_eq!(told.last(), Some(&ErrorCode::TooManyRequests), "{told:?}");
}

/// Somebody new has made no attempts, so that none are taken back.
#[tokio::test]
async fn a5_somebody_new_takes_no_attempts_back() {
    let world = World::create().await;
    for _ in 0..3 {
        let guess = LoginRequest::new(&world.owner.email, "seven mauve otters juggl");
        world.authenticator.login(&guess, &Peer::default()).await.expect_err("wrong");
    }
    let superuser = world.test.superuser().await;
    let attempts = "select array_agg(attempts order by attempts) from nexo.login_attempts
        where not known_good";
    let before: Vec<i32> = superuser.query_one(attempts, &[]).await.expect("counted").get(0);
    world.join(BuiltInRole::Member).await;
    let after: Vec<i32> = superuser.query_one(attempts, &[]).await.expect("counted").get(0);
    assert_eq!(before, after);
    assert!(before.contains(&3), "{before:?}");
}

/// P5: an invitation gives no more than whoever sent it has, however its role
/// came to change, and goes with them, however they go.
#[tokio::test]
async fn p5_an_invitation_rests_on_whoever_sent_it() {
    let world = World::create().await;
    let (owner, roles) = (&world.owner.scope, world.database.roles());
    let invitations = world.database.invitations();
    let sales = world.role(owner, role("Sales", Permission::ClientRead, &[])).await.expect("made");
    let admin = world.join(BuiltInRole::Admin).await;
    let invited = world.invite(&admin.scope, &credentials().email, sales.id).await;
    let within =
        RolePatch { permissions: Some(Permission::ClientWrite.into()), ..Default::default() };
    roles.patch(owner, sales.id, &within, None).await.expect("patched");
    invitations.get(owner, invited.invitation.id).await.expect("still there");
    let beyond =
        RolePatch { permissions: Some(Permission::AccountAdmin.into()), ..Default::default() };
    roles.patch(owner, sales.id, &beyond, None).await.expect("patched");
    let gone = invitations.get(owner, invited.invitation.id).await.expect_err("withdrawn");
    assert!(gone.is_not_found());
    let refused = world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect_err("ended");
    assert_eq!(refused.code(), ErrorCode::InvalidInvitation);

    let invited = world.invite(&admin.scope, &credentials().email, BuiltInRole::Admin).await;
    let superuser = world.test.superuser().await;
    let user = admin.scope.user_id().expect("a user");
    let gone = format!("delete from nexo.users where id = '{user}'");
    superuser.batch_execute(&gone).await.expect("deleted");
    let refused = world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect_err("ended");
    assert_eq!(refused.code(), ErrorCode::InvalidInvitation);
}

/// A role that permits the same by another way withdraws nothing that rests on it.
#[tokio::test]
async fn what_a_role_keeps_it_keeps_all_the_while() {
    let world = World::create().await;
    let (owner, roles) = (&world.owner.scope, world.database.roles());
    let all = Permission::MemberManage | Permission::ClientWrite;
    let base = world.role(owner, role("Base", all, &[])).await.expect("made");
    let hiring = role("Hiring", Permissions::NONE, &[base.id.into()]);
    let hiring = world.role(owner, hiring).await.expect("made");
    let clerk = world.join(hiring.id).await;
    let invited = world.invite(&clerk.scope, &credentials().email, hiring.id).await;
    for patch in [
        RolePatch { permissions: Some(all), inherits: Some(vec![]), ..Default::default() },
        RolePatch {
            permissions: Some(Permissions::NONE),
            inherits: Some(vec![base.id.into()]),
            ..Default::default()
        },
    ] {
        let patched = roles.patch(owner, hiring.id, &patch, None).await.expect("patched");
        assert_eq!(patched.effective, hiring.effective);
    }
    world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect("still stands");
}

/// P5: nobody withdraws or replaces an invitation to more than they have.
#[tokio::test]
async fn p5_a_stronger_invitation_stays() {
    let world = World::create().await;
    let (owner, invitations) = (&world.owner.scope, world.database.invitations());
    let admin = world.join(BuiltInRole::Admin).await.scope;
    let address = credentials().email;
    let invited = world.invite(owner, &address, BuiltInRole::Owner).await;
    let refused = invitations.withdraw(&admin, invited.invitation.id).await.expect_err("beyond");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    let weaker = Invite { email: address, role: BuiltInRole::Viewer.into() };
    let refused = invitations.create(&admin, &weaker).await.expect_err("beyond");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    world.accept(&invited.token, PASSWORD, Some("Eve")).await.expect("still stands");
}

/// H3: an account has only so many invitations at a time.
#[tokio::test]
async fn h3_invitations_are_limited() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let superuser = world.test.superuser().await;
    let fill = format!(
        "begin; set local session_replication_role = replica;
         insert into nexo.invitations (account_id, id, email, role, token_hash, expires_at)
         select '{}', gen_random_uuid(), 'user' || at || '@example.com', 'viewer',
             sha256(at::text::bytea), now() + interval '1 day'
         from generate_series(1, 1000) at; commit",
        owner.account_id()
    );
    superuser.batch_execute(&fill).await.expect("filled");
    let invitations = world.database.invitations();
    let invite = |email: &str| Invite { email: email.to_owned(), role: BuiltInRole::Viewer.into() };
    let refused = invitations.create(owner, &invite("new@example.com")).await.expect_err("full");
    assert_eq!(refused.code(), ErrorCode::Conflict);
    // Another one to the same address takes the place of the first.
    invitations.create(owner, &invite("user7@example.com")).await.expect("replaces");
}
