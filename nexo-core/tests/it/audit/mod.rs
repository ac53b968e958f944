//! Who did what: an entry for each change, in its transaction.

mod races;
mod reports;
mod retention;
mod seals;

use nexo_core::model::{
    AcceptInvitation, AuditAction, AuditEntry, AuditParams, BuiltInRole, Client, ClientPatch,
    Employee, ErrorCode, Id, Invite, LoginRequest, MemberPatch, NewClient, NewEmployee, NewProject,
    NewRole, PasswordChange, Permission, ProfilePatch, Project, ProjectMember, RefreshRequest,
};
use nexo_core::testing::{PASSWORD, Tenant, TestDatabase};
use nexo_core::tokio_postgres::NoTls;
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::{AuthConfig, Authenticator, Database, Peer, TenantScope};
use serde_json::json;
use uuid::Uuid;

struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    owner: Tenant,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&authenticator).await;
        Self { test, database, authenticator, owner }
    }

    /// All entries, the oldest first.
    async fn log(&self, params: &AuditParams) -> Vec<AuditEntry> {
        let page = self.database.audit().list(&self.owner.scope, params).await.expect("read");
        assert_eq!(page.next_cursor, None);
        page.data.into_iter().rev().collect()
    }

    /// The entries since then, in few words.
    async fn since(&self, then: jiff::Timestamp) -> Vec<String> {
        let params = AuditParams { from: Some(then), ..AuditParams::default() };
        let told = |entry: &AuditEntry| format!("{} {}", entry.action, entry.subject);
        self.log(&params).await.iter().map(told).collect()
    }
}

fn peer() -> Peer {
    Peer {
        ip: Some("192.0.2.7".parse().expect("an address")),
        user_agent: Some("O'Brien\\'; drop table nexo.clients; --\u{0}".to_owned()),
        request_id: Some("request-7".to_owned()),
    }
}

/// Each change has an entry: who, from where, and the fields before and after.
#[tokio::test]
async fn r28_each_change_tells_who_made_it_and_what_it_was() {
    let world = World::create().await;
    let scope = world.owner.scope.clone().seen_from(peer());
    let clients = world.database.repository::<Client>();
    let new = NewClient { notes: Some("first".into()), ..NewClient::named("Ada") };
    let made = clients.create(&scope, &new).await.expect("created");
    let patch = ClientPatch { notes: "second".to_owned().into(), ..ClientPatch::default() };
    clients.patch(&scope, made.id, &patch, None).await.expect("changed");
    clients.delete(&scope, made.id, None).await.expect("deleted");

    let history = world.database.audit().history::<Client>(&scope, made.id, None, None).await;
    let history = history.expect("read").data;
    let actions: Vec<AuditAction> = history.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [AuditAction::Delete, AuditAction::Update, AuditAction::Create]);
    for entry in &history {
        assert_eq!(
            (entry.subject.as_str(), entry.record_id),
            ("clients", Some(*made.id.as_uuid()))
        );
        assert_eq!((entry.user_id, entry.session_id), (scope.user_id(), scope.session_id()));
        assert_eq!(entry.user_name.as_deref(), Some("Test User"));
        assert_eq!(entry.request_id.as_deref(), Some("request-7"));
        assert_eq!(entry.ip.as_deref(), Some("192.0.2.7"));
        // Without what cannot be stored, and no SQL.
        let agent = "O'Brien\\'; drop table nexo.clients; --";
        assert_eq!(entry.user_agent.as_deref(), Some(agent));
    }
    let [deleted, changed, created] = &history[..] else { panic!("three") };
    let fields = |entry: &AuditEntry| (json!(entry.before), json!(entry.after));
    assert_eq!(fields(changed), (json!({ "notes": "first" }), json!({ "notes": "second" })));
    let all = json!({
        "name": "Ada", "kind": "company", "status": "lead", "tags": [], "notes": "first",
        "owner_id": scope.user_id(),
    });
    assert_eq!(fields(created), (json!(null), all));
    assert_eq!(deleted.before.as_ref().expect("told")["notes"], "second");
    assert_eq!(deleted.after, None);

    // A program's reason.
    let job = world.database.system_scope(scope.account_id(), "nightly tidying");
    clients.create(&job, &NewClient::named("Eve")).await.expect("created");
    let newest = world.log(&AuditParams::default()).await.pop().expect("an entry");
    assert_eq!((newest.user_id, newest.reason.as_deref()), (None, Some("nightly tidying")));
}

