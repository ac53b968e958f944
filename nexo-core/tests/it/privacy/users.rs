//! Users: what is known of them over all accounts, and that they go.

use nexo_core::model::{
    AcceptInvitation, AuditAction, AuditParams, BuiltInRole, Client, DeleteUser, ErrorCode, Invite,
    LoginRequest, MemberPatch, NewApiKey, NewClient, Permission, ProfilePatch, SetUpSecondFactor,
};
use nexo_core::testing::{PASSWORD, Tenant};
use nexo_core::{Peer, TenantScope};

use super::{MARK, World};

fn delete() -> DeleteUser {
    DeleteUser { password: PASSWORD.to_owned(), code: None }
}

impl World {
    /// A member of the account with the mark in name and address.
    async fn marked(&self, role: BuiltInRole) -> (TenantScope, String) {
        let email = format!("{MARK}-{}@example.com", uuid::Uuid::now_v7().simple());
        let scope = self.joined(self.scope(), &email, role).await;
        let patch = ProfilePatch { name: format!("Eve {MARK}").into() };
        self.authenticator.update_profile(&scope, &patch).await.expect("renamed");
        (scope, email)
    }

    async fn joined(&self, to: &TenantScope, email: &str, role: BuiltInRole) -> TenantScope {
        let invite = Invite { email: email.to_owned(), role: role.into() };
        let invited = self.database.invitations().create(to, &invite).await.expect("invited");
        let accept = AcceptInvitation {
            token: invited.token,
            password: PASSWORD.to_owned(),
            name: Some(format!("Eva {MARK}")),
            code: None,
        };
        let peer = Peer::default();
        let tokens = self.authenticator.accept_invitation(&accept, &peer).await.expect("accepted");
        self.authenticator.verify(&tokens.access_token).await.expect("verifies")
    }
}

/// All that is known over all accounts, and no secret.
#[tokio::test]
async fn a_user_is_told_all_that_is_known_of_them() {
    let world = World::create().await;
    let (scope, email) = world.marked(BuiltInRole::Admin).await;
    let other = Tenant::register(&world.authenticator).await;
    let there = world.joined(&other.scope, &email, BuiltInRole::Viewer).await;
    let key = NewApiKey::named("Web shop", Permission::ClientRead);
    let key = world.database.api_keys().create(&scope, &key).await.expect("made");
    let wrong = LoginRequest::new(&email, "seven mauve otters juggl");
    world.authenticator.login(&wrong, &Peer::default()).await.expect_err("wrong");

    let told = world.authenticator.personal_data(&scope).await.expect("told");
    assert_eq!((&told.user.email, &*told.user.name), (&email, &*format!("Eve {MARK}")));
    let accounts: Vec<_> = told.memberships.iter().map(|it| it.account.id).collect();
    assert_eq!(accounts, [scope.account_id(), there.account_id()]);
    let sessions: Vec<_> = told.sessions.iter().map(|it| Some(it.id)).collect();
    assert!(sessions.contains(&scope.session_id()) && sessions.contains(&there.session_id()));
    assert_eq!(told.api_keys, [key.key]);
    assert!(told.is_complete && told.second_factor.enabled_at.is_none());
    let log_ins: Vec<_> = told.log_ins.iter().map(|it| (it.account_id, it.action)).collect();
    for account in [scope.account_id(), there.account_id()] {
        assert!(log_ins.contains(&(account, AuditAction::Login)));
        assert!(log_ins.contains(&(account, AuditAction::FailLogin)));
    }
    let text = serde_json::to_string(&told).expect("serialises");
    assert!(!text.contains(&key.secret) && !text.contains("argon2"));
    // Nothing of anybody else, and nothing by a key.
    let owner = world.authenticator.personal_data(world.scope()).await.expect("told");
    assert!(!serde_json::to_string(&owner).expect("serialises").contains(MARK));
    let by_key = world.authenticator.verify(&key.secret).await.expect("verifies");
    let refused = world.authenticator.personal_data(&by_key).await.expect_err("refused");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
}

