//! API keys: what they may, for how long, and that they may no more than that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use nexo_core::model::{
    ApiKey, AuditAction, AuditParams, BuiltInRole, Client, ErrorCode, Id, Invite, IssuedApiKey,
    MemberPatch, NewApiKey, NewClient, PasswordChange, Permission, Permissions, ProfilePatch,
    SwitchAccount, User,
};
use nexo_core::testing::{PASSWORD, Tenant};
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::{IdempotencyKey, Result, TenantScope};

use super::races::Holder;
use super::{World, role};

impl World {
    async fn key(&self, by: &TenantScope, permissions: impl Into<Permissions>) -> IssuedApiKey {
        let new = NewApiKey::named("Web shop", permissions);
        self.database.api_keys().create(by, &new).await.expect("made")
    }

    async fn scope(&self, key: &IssuedApiKey) -> Result<TenantScope> {
        self.authenticator.verify(&key.secret).await
    }

    async fn seen(&self, id: Id<ApiKey>) -> ApiKey {
        self.database.api_keys().get(&self.owner.scope, id).await.expect("read")
    }
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_in_its_makers_name() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let issued = world.key(owner, Permission::ClientWrite).await;
    let both = Permission::ClientWrite | Permission::ClientRead;
    assert_eq!((issued.key.permissions, issued.key.effective), (both, both));
    assert_eq!(Some(issued.key.user_id), owner.user_id());
    let year = issued.key.expires_at.duration_since(issued.key.created_at);
    assert!((365 * 24..=366 * 24).contains(&year.as_hours()), "{year}");
    assert_eq!(world.seen(issued.key.id).await.last_used_at, None);

    let scope = world.scope(&issued).await.expect("verifies");
    assert_eq!((scope.account_id(), scope.user_id()), (owner.account_id(), owner.user_id()));
    assert_eq!((scope.key_id(), scope.session_id()), (Some(issued.key.id), None));
    let made = world.client(&scope).await.expect("it may");
    assert_eq!(made.created_by, owner.user_id());
    let clients = world.database.repository::<Client>();
    let refused = clients.delete(&scope, made.id, None).await.expect_err("it may not");
    assert_eq!(refused.to_string(), "the API key is not permitted it: client:delete");
    let unit = world.database.unit_of_work(&scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("Byron")).await.expect("made");
    unit.commit().await.expect("kept");
    assert!(world.seen(issued.key.id).await.last_used_at.is_some());

    let listed = world.database.api_keys().list(owner).await.expect("listed").data;
    assert_eq!(listed, [world.seen(issued.key.id).await]);
    // What is kept is a hash.
    let superuser = world.test.superuser().await;
    let kept = "select k::text from nexo.api_keys k union all select l::text from nexo.audit_log l";
    for row in superuser.query(kept, &[]).await.expect("read") {
        let text: &str = row.get(0);
        assert!(!text.contains(&issued.secret) && !text.contains(&issued.secret[30..]), "{text}");
    }
    assert!(!format!("{issued:?}").contains(&issued.secret));
}

/// A10: a key that is revoked or has expired, or whose member is out, is refused
/// with the next request, though it was remembered; and what travels with it is
/// not done.
#[tokio::test]
async fn a10_the_end_of_a_key_takes_effect_on_the_next_request() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let admin = world.join(BuiltInRole::Admin).await;
    let clients = world.database.repository::<Client>();
    let superuser = world.test.superuser().await;
    for end in ["revoked", "expired", "member removed"] {
        let issued = world.key(&admin.scope, Permission::ClientWrite).await;
        let scope = world.scope(&issued).await.expect("verifies");
        let before = world.client(&scope).await.expect("it is good").id;
        match end {
            "revoked" => world.database.api_keys().revoke(owner, issued.key.id).await.expect(end),
            "expired" => {
                let expire = "update nexo.api_keys set expires_at = now() where id = $1";
                superuser.execute(expire, &[&issued.key.id]).await.map(drop).expect(end);
            }
            _ => world.database.members().remove(owner, issued.key.user_id).await.expect(end),
        }
        let again = world.scope(&issued).await.expect("it is still remembered");
        for refused in [
            world.client(&again).await.map(drop),
            clients.get(&scope, before).await.map(drop),
            world.database.unit_of_work(&scope).await.map(drop),
        ] {
            let refused = refused.expect_err(end);
            assert_eq!(refused.code(), ErrorCode::Unauthenticated, "{end}");
            assert_eq!(refused.to_string(), "the API key is unknown, revoked or has expired");
        }
        let refused = world.scope(&issued).await.expect_err(end);
        assert_eq!(refused.code(), ErrorCode::Unauthenticated, "{end}");
    }
    assert_eq!(clients.list(owner, &Default::default()).await.expect("listed").data.len(), 3);
}