/// (iii) of the faults: an entry is kept if and only if its change is.
#[tokio::test]
async fn f10_what_is_not_kept_has_no_entry() {
    let world = World::create().await;
    let then = jiff::Timestamp::now();
    let scope = &world.owner.scope;
    let unit = world.database.unit_of_work(scope).await.expect("begins");
    unit.create::<Client>(&NewClient::named("Ada")).await.expect("created");
    unit.rollback();
    let clients = world.database.repository::<Client>();
    let twice = NewClient { external_id: Some("one".into()), ..NewClient::named("Eve") };
    clients.create(scope, &twice).await.expect("created");
    clients.create(scope, &twice).await.expect_err("taken");
    let stale = clients.patch(scope, Id::new(), &ClientPatch::default(), Some(7)).await;
    stale.expect_err("none");
    assert_eq!(world.since(then).await, ["create clients"]);
}

/// Sessions and people, by the triggers alone.
#[tokio::test]
async fn a8_sessions_and_people_are_told() {
    let world = World::create().await;
    let owner = &world.owner;
    let then = jiff::Timestamp::now();
    let login = |password: &str| LoginRequest::new(&owner.email, password);
    let wrong = world.authenticator.login(&login("seven mauve otters juggl"), &peer()).await;
    wrong.expect_err("wrong");
    let tokens = world.authenticator.login(&login(PASSWORD), &peer()).await.expect("logs in");
    let session = world.authenticator.verify(&tokens.access_token).await.expect("verifies");
    let refresh = |token: &str| RefreshRequest { refresh_token: token.to_owned() };
    let next = world.authenticator.refresh(&refresh(&tokens.refresh_token), &peer()).await;
    let next = refresh(&next.expect("goes on").refresh_token);
    world.authenticator.refresh(&next, &peer()).await.expect("goes on");
    let again = world.authenticator.refresh(&refresh(&tokens.refresh_token), &peer()).await;
    again.expect_err("reused");
    let other = world.authenticator.login(&login(PASSWORD), &peer()).await.expect("logs in");
    let other = world.authenticator.verify(&other.access_token).await.expect("verifies");
    let change = PasswordChange {
        current_password: PASSWORD.to_owned(),
        new_password: "eleven plaid herons whistle".to_owned(),
    };
    world
        .authenticator
        .change_password(&owner.scope.clone().seen_from(peer()), &change)
        .await
        .expect("changed");
    let told = [
        "fail_login users",
        "login sessions",
        "token_reuse sessions",
        "login sessions",
        "change_password users",
        "logout sessions",
    ];
    assert_eq!(world.since(then).await, told);
    let params = AuditParams { from: Some(then), ..AuditParams::default() };
    let log = world.log(&params).await;
    for entry in &log {
        assert_eq!(
            (entry.ip.as_deref(), entry.user_id),
            (Some("192.0.2.7"), owner.scope.user_id())
        );
    }
    assert_eq!(log[2].record_id, session.session_id().map(|id| *id.as_uuid()));
    assert_eq!(json!(log[5].after), json!({ "for": "password_change" }));
    assert_eq!(log[5].record_id, other.session_id().map(|id| *id.as_uuid()));

    let then = jiff::Timestamp::now();
    let role = NewRole { name: "Sales".to_owned(), ..NewRole::default() };
    world.database.roles().create(&owner.scope, &role, None).await.expect("made");
    let member =
        Tenant::join(&world.database, &world.authenticator, &owner.scope, BuiltInRole::Member)
            .await;
    let user = member.scope.user_id().expect("a user");
    let members = world.database.members();
    let viewer = MemberPatch::role(BuiltInRole::Viewer);
    members.patch(&owner.scope, user, &viewer).await.expect("changed");
    members.remove(&owner.scope, user).await.expect("removed");
    let told = [
        "create roles",
        "create invitations",
        "update invitations",
        "create members",
        "login sessions",
        "update members",
        "delete members",
    ];
    assert_eq!(world.since(then).await, told);
    let params =
        AuditParams { subject: Some("members".into()), from: Some(then), ..AuditParams::default() };
    let members = world.log(&params).await;
    assert_eq!(members[1].before.as_ref().expect("told")["role"], "member");
    assert_eq!(members[1].after.as_ref().expect("told")["role"], "viewer");
    assert_eq!(members[0].user_id, Some(user));
    assert_eq!(members[2].user_id, owner.scope.user_id());
}