/// They go from every account with name and address, also from one that they left
/// before; what they did stays under their id, and the chains add up.
#[tokio::test]
async fn a_user_goes_with_name_and_address() {
    let world = World::create().await;
    let (scope, email) = world.marked(BuiltInRole::Admin).await;
    let user = scope.user_id().expect("a user");
    let [left, other] = [
        Tenant::register(&world.authenticator).await.scope,
        Tenant::register(&world.authenticator).await.scope,
    ];
    let there = world.joined(&left, &email, BuiltInRole::Member).await;
    world.database.members().leave(&there).await.expect("left");
    // Asked, and has not answered.
    let invite = Invite { email: email.clone(), role: BuiltInRole::Viewer.into() };
    world.database.invitations().create(&other, &invite).await.expect("invited");
    let clients = world.database.repository::<Client>();
    let made = clients.create(&scope, &NewClient::named("Theirs")).await.expect("made");
    let key = NewApiKey::named("Shop", Permission::ClientRead);
    let key = world.database.api_keys().create(&scope, &key).await.expect("made");
    world
        .database
        .members()
        .patch(world.scope(), user, &MemberPatch::role(BuiltInRole::Manager))
        .await
        .expect("changed");
    for account in [world.scope(), &left, &other] {
        world.seal(account).await;
    }
    let login =
        world.authenticator.login(&LoginRequest::new(&email, PASSWORD), &Peer::default()).await;
    let scope =
        world.authenticator.verify(&login.expect("in").access_token).await.expect("verifies");
    assert!(world.found(MARK).await.len() >= 4, "{:?}", world.found(MARK).await);

    let wrong = DeleteUser { password: "seven mauve otters juggl".to_owned(), code: None };
    let refused = world.authenticator.delete_user(&scope, &wrong).await.expect_err("wrong");
    assert_eq!(refused.fields()[0].field, "password");
    let by_key = world.authenticator.verify(&key.secret).await.expect("verifies");
    let refused = world.authenticator.delete_user(&by_key, &delete()).await.expect_err("a key");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    assert!(!world.found(MARK).await.is_empty());

    world.authenticator.delete_user(&scope, &delete()).await.expect("gone");
    assert_eq!(world.found(MARK).await, Vec::<String>::new());
    let again = world.authenticator.delete_user(&scope, &delete()).await.expect_err("gone");
    assert_eq!(again.code(), ErrorCode::SessionEnded);
    let login =
        world.authenticator.login(&LoginRequest::new(&email, PASSWORD), &Peer::default()).await;
    assert_eq!(login.expect_err("gone").code(), ErrorCode::InvalidCredentials);
    let key = clients.get(&by_key, made.id).await.expect_err("gone");
    assert_eq!(key.code(), ErrorCode::Unauthenticated);

    let kept = clients.get(world.scope(), made.id).await.expect("kept");
    assert_eq!(kept.created_by, Some(user));
    let history =
        world.database.audit().history::<Client>(world.scope(), made.id, None, None).await;
    let entry = history.expect("read").data.remove(0);
    assert_eq!((entry.user_id, entry.user_name), (Some(user), None));
    for account in [world.scope(), &left, &other] {
        assert_eq!(world.verify(account).await.fault, None);
        world.seal(account).await;
        let found = world.verify(account).await;
        assert!((1..10).contains(&found.erased), "{}", found.erased);
        assert_eq!((found.unsealed, found.fault), (0, None));
        let erasures = AuditParams { action: Some(AuditAction::Erase), ..AuditParams::default() };
        let told = world.log(account, &erasures).await;
        assert_eq!(
            (told.len(), &*told[0].subject, told[0].record_id),
            (1, "users", Some(*user.as_uuid()))
        );
    }
    // What role they had is told without a name.
    let roles = AuditParams {
        subject: Some("members".into()),
        action: Some(AuditAction::Update),
        ..AuditParams::default()
    };
    let roles = world.log(world.scope(), &roles).await;
    assert_eq!(roles[0].after.as_ref().expect("kept")["role"], "manager");
}

/// P5: no account is left without an owner, and none that nobody else is in.
#[tokio::test]
async fn p5_the_last_owner_stays() {
    let world = World::create().await;
    let delete_owner = async || world.authenticator.delete_user(world.scope(), &delete()).await;
    let account = &world.owner.tokens.account.name;
    let refused = delete_owner().await.expect_err("alone");
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert!(
        refused.to_string().starts_with(&format!("{account} has no other member")),
        "{refused}"
    );
    let (second, _) = world.marked(BuiltInRole::Owner).await;
    let members = world.database.members();
    let second_id = second.user_id().expect("a user");
    let held_out = MemberPatch { disabled: Some(true), ..MemberPatch::default() };
    members.patch(world.scope(), second_id, &held_out).await.expect("held out");
    let refused = delete_owner().await.expect_err("the only one who may");
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert!(refused.to_string().starts_with(&format!("{account} has no other owner")), "{refused}");
    // Nothing has happened.
    world
        .database
        .members()
        .get(world.scope(), world.scope().user_id().expect("a user"))
        .await
        .expect("there");
    let let_in = MemberPatch { disabled: Some(false), ..MemberPatch::default() };
    members.patch(world.scope(), second_id, &let_in).await.expect("let in");
    delete_owner().await.expect("gone");
}

/// Of two owners who go at once, one stays.
#[tokio::test]
async fn p5_f10_of_two_owners_who_go_at_once_one_stays() {
    let world = World::create().await;
    let (second, _) = world.marked(BuiltInRole::Owner).await;
    let auth = &world.authenticator;
    let delete = delete();
    let (one, other) =
        tokio::join!(auth.delete_user(world.scope(), &delete), auth.delete_user(&second, &delete));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let owners = "select count(*) from nexo.memberships where role = 'owner'";
    let superuser = world.test.superuser().await;
    assert_eq!(superuser.query_one(owners, &[]).await.expect("counted").get::<_, i64>(0), 1);
}

/// A user with a second factor shows it.
#[tokio::test]
async fn a10_a_second_factor_is_asked_for() {
    let world = World::create().await;
    let (scope, _) = world.marked(BuiltInRole::Viewer).await;
    let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
    world.authenticator.set_up_second_factor(&scope, &set_up).await.expect("set up");
    // As if a code had shown that the app has it; one for when it is lost is known.
    world
        .execute(&format!(
            "update nexo.users set second_factor_at = now() where id = '{}'",
            scope.user_id().expect("a user")
        ))
        .await;
    let refused = world.authenticator.delete_user(&scope, &delete()).await.expect_err("asked");
    assert_eq!(refused.code(), ErrorCode::SecondFactorRequired);
    let wrong = DeleteUser { code: Some("000000".to_owned()), ..delete() };
    let refused = world.authenticator.delete_user(&scope, &wrong).await.expect_err("wrong");
    assert_eq!(refused.code(), ErrorCode::InvalidCode);
    assert!(!world.found(MARK).await.is_empty());
}