/// A10, P5: a key has no more than its member at any time, and what it was made
/// for when they have it again.
#[tokio::test]
async fn a10_a_key_follows_what_its_member_may() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let admin = world.join(BuiltInRole::Admin).await;
    let user = admin.scope.user_id().expect("a user");
    let members = world.database.members();
    let made_for = Permission::ClientWrite | Permission::EmployeeWrite;
    let issued = world.key(&admin.scope, made_for).await;
    let first = world.scope(&issued).await.expect("verifies");

    let viewer = MemberPatch::role(BuiltInRole::Viewer);
    members.patch(owner, user, &viewer).await.expect("demoted");
    let stale = world.client(&first).await.expect_err("stale");
    assert_eq!(stale.code(), ErrorCode::PermissionsChanged);
    assert_eq!(stale.to_string(), "what the API key may do has changed; send the request again");
    let narrowed = world.scope(&issued).await.expect("verifies");
    assert_eq!(narrowed.permissions(), Permission::ClientRead | Permission::EmployeeRead);
    assert!(world.client(&narrowed).await.expect_err("it may not").is_forbidden());

    members.patch(owner, user, &MemberPatch::role(BuiltInRole::Owner)).await.expect("promoted");
    world.client(&narrowed).await.expect_err("stale");
    let wide = world.scope(&issued).await.expect("verifies");
    assert_eq!(wide.permissions(), issued.key.permissions);
    world.client(&wide).await.expect("it may again");

    // Through a role of the account's own.
    let own = role("Reads", Permission::ClientRead, &[]);
    let own = world.role(owner, own).await.expect("made");
    members.patch(owner, user, &MemberPatch::role(own.id)).await.expect("set");
    assert_eq!(world.seen(issued.key.id).await.effective, Permission::ClientRead.into());
    let nothing = role("Nothing", Permissions::NONE, &[]);
    let nothing = world.role(owner, nothing).await.expect("made");
    members.patch(owner, user, &MemberPatch::role(nothing.id)).await.expect("set");
    let refused = world.scope(&issued).await;
    // Remembered or not, it is good for nothing.
    let refused = match refused {
        Ok(scope) => world.client(&scope).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(refused.expect_err("nothing").is_unauthenticated());
    assert!(world.scope(&issued).await.expect_err("nothing").is_unauthenticated());
}