/// Whoever is refused is told of, by the token or by the database; a token that
/// is stale is not.
#[tokio::test]
async fn p5_refusals_are_told() {
    let world = World::create().await;
    let member = async |role: BuiltInRole| {
        let (database, authenticator) = (&world.database, &world.authenticator);
        Tenant::join(database, authenticator, &world.owner.scope, role)
            .await
            .scope
            .seen_from(peer())
    };
    let (viewer, admin) = (member(BuiltInRole::Viewer).await, member(BuiltInRole::Admin).await);
    let then = jiff::Timestamp::now();
    let forbidden = |done: nexo_core::Result<()>| {
        assert_eq!(done.expect_err("refused").code(), ErrorCode::Forbidden);
    };
    let clients = world.database.repository::<Client>();
    forbidden(clients.create(&viewer, &NewClient::named("Ada")).await.map(drop));
    let batch = json!({ "operations": [{ "op": "create", "record": { "name": "Ada" } }] });
    let batch = serde_json::from_value(batch).expect("a batch");
    forbidden(clients.batch(&viewer, &batch).await.map(drop));
    forbidden(world.database.audit().list(&viewer, &AuditParams::default()).await.map(drop));
    let invite = Invite { email: "a@example.com".into(), role: BuiltInRole::Owner.into() };
    forbidden(world.database.invitations().create(&admin, &invite).await.map(drop));
    let params = AuditParams { from: Some(then), ..AuditParams::default() };
    let log = world.log(&params).await;
    let told: Vec<_> = log.iter().map(|entry| (entry.action, entry.user_id)).collect();
    let (by_viewer, by_admin) = (viewer.user_id(), admin.user_id());
    // The second of the same within a minute is not told again.
    assert_eq!(told, [by_viewer, by_viewer, by_admin].map(|user| (AuditAction::Refuse, user)));
    let why = &log[0].after.as_ref().expect("told")["detail"];
    assert_eq!(why, "your role does not permit it: client:write");
    assert_eq!(log[2].ip.as_deref(), Some("192.0.2.7"));
}

