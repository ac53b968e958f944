//! An account that asks its members for a second factor.

use nexo_core::model::{AccountSettings, AccountSettingsPatch, Client, NewClient, RefreshRequest};

use super::*;

/// A10: an account that asks for a second factor has whoever lacks it set one up,
/// from their next request on; whoever has it goes on.
#[tokio::test]
async fn a10_an_account_asks_for_it() {
    let world = World::create().await;
    let (owner, settings) = (&world.owner.scope, world.database.settings());
    let member = Tenant::join(&world.database, &world.auth, owner, BuiltInRole::Member).await;
    let key = NewApiKey::named("x", Permission::ClientRead);
    let key = world.database.api_keys().create(owner, &key).await.expect("made");
    let clients = world.database.repository::<Client>();
    let list = async |scope: &TenantScope| clients.list(scope, &Default::default()).await.map(drop);
    let ask = |required| AccountSettingsPatch {
        second_factor_required: Some(required),
        ..AccountSettingsPatch::default()
    };
    assert_eq!(settings.get(&member.scope).await.expect("read"), AccountSettings::default());
    let refused = settings.patch(&member.scope, &ask(true)).await.expect_err("a member");
    assert_eq!(refused.to_string(), "your role does not permit it: account:admin");
    let refused = settings.patch(owner, &ask(true)).await.expect_err("the first to be shut out");
    assert_eq!(refused.code(), ErrorCode::Conflict);

    let (_, _, codes) = world.set_up().await;
    let set = settings.patch(owner, &ask(true)).await.expect("asks");
    assert!(set.second_factor_required);
    list(owner).await.expect("whoever has it goes on");
    let by_key = world.auth.verify(&key.secret).await.expect("verifies");
    list(&by_key).await.expect("programs have none");
    let stale = list(&member.scope).await.expect_err("stale");
    assert_eq!(stale.code(), ErrorCode::PermissionsChanged);
    let refresh = RefreshRequest { refresh_token: member.tokens.refresh_token.clone() };
    let tokens = world.auth.refresh(&refresh, &Peer::default()).await.expect("refreshes");
    assert!(tokens.permissions.iter().next().is_none());
    let held = world.auth.verify(&tokens.access_token).await.expect("verifies");
    let unit = world.database.unit_of_work(&held).await.expect("begins");
    for refused in [
        list(&held).await,
        clients.create(&held, &NewClient::named("Ada")).await.map(drop),
        unit.list::<Client>(&Default::default()).await.map(drop),
    ] {
        let refused = refused.expect_err("held back");
        assert_eq!(refused.code(), ErrorCode::SecondFactorMissing);
        assert_eq!(refused.to_string(), "the account asks for a second factor; set one up");
    }
    // A log-in, and whoever joins, is held back as well.
    let again = LoginRequest::new(&member.email, PASSWORD);
    let again = world.auth.login(&again, &Peer::default()).await.expect("logs in");
    let again = world.auth.verify(&again.access_token).await.expect("verifies");
    let joined = Tenant::join(&world.database, &world.auth, owner, BuiltInRole::Viewer).await;
    for scope in [&again, &joined.scope] {
        assert_eq!(
            list(scope).await.expect_err("held back").code(),
            ErrorCode::SecondFactorMissing
        );
    }
    // Nothing but the one thing that helps, or to leave.
    world.database.members().leave(&joined.scope).await.expect("left");
    world.auth.profile(&held).await.expect("who am I");
    let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
    let told = world.auth.set_up_second_factor(&held, &set_up).await.expect("set up");
    let confirm = ConfirmSecondFactor { code: App::of(&told.secret).code(0) };
    world.auth.confirm_second_factor(&held, &confirm).await.expect("confirmed");
    assert_eq!(list(&held).await.expect_err("stale").code(), ErrorCode::PermissionsChanged);
    let refresh = RefreshRequest { refresh_token: tokens.refresh_token };
    let tokens = world.auth.refresh(&refresh, &Peer::default()).await.expect("refreshes");
    let scope = world.auth.verify(&tokens.access_token).await.expect("verifies");
    list(&scope).await.expect("a member may");

    // While it is asked for, nobody takes it away; from outside they can, and feel it.
    let refused = world.auth.remove_second_factor(owner, &proof(PASSWORD, &codes[0])).await;
    let refused = refused.expect_err("it is asked for");
    assert_eq!(refused.to_string(), "Test Account asks for a second factor; leave it first");
    let of = ForgotPassword { email: world.owner.email.clone() };
    assert!(world.auth.reset_second_factor(&of).await.expect("done"));
    assert_eq!(list(owner).await.expect_err("felt").code(), ErrorCode::PermissionsChanged);
    let scope = world.login(None).await.expect("logs in");
    let scope = world.auth.verify(&scope.access_token).await.expect("verifies");
    assert_eq!(list(&scope).await.expect_err("held back").code(), ErrorCode::SecondFactorMissing);
    let refused = settings.patch(&scope, &ask(false)).await.expect_err("held back");
    assert_eq!(refused.code(), ErrorCode::SecondFactorMissing);
    let system = world.database.system_scope(owner.account_id(), "the owner is locked out");
    settings.patch(&system, &ask(false)).await.expect("asks no more");
    let scope = world.login(None).await.expect("logs in");
    list(&world.auth.verify(&scope.access_token).await.expect("verifies")).await.expect("may");
}

/// P2, R23: the database gives a session that is held back nothing, and lets no
/// member undo it.
#[tokio::test]
async fn p2_the_database_holds_back_too() {
    let world = World::create().await;
    let (_, _, _) = world.set_up().await;
    let owner = &world.owner.scope;
    let member = Tenant::join(&world.database, &world.auth, owner, BuiltInRole::Admin).await;
    let ask = AccountSettingsPatch {
        second_factor_required: Some(true),
        ..AccountSettingsPatch::default()
    };
    world.database.settings().patch(owner, &ask).await.expect("asks");
    let superuser = world.test.superuser().await;
    let of = "select permissions from nexo.sessions where id = $1";
    let held = superuser.query_one(of, &[&member.scope.session_id()]).await.expect("read");
    let held: i64 = held.get(0);
    assert_eq!(held, 1 << 62);
    let app = world.test.as_app().await;
    let begin = format!(
        "begin; set local nexo.account_id = '{}'; set local nexo.permissions = '{held}'",
        owner.account_id()
    );
    app.batch_execute(&begin).await.expect("begun");
    for table in ["clients", "memberships", "audit_log", "api_keys"] {
        let count = format!("select count(account_id) from nexo.{table}");
        let seen: i64 = app.query_one(&count, &[]).await.expect(table).get(0);
        assert_eq!(seen, 0, "{table}");
    }
    let undo = "update nexo.account_settings set second_factor_required = false";
    assert_eq!(app.execute(undo, &[]).await.expect("nothing"), 0);
}