/// P5: no key is made for more than its maker has, and none by a key.
#[tokio::test]
async fn p5_a_key_gives_nobody_more() {
    let world = World::create().await;
    let keys = world.database.api_keys();
    let makers = role("Makers", Permission::KeyManage, &[BuiltInRole::Viewer.into()]);
    let makers = world.role(&world.owner.scope, makers).await.expect("made");
    let maker = world.join(makers.id).await;
    let beyond = NewApiKey::named("x", Permission::ClientWrite);
    let refused = keys.create(&maker.scope, &beyond).await.expect_err("beyond");
    assert!(refused.is_forbidden());
    assert_eq!(refused.fields()[0].field, "permissions");
    let within = NewApiKey::named("x", Permission::ClientRead);
    keys.create(&maker.scope, &within).await.expect("within");
    let viewer = world.join(BuiltInRole::Viewer).await;
    assert!(keys.create(&viewer.scope, &within).await.expect_err("viewer").is_forbidden());
    assert!(keys.list(&viewer.scope).await.expect_err("viewer").is_forbidden());

    // A key that may more is not theirs to end.
    let strong = world.key(&world.owner.scope, Permission::MemberManage).await;
    assert!(keys.revoke(&maker.scope, strong.key.id).await.expect_err("beyond").is_forbidden());
    let strong = world.scope(&strong).await.expect("still good");

    let system = world.database.system_scope(strong.account_id(), "nightly clean-up");
    assert!(keys.create(&system, &within).await.expect_err("nobody's").is_unauthenticated());
    let mut refused = Vec::new();
    let user = strong.user_id().expect("a user");
    let change = PasswordChange {
        current_password: PASSWORD.to_owned(),
        new_password: "another long enough phrase".to_owned(),
    };
    let switch = SwitchAccount {
        account_id: strong.account_id(),
        refresh_token: world.owner.tokens.refresh_token.clone(),
    };
    let auth = &world.authenticator;
    let invite = Invite { email: "eve@example.com".into(), role: BuiltInRole::Viewer.into() };
    let members = world.database.members();
    refused.push(keys.create(&strong, &within).await.map(drop));
    refused.push(world.database.invitations().create(&strong, &invite).await.map(drop));
    refused.push(members.leave(&strong).await);
    refused.push(members.remove(&strong, user).await);
    refused.push(members.patch(&strong, user, &MemberPatch::disabled(true)).await.map(drop));
    refused.push(auth.profile(&strong).await.map(drop));
    refused.push(auth.update_profile(&strong, &ProfilePatch::default()).await.map(drop));
    refused.push(auth.change_password(&strong, &change).await);
    refused.push(auth.switch_account(&strong, &switch).await.map(drop));
    refused.push(auth.accounts(&strong).await.map(drop));
    refused.push(auth.logout(&strong).await);
    refused.push(auth.logout_everywhere(&strong).await);
    for refused in refused {
        let refused = refused.expect_err("a key");
        assert_eq!(refused.to_string(), "an API key cannot do this; log in");
        assert_eq!(refused.code(), ErrorCode::Forbidden);
    }
    let refusals = AuditParams { action: Some(AuditAction::Refuse), ..Default::default() };
    let told = world.database.audit().list(&world.owner.scope, &refusals).await.expect("read").data;
    assert!(told.iter().any(|entry| entry.key_id == strong.key_id()), "{told:?}");

    // Nor is one that is disabled theirs to end: its member may have it again.
    let second = world.join(BuiltInRole::Owner).await;
    let theirs = world.key(&second.scope, Permission::RoleManage).await;
    let second = second.scope.user_id().expect("a user");
    members
        .patch(&world.owner.scope, second, &MemberPatch::disabled(true))
        .await
        .expect("disabled");
    let refused = keys.revoke(&maker.scope, theirs.key.id).await.expect_err("beyond");
    assert!(refused.is_forbidden());
    keys.revoke(&world.owner.scope, theirs.key.id).await.expect("an owner may");
}

#[tokio::test]
async fn what_no_key_can_be_is_refused_by_name() {
    let world = World::create().await;
    let keys = world.database.api_keys();
    let in_days = |days: i64| Some(Timestamp::now() + SignedDuration::from_hours(24 * days));
    let good = NewApiKey::named("x", Permission::ClientRead);
    for (field, new) in [
        ("name", NewApiKey { name: String::new(), ..good.clone() }),
        ("name", NewApiKey { name: "x".repeat(101), ..good.clone() }),
        ("permissions", NewApiKey { permissions: Permissions::NONE, ..good.clone() }),
        ("permissions", NewApiKey { permissions: Permission::KeyManage.into(), ..good.clone() }),
        ("permissions", NewApiKey { permissions: Permissions::ALL, ..good.clone() }),
        ("expires_at", NewApiKey { expires_at: in_days(-1), ..good.clone() }),
        ("expires_at", NewApiKey { expires_at: in_days(5 * 366 + 1), ..good.clone() }),
    ] {
        let refused = keys.create(&world.owner.scope, &new).await.expect_err(field);
        assert!(refused.is_invalid(), "{refused}");
        assert_eq!(refused.fields()[0].field, field);
    }
    let day = NewApiKey { expires_at: in_days(1), ..good };
    let day = keys.create(&world.owner.scope, &day).await.expect("made").key;
    assert!(day.expires_at < Timestamp::now() + SignedDuration::from_hours(25));
}