/// R28: no run-time role changes or removes an entry, or makes one up.
#[tokio::test]
async fn r28_entries_are_added_by_triggers_and_never_changed() {
    let world = World::create().await;
    let account = world.owner.scope.account_id();
    let user = world.owner.scope.user_id().expect("a user");
    let (app, auth) = (world.test.as_app().await, world.test.as_auth().await);
    let scope = format!(
        "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1';
         set local nexo.user_id = '{user}'"
    );
    for (role, connection) in [("app", app), ("auth", auth)] {
        for statement in [
            "update nexo.audit_log set action = 'login'",
            "delete from nexo.audit_log",
            "truncate nexo.audit_log",
            "insert into nexo.audit_log (action, subject, user_id) values ('create', 'clients', nexo.current_user_id())",
            "insert into nexo.audit_log (action, subject) values ('login', 'clients')",
            "alter table nexo.audit_log disable trigger all",
            "set session_replication_role = replica",
            "create trigger forge after insert on nexo.clients execute function nexo.audit_change()",
        ] {
            connection.batch_execute(&scope).await.expect("begun");
            let refused = connection.batch_execute(statement).await.expect_err(statement);
            let code = refused.code().cloned();
            assert_eq!(code, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {statement}");
            connection.batch_execute("rollback").await.expect("ended");
        }
    }
}

/// R28, P1: who reads sees their own account's entries only, whatever they ask for.
#[tokio::test]
async fn r28_another_accounts_entries_are_not_there() {
    let world = World::create().await;
    let other = Tenant::register(&world.authenticator).await;
    let clients = world.database.repository::<Client>();
    let theirs = clients.create(&other.scope, &NewClient::named("Eve")).await.expect("created");
    let audit = world.database.audit();
    let theirs_in_full =
        audit.list(&other.scope, &AuditParams::default()).await.expect("read").data;
    let seen = async |scope: &TenantScope, params: AuditParams| -> Vec<AuditEntry> {
        audit.list(scope, &params).await.expect("read").data
    };
    let none = AuditParams::default;
    for params in [
        AuditParams { record_id: Some(*theirs.id.as_uuid()), ..none() },
        AuditParams { user_id: other.scope.user_id(), ..none() },
        AuditParams { subject: Some("clients".into()), ..none() },
    ] {
        assert_eq!(seen(&world.owner.scope, params.clone()).await, [], "{params:?}");
        assert!(!seen(&other.scope, params).await.is_empty());
    }
    // A cursor of theirs is a place in time, and nothing else.
    let cursor = theirs_in_full.first().map(|entry| entry.id);
    let mine = seen(&world.owner.scope, AuditParams { cursor, ..none() }).await;
    assert!(mine.iter().all(|entry| !theirs_in_full.contains(entry)));
    for id in [theirs.id, Id::new()] {
        let missing = audit.history::<Client>(&world.owner.scope, id, None, None).await;
        assert!(missing.expect_err("none").is_not_found());
    }
}

/// Pages, and each filter.
#[tokio::test]
async fn entries_come_in_pages_and_by_what_is_asked_for() {
    let world = World::create().await;
    let scope = &world.owner.scope;
    let clients = world.database.repository::<Client>();
    let mut made = Vec::new();
    for at in 0..7 {
        let new = NewClient::named(format!("Client {at}"));
        made.push(*clients.create(scope, &new).await.expect("created").id.as_uuid());
    }
    let audit = world.database.audit();
    let mut params = AuditParams {
        subject: Some("clients".into()),
        action: Some(AuditAction::Create),
        user_id: scope.user_id(),
        limit: Some(3),
        ..AuditParams::default()
    };
    let (mut seen, mut pages) = (Vec::<AuditEntry>::new(), 0);
    loop {
        let page = audit.list(scope, &params).await.expect("read");
        seen.extend(page.data);
        pages += 1;
        params.cursor = page.next_cursor;
        if params.cursor.is_none() {
            break;
        }
    }
    seen.reverse();
    let records: Vec<Uuid> = seen.iter().filter_map(|entry| entry.record_id).collect();
    assert_eq!((pages, records), (3, made));
    // To the microsecond, from inclusive and to exclusive.
    let between =
        AuditParams { from: Some(seen[2].at), to: Some(seen[5].at), ..AuditParams::default() };
    assert_eq!(audit.list(scope, &between).await.expect("read").data.len(), 3);
    for limit in [0, 201] {
        let refused =
            audit.list(scope, &AuditParams { limit: Some(limit), ..Default::default() }).await;
        assert_eq!(refused.expect_err("out of range").code(), ErrorCode::InvalidQuery);
    }
}

/// Secrets never enter it.
#[tokio::test]
async fn p8_no_secret_enters_it() {
    let world = World::create().await;
    let invite = Invite { email: "new@example.com".into(), role: BuiltInRole::Viewer.into() };
    let invited = world.database.invitations().create(&world.owner.scope, &invite).await;
    let token = invited.expect("invited").token;
    let superuser = world.test.superuser().await;
    let log = "select string_agg(e::text, ' ') from nexo.audit_log e";
    let log: String = superuser.query_one(log, &[]).await.expect("read").get(0);
    let hashes = "select array_agg(hash) from (
        select password_hash from nexo.users union all select encode(token_hash, 'hex') from nexo.invitations
        union all select encode(token_hash, 'hex') from nexo.refresh_tokens) as secrets (hash)";
    let hashes: Vec<String> = superuser.query_one(hashes, &[]).await.expect("read").get(0);
    assert!(hashes.len() > 2);
    for secret in hashes.iter().chain([&token, &world.owner.tokens.refresh_token]) {
        assert!(!log.contains(secret.as_str()), "{secret}");
    }
    assert!(!log.contains("token_hash") && !log.contains("password_hash"));
}

/// P2: what somebody may not read, they do not read here either.
#[tokio::test]
async fn p2_the_log_shows_what_may_be_read() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    world
        .database
        .repository::<Client>()
        .create(owner, &NewClient::named("Ada"))
        .await
        .expect("created");
    let role = NewRole {
        name: "Auditor".to_owned(),
        permissions: Permission::AuditRead.into(),
        ..NewRole::default()
    };
    let role = world.database.roles().create(owner, &role, None).await.expect("made").into_inner();
    let auditor = Tenant::join(&world.database, &world.authenticator, owner, role.id).await.scope;
    let audit = world.database.audit();
    let seen = audit.list(&auditor, &AuditParams::default()).await.expect("read").data;
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|entry| ["sessions", "users"].contains(&entry.subject.as_str())));
    // Who verifies sees everything, or nothing could be told.
    let refused = audit.verify(&auditor, &[]).await.expect_err("not everything");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
}