/// P1: a key is of one account; another one's cannot be read, ended, or passed
/// off as one's own.
#[tokio::test]
async fn p1_a_key_is_of_one_account() {
    let world = World::create().await;
    let other = Tenant::register(&world.authenticator).await;
    let issued = world.key(&world.owner.scope, Permission::ClientRead).await;
    let theirs = world.key(&other.scope, Permission::ClientRead).await;
    let keys = world.database.api_keys();
    let mut told = Vec::new();
    for id in [theirs.key.id, Id::new()] {
        told.push(keys.get(&world.owner.scope, id).await.expect_err("foreign").to_string());
        told.push(keys.revoke(&world.owner.scope, id).await.expect_err("foreign").to_string());
    }
    assert!(told.iter().all(|it| *it == told[0]), "{told:?}");
    assert_eq!(
        keys.list(&world.owner.scope).await.expect("listed").data,
        std::slice::from_ref(&issued.key)
    );
    world.scope(&theirs).await.expect("still good");

    // The secret of one under the name of the other, and what is no key at all.
    let (mine, other) = (issued.secret.as_bytes(), theirs.secret.as_bytes());
    let mixed: Vec<u8> = mine[..25].iter().chain(&other[25..]).copied().collect();
    let mixed = String::from_utf8(mixed).expect("ASCII");
    let invited = issued.secret.replacen("nxk_", "nxi_", 1);
    let long = format!("nxk_{}", "A".repeat(8000));
    for text in ["nxk_", "nxk_AAAA", "nxk_!", &mixed, &invited, &long, &issued.secret[..60]] {
        let refused = world.authenticator.verify(text).await.expect_err(text);
        assert_eq!(refused.code(), ErrorCode::Unauthenticated, "{text}");
    }
}

/// R23, P2: what the database itself holds to, whatever nexo_app sends.
#[tokio::test]
async fn p2_the_database_keeps_keys_within() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let issued = world.key(owner, Permission::ClientWrite).await;
    let (account, user) = (owner.account_id(), owner.user_id().expect("a user"));
    let app = world.test.as_app().await;
    let bits = |permissions: Permissions| -> i64 {
        let all = Permission::ALL.iter().filter(|one| permissions.contain((**one).into()));
        all.map(|one| 1_i64 << (*one as i64)).sum()
    };
    let begin = async |permissions: Permissions, more: &str| {
        let bits = bits(permissions);
        let begin = format!(
            "rollback; begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '{bits}'; {more}"
        );
        app.batch_execute(&begin).await.expect("begun");
    };
    let count = async || -> i64 {
        app.query_one("select count(id) from nexo.api_keys", &[]).await.expect("counted").get(0)
    };
    begin(BuiltInRole::Viewer.permissions(), "").await;
    assert_eq!(count().await, 0);
    // By its own key, each key sees itself.
    let itself = format!("set local nexo.key_id = '{}'", issued.key.id);
    begin(BuiltInRole::Viewer.permissions(), &itself).await;
    assert_eq!(count().await, 1);
    assert_eq!(app.execute("update nexo.api_keys set effective = -1", &[]).await.expect("none"), 0);
    begin(Permissions::ALL, "").await;
    let widened = "update nexo.api_keys set effective = -1 returning effective";
    let widened: i64 = app.query_one(widened, &[]).await.expect("computed anew").get(0);
    assert_eq!(widened, bits(issued.key.permissions));

    let (manage, reads) = (
        Permission::KeyManage | Permission::MemberRead,
        Permission::ClientRead | Permission::MemberRead,
    );
    // Whoever it is for acts, in a session.
    let told = |user: Id<User>| {
        let told = format!(r#"{{"account": "{account}", "user": "{user}"}}"#);
        format!("set local nexo.actor = '{}'", STANDARD.encode(told))
    };
    for (more, ends, code) in [
        (String::new(), "now() + interval '1 day'", "NX403"),
        (told(Id::new()), "now() + interval '1 day'", "NX403"),
        (format!("{}; {itself}", told(user)), "now() + interval '1 day'", "NX403"),
        (told(user), "'infinity'", "23514"),
        (told(user), "now() - interval '1 day'", "23514"),
        (told(user), "now() + interval '6 years'", "23514"),
    ] {
        begin(Permissions::ALL, &more).await;
        let insert = format!(
            "insert into nexo.api_keys (id, user_id, name, permissions, token_hash, expires_at)
             values (gen_random_uuid(), '{user}', 'x', 1, sha256('x'), {ends})"
        );
        let refused = app.batch_execute(&insert).await.expect_err(&insert);
        assert_eq!(refused.code(), Some(&SqlState::from_code(code)), "{more} {ends}");
    }
    for (has, asks, code) in [
        (reads, Permission::ClientRead.into(), "42501"),
        (manage, Permission::ClientRead.into(), "NX403"),
        (Permissions::ALL, Permission::KeyManage.into(), "23514"),
    ] {
        begin(has, &told(user)).await;
        let insert = format!(
            "insert into nexo.api_keys (id, user_id, name, permissions, token_hash, expires_at)
             values (gen_random_uuid(), '{user}', 'x', {}, sha256('x'), now() + interval '1 day')",
            bits(asks)
        );
        let refused = app.batch_execute(&insert).await.expect_err(code);
        assert_eq!(refused.code(), Some(&SqlState::from_code(code)));
    }
}