/// What changes nothing has no entry, and a part of a record is a change of it.
#[tokio::test]
async fn parts_are_told_as_changes_of_their_record() {
    let world = World::create().await;
    let scope = &world.owner.scope;
    let employees = world.database.repository::<Employee>();
    let new =
        NewEmployee { employee_code: "E1".into(), name: "Eve".into(), ..NewEmployee::default() };
    let eve = employees.create(scope, &new).await.expect("created").id;
    let projects = world.database.repository::<Project>();
    let members = vec![ProjectMember {
        employee_id: Some(eve),
        role: Some("lead".into()),
        ..Default::default()
    }];
    let new = NewProject { name: "Bridge".into(), members, ..NewProject::default() };
    let then = jiff::Timestamp::now();
    let made = projects.create(scope, &new).await.expect("created").id;
    projects.replace(scope, made, &new, None).await.expect("the same");
    let none = NewProject { members: Vec::new(), ..new };
    projects.replace(scope, made, &none, None).await.expect("without");
    projects.delete(scope, made, None).await.expect("deleted");
    let told = ["create projects", "update projects", "update projects", "delete projects"];
    assert_eq!(world.since(then).await, told);
}

/// What a user does in one account and is felt in another is told there, and not
/// from where.
#[tokio::test]
async fn r28_another_account_is_not_told_from_where() {
    let world = World::create().await;
    let member = Tenant::join(
        &world.database,
        &world.authenticator,
        &world.owner.scope,
        BuiltInRole::Member,
    );
    let member = member.await;
    let other = Tenant::register(&world.authenticator).await;
    let invite = Invite { email: member.email.clone(), role: BuiltInRole::Viewer.into() };
    let invited =
        world.database.invitations().create(&other.scope, &invite).await.expect("invited");
    let accept = AcceptInvitation {
        token: invited.token,
        password: PASSWORD.to_owned(),
        name: None,
        code: None,
    };
    world.authenticator.accept_invitation(&accept, &peer()).await.expect("accepted");
    let then = jiff::Timestamp::now();
    let patch = ProfilePatch { name: "Augusta".to_owned().into() };
    let scope = member.scope.clone().seen_from(peer());
    world.authenticator.update_profile(&scope, &patch).await.expect("renamed");
    world.authenticator.logout_everywhere(&scope).await.expect("ended");
    let audit = world.database.audit();
    let params = AuditParams { from: Some(then), ..AuditParams::default() };
    let there = audit.list(&other.scope, &params).await.expect("read").data;
    assert_eq!(there.len(), 2);
    for entry in there {
        assert_eq!(entry.user_id, scope.user_id());
        assert_eq!((entry.session_id, entry.request_id, entry.ip), (None, None, None));
    }
    let here = world.log(&params).await;
    assert!(here.iter().all(|entry| entry.session_id == scope.session_id() && entry.ip.is_some()));
}

/// The owner of the database deletes a user, or an account, and it is told.
#[tokio::test]
async fn the_owner_deletes_people_and_accounts() {
    let world = World::create().await;
    let (database, authenticator) = (&world.database, &world.authenticator);
    let owner = &world.owner.scope;
    let member = Tenant::join(database, authenticator, owner, BuiltInRole::Member).await.scope;
    let other = Tenant::register(authenticator).await.scope;
    database
        .repository::<Client>()
        .create(&other, &NewClient::named("Ada"))
        .await
        .expect("created");
    let (connection, task) = world.test.owner_config().connect(NoTls).await.expect("connects");
    tokio::spawn(task);
    let then = jiff::Timestamp::now();
    let user = member.user_id().expect("a user");
    let delete = format!(
        "delete from nexo.users where id = '{user}'; delete from nexo.accounts where id = '{}'",
        other.account_id()
    );
    connection.batch_execute(&delete).await.expect("deleted");
    assert_eq!(world.since(then).await, ["delete members"]);
}