/// Who did it is told with the key; that it was made, narrowed and ended, too.
#[tokio::test]
async fn what_keys_do_is_in_the_audit_log() {
    let world = World::create().await;
    let admin = world.join(BuiltInRole::Admin).await;
    let issued = world.key(&admin.scope, Permission::ClientWrite).await;
    let scope = world.scope(&issued).await.expect("verifies");
    let client = world.client(&scope).await.expect("made");
    let clients = world.database.repository::<Client>();
    clients.delete(&scope, client.id, None).await.expect_err("it may not");
    let viewer = MemberPatch::role(BuiltInRole::Viewer);
    let (owner, user) = (&world.owner.scope, issued.key.user_id);
    world.database.members().patch(owner, user, &viewer).await.expect("demoted");
    world.database.api_keys().revoke(owner, issued.key.id).await.expect("revoked");

    let audit = world.database.audit();
    let of_key = AuditParams { record_id: Some(*issued.key.id.as_uuid()), ..Default::default() };
    let told = audit.list(owner, &of_key).await.expect("read").data;
    let actions: Vec<AuditAction> = told.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [AuditAction::Delete, AuditAction::Update, AuditAction::Create]);
    assert_eq!(told[2].after.as_ref().expect("told")["name"], "Web shop");
    let names = serde_json::json!(["client:read", "client:write"]);
    assert_eq!(told[2].after.as_ref().expect("told")["effective"], names);
    assert!(told.iter().all(|entry| entry.subject == "api_keys" && entry.key_id.is_none()));
    let by_it = audit.list(owner, &AuditParams::default()).await.expect("read").data;
    let by_it: Vec<_> = by_it.iter().filter(|entry| entry.key_id.is_some()).collect();
    assert_eq!(by_it.len(), 2);
    for (entry, action) in by_it.iter().zip([AuditAction::Refuse, AuditAction::Create]) {
        assert_eq!((entry.action, entry.key_id), (action, Some(issued.key.id)));
        assert_eq!((entry.user_id, entry.session_id), (Some(user), None));
    }
}

/// A key's idempotency keys are its own: what a session of its member was
/// answered is not told to it.
#[tokio::test]
async fn a_key_has_idempotency_keys_of_its_own() {
    let world = World::create().await;
    let issued = world.key(&world.owner.scope, Permission::ClientWrite).await;
    let scope = world.scope(&issued).await.expect("verifies");
    let clients = world.database.repository::<Client>();
    let key = IdempotencyKey::new("k", &[b"one"]).expect("a key");
    let new = NewClient::named("Ada");
    let first = clients.once(&key).create(&world.owner.scope, &new).await.expect("made");
    let second = clients.once(&key).create(&scope, &new).await.expect("made");
    let again = clients.once(&key).create(&scope, &new).await.expect("repeated");
    assert!(!first.is_before() && !second.is_before() && again.is_before());
    assert_eq!(again.into_inner(), second.into_inner());
}

/// P5: a key that waits behind its maker's demotion is not made.
#[tokio::test]
async fn p5_a_key_that_waits_behind_a_demotion_is_not_made() {
    let world = World::create().await;
    let admin = world.join(BuiltInRole::Admin).await;
    let user = admin.scope.user_id().expect("a user");
    let lock = format!("select nexo.hold_roles('{}')", admin.scope.account_id());
    let holder = Holder::hold(&world, &lock).await;
    let (members, keys) = (world.database.members(), world.database.api_keys());
    let viewer = MemberPatch::role(BuiltInRole::Viewer);
    let demoting = members.patch(&world.owner.scope, user, &viewer);
    let new = NewApiKey::named("x", Permission::ClientWrite);
    let making = async {
        holder.awaits(1).await;
        let making = keys.create(&admin.scope, &new);
        let letting_go = async {
            holder.awaits(2).await;
            holder.let_go().await;
        };
        tokio::join!(making, letting_go).0
    };
    let (demoted, made) = tokio::join!(demoting, making);
    demoted.expect("demoted");
    assert_eq!(made.expect_err("too late").code(), ErrorCode::PermissionsChanged);
    assert_eq!(keys.list(&world.owner.scope).await.expect("listed").data, []);
}
