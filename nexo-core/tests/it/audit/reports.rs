//! Reports: who could read a record, changes of what people may, failures to
//! sign in, and the log as a file.

use nexo_core::model::{
    AccountSettingsPatch, AuditAccess, AuditAction, AuditTopic, MemberPatch, NewApiKey, NewRole,
    Permissions, RolePatch, SheetFormat, Visibility,
};

use super::*;

impl World {
    async fn access(&self, id: Id<Client>) -> Vec<AuditAccess> {
        self.database.audit().access(&self.owner.scope, id).await.expect("told").data
    }

    async fn join(&self, role: impl Into<nexo_core::model::RoleRef>) -> Tenant {
        Tenant::join(&self.database, &self.authenticator, &self.owner.scope, role).await
    }

    async fn client(&self, name: &str) -> Client {
        let clients = self.database.repository::<Client>();
        clients.create(&self.owner.scope, &NewClient::named(name)).await.expect("made")
    }
}

/// Those of one user, and not by a key.
fn own(all: &[AuditAccess], who: &Tenant) -> Vec<AuditAccess> {
    let user = who.scope.user_id();
    all.iter().filter(|it| it.user_id == user && it.key_id.is_none()).cloned().collect()
}

/// Who could read a record: from when it was there or they might, until it was
/// gone or they might not; by themselves and by their keys, whatever role it was.
#[tokio::test]
async fn who_could_read_a_record_and_when() {
    let world = World::create().await;
    let (owner, members) = (&world.owner.scope, world.database.members());
    let viewer = world.join(BuiltInRole::Viewer).await;
    let gone = world.join(BuiltInRole::Viewer).await;
    members.remove(owner, gone.scope.user_id().expect("a user")).await.expect("removed");
    let blind = NewRole {
        name: "Blind".into(),
        permissions: Permission::TaskRead.into(),
        ..NewRole::default()
    };
    let blind =
        world.database.roles().create(owner, &blind, None).await.expect("made").into_inner();
    let other = world.join(blind.id).await;
    let record = world.client("Acme").await;
    // The log has the moment at which the entry was made.
    let begun = world.database.audit().history::<Client>(owner, record.id, None, None).await;
    let begun = begun.expect("read").data[0].at;

    let all = world.access(record.id).await;
    assert_eq!((own(&all, &gone), own(&all, &other)), (vec![], vec![]));
    let [since] = &own(&all, &viewer)[..] else { panic!("{all:?}") };
    assert_eq!((since.since, since.until), (Some(begun), None), "since it was there");
    assert_eq!(since.user_name.as_deref(), Some("Test Member"));
    assert_eq!(own(&all, &world.owner).len(), 1);

    // The role sees more, and then less; the member another one; and is held out.
    let more = RolePatch { permissions: Some(Permission::ClientRead.into()), ..Default::default() };
    let less = RolePatch { permissions: Some(Permissions::NONE), ..Default::default() };
    world.database.roles().patch(owner, blind.id, &more, None).await.expect("patched");
    world.database.roles().patch(owner, blind.id, &less, None).await.expect("patched");
    let user = viewer.scope.user_id().expect("a user");
    for patch in [
        // Nothing changes for the record by this one.
        MemberPatch::role(BuiltInRole::Admin),
        MemberPatch::disabled(true),
        MemberPatch::disabled(false),
    ] {
        members.patch(owner, user, &patch).await.expect("patched");
    }
    let key = NewApiKey::named("x", Permission::ClientWrite);
    let key = world.database.api_keys().create(owner, &key).await.expect("made").key;
    let all = world.access(record.id).await;
    let [once] = &own(&all, &other)[..] else { panic!("{all:?}") };
    assert!(once.since > Some(begun) && once.until > once.since, "{once:?}");
    let [before, after] = &own(&all, &viewer)[..] else { panic!("{all:?}") };
    assert!(before.since == Some(begun) && before.until < after.since, "{before:?} {after:?}");
    assert_eq!(after.until, None);
    let by_key: Vec<_> = all.iter().filter(|it| it.key_id == Some(key.id)).collect();
    assert_eq!((by_key.len(), by_key[0].until), (1, Some(key.expires_at)));
    assert_eq!(by_key[0].user_id, owner.user_id());

    // It ends with the record; and what came after is not told.
    let clients = world.database.repository::<Client>();
    clients.delete(owner, record.id, None).await.expect("deleted");
    let late = world.join(BuiltInRole::Viewer).await;
    let all = world.access(record.id).await;
    assert_eq!(own(&all, &late), []);
    let until = own(&all, &world.owner)[0].until;
    assert!(until.is_some() && all.iter().all(|it| it.until.is_some() && it.until <= until));
    let file = world.database.audit().access(owner, record.id).await.expect("told");
    let file = String::from_utf8(file.to_file(SheetFormat::Csv).expect("written")).expect("text");
    assert_eq!(file.lines().count(), all.len() + 1);
    assert!(file.starts_with("user_id,user_name,key_id,visibility,since,until\r\n"), "{file}");
}

/// Whoever sees only what is their own is told as that, since what was whose is not.
#[tokio::test]
async fn who_sees_their_own_is_told_apart() {
    let world = World::create().await;
    let new = NewRole {
        name: "Own".to_owned(),
        permissions: Permission::ClientReadOwn.into(),
        ..NewRole::default()
    };
    let owner = &world.owner.scope;
    let role = world.database.roles().create(owner, &new, None).await.expect("made").into_inner();
    let member = world.join(role.id).await;
    let record = world.client("Acme").await;
    let more = RolePatch { permissions: Some(Permission::ClientRead.into()), ..Default::default() };
    world.database.roles().patch(owner, role.id, &more, None).await.expect("sees all");
    let seen: Vec<_> = own(&world.access(record.id).await, &member)
        .iter()
        .map(|span| (span.visibility, span.until.is_some()))
        .collect();
    assert_eq!(seen, [(Visibility::Own, true), (Visibility::All, false)]);
}

/// Of those of whom the log tells nothing yet, what they have is what they had.
#[tokio::test]
async fn whoever_was_there_before_the_log_is_told_too() {
    let world = World::create().await;
    let viewer = world.join(BuiltInRole::Viewer).await;
    let record = world.client("Acme").await;
    let superuser = world.test.superuser().await;
    superuser.batch_execute("delete from nexo.audit_log").await.expect("as if it began now");
    let all = world.access(record.id).await;
    let [always] = &own(&all, &viewer)[..] else { panic!("{all:?}") };
    assert_eq!((always.since.is_some(), always.until), (true, None), "since they joined");
    let user = viewer.scope.user_id().expect("a user");
    let out = MemberPatch::disabled(true);
    world.database.members().patch(&world.owner.scope, user, &out).await.expect("held out");
    let all = world.access(record.id).await;
    let [always] = &own(&all, &viewer)[..] else { panic!("{all:?}") };
    assert_eq!((always.since, always.until.is_some()), (None, true), "for longer than is told");
}

/// Whoever was there before the log, went and came again could read it twice; and
/// a key that has expired does not begin again with its member's rights.
#[tokio::test]
async fn what_came_and_went_is_told_as_it_was() {
    let world = World::create().await;
    let (owner, members) = (&world.owner.scope, world.database.members());
    let viewer = world.join(BuiltInRole::Viewer).await;
    let user = viewer.scope.user_id().expect("a user");
    let admin = world.join(BuiltInRole::Admin).await;
    let key = NewApiKey::named("x", Permission::ClientRead);
    let key = world.database.api_keys().create(&admin.scope, &key).await.expect("made").key;
    let record = world.client("Acme").await;
    let superuser = world.test.superuser().await;
    let before = "delete from nexo.audit_log where subject = 'members';
         update nexo.api_keys set expires_at = clock_timestamp();
         update nexo.audit_log set after = jsonb_set(after, '{expires_at}', to_jsonb(clock_timestamp()))
         where subject = 'api_keys'";
    superuser.batch_execute(before).await.expect("as if it began now");
    members.remove(owner, user).await.expect("removed");
    let invite = Invite { email: viewer.email.clone(), role: BuiltInRole::Viewer.into() };
    let invited = world.database.invitations().create(owner, &invite).await.expect("invited");
    let accept = AcceptInvitation {
        token: invited.token,
        password: PASSWORD.to_owned(),
        name: None,
        code: None,
    };
    world.authenticator.accept_invitation(&accept, &peer()).await.expect("accepted");
    let nothing = NewRole { name: "Nothing".into(), ..NewRole::default() };
    let nothing = world.database.roles().create(owner, &nothing, None).await.expect("made");
    let nothing = nothing.into_inner();
    let admin = admin.scope.user_id().expect("a user");
    for role in [nothing.id.into(), nexo_core::model::RoleRef::from(BuiltInRole::Admin)] {
        members.patch(owner, admin, &MemberPatch::role(role)).await.expect("patched");
    }

    let all = world.access(record.id).await;
    let [before, after] = &own(&all, &viewer)[..] else { panic!("{all:?}") };
    assert!(before.until.is_some() && before.until < after.since && after.until.is_none());
    let by_key: Vec<_> = all.iter().filter(|it| it.key_id == Some(key.id)).collect();
    assert_eq!(by_key.len(), 1, "{by_key:?}");
    for span in &all {
        assert!(
            span.until.is_none() || span.since.is_none() || span.since < span.until,
            "{span:?}"
        );
    }
}

/// P1, P2: what is told of a record takes the right to read it, and is of the own
/// account.
#[tokio::test]
async fn p1_who_could_read_is_told_of_the_own_records_alone() {
    let world = World::create().await;
    let strangers = World::create().await;
    let theirs = strangers.client("Eve").await;
    let audit = world.database.audit();
    let mut told = Vec::new();
    for id in [theirs.id, Id::new()] {
        told.push(audit.access(&world.owner.scope, id).await.expect_err("foreign").to_string());
    }
    assert_eq!(told[0], told[1]);
    let record = world.client("Acme").await;
    for missing in [Permission::AuditRead, Permission::KeyManage, Permission::ClientRead] {
        let all = BuiltInRole::Admin.permissions();
        // What reads is needed for what writes and manages.
        let kept = all.iter().filter(|it| it.implies() != Some(missing) && *it != missing);
        let role = NewRole {
            name: missing.to_string(),
            permissions: kept.collect(),
            ..NewRole::default()
        };
        let role =
            world.database.roles().create(&world.owner.scope, &role, None).await.expect("made");
        let member = world.join(role.into_inner().id).await;
        let refused = audit.access(&member.scope, record.id).await.expect_err("may not");
        assert_eq!(refused.to_string(), format!("your role does not permit it: {missing}"));
    }
}

#[tokio::test]
async fn topics_gather_what_is_about_them() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let begun = jiff::Timestamp::now();
    let viewer = world.join(BuiltInRole::Viewer).await;
    let user = viewer.scope.user_id().expect("a user");
    let up = MemberPatch::role(BuiltInRole::Admin);
    world.database.members().patch(owner, user, &up).await.expect("patched");
    let key = NewApiKey::named("x", Permission::ClientRead);
    world.database.api_keys().create(owner, &key).await.expect("made");
    world.client("Acme").await;
    let settings = world.database.settings();
    settings.patch(owner, &AccountSettingsPatch::default()).await.expect("as they were");
    let wrong = LoginRequest::new(&viewer.email, "not that one, surely");
    world.authenticator.login(&wrong, &peer()).await.expect_err("wrong");

    let about =
        |topic| AuditParams { topic: Some(topic), from: Some(begun), ..AuditParams::default() };
    let told = world.log(&about(AuditTopic::Permissions)).await;
    let told: Vec<_> = told.iter().map(|it| format!("{} {}", it.action, it.subject)).collect();
    let expected = [
        "create settings",
        "create invitations",
        "update invitations",
        "create members",
        "update members",
        "create api_keys",
    ];
    let sorted = |mut it: Vec<String>| {
        it.sort();
        it
    };
    assert_eq!(sorted(told), sorted(expected.map(str::to_owned).to_vec()));
    let told = world.log(&about(AuditTopic::SignInFailures)).await;
    let [failed] = &told[..] else { panic!("{told:?}") };
    assert_eq!((failed.action, failed.user_id), (AuditAction::FailLogin, Some(user)));
    assert_eq!(failed.after.as_ref().expect("told")["for"], "password");
    let unknown = AuditParams { subject: Some("client".into()), ..AuditParams::default() };
    let refused = world.database.audit().list(owner, &unknown).await.expect_err("a typo");
    assert_eq!(refused.code(), ErrorCode::InvalidQuery);
    assert!(refused.to_string().contains("clients") && refused.to_string().contains("members"));
    let of_owner = AuditParams { user_id: owner.user_id(), ..about(AuditTopic::SignInFailures) };
    assert_eq!(world.log(&of_owner).await, []);
}

/// R10: a topic is found by an index of its own, in a log of something else.
#[tokio::test]
async fn r10_topics_are_found_by_their_indexes() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    let account = world.owner.scope.account_id();
    let fill = format!(
        "insert into nexo.audit_log (account_id, id, action, subject, record_id)
         select '{account}', gen_random_uuid(), 'update', 'clients', gen_random_uuid() from generate_series(1, 20000);
         analyze nexo.audit_log"
    );
    superuser.batch_execute(&fill).await.expect("filled");
    let app = world.test.as_app().await;
    let begin = format!(
        "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1'"
    );
    app.batch_execute(&begin).await.expect("begun");
    for (condition, index) in [
        (
            "subject in ('members', 'roles', 'invitations', 'api_keys', 'settings')",
            "audit_log_permissions",
        ),
        ("action in ('fail_login', 'token_reuse')", "audit_log_sign_in_failures"),
    ] {
        let explain = format!(
            "explain select id from nexo.audit_log e where account_id = $1 and {condition} order by id desc limit 51"
        );
        let plan = app.query(&explain, &[&account]).await.expect(index);
        let plan: Vec<&str> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.join("\n").contains(index), "{}", plan.join("\n"));
    }
}

/// U5: the log as a file, whole, with what a spreadsheet could run made harmless.
#[tokio::test]
async fn u5_the_log_is_exported() {
    let world = World::create().await;
    let owner = world
        .owner
        .scope
        .clone()
        .seen_from(Peer { user_agent: Some("=cmd|' /C calc'!A0".to_owned()), ..peer() });
    let clients = world.database.repository::<Client>();
    for at in 0..205 {
        clients.create(&owner, &NewClient::named(format!("Client {at}"))).await.expect("made");
    }
    let audit = world.database.audit();
    let params = AuditParams { subject: Some("clients".into()), ..AuditParams::default() };
    let mut file = audit.export(&owner, &params, SheetFormat::Csv).await.expect("begins");
    let mut text = Vec::new();
    while let Some(piece) = file.next().await.expect("goes on") {
        text.extend(piece);
    }
    let text = String::from_utf8(text).expect("text");
    assert!(
        text.starts_with("at,action,subject,record_id,user_id,user_name,session_id,"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 206);
    assert!(text.contains(",'=cmd|") && !text.contains(",=cmd"), "{text}");
    assert!(
        text.contains("\"{\"\"kind\"\":\"\"company\"\",\"\"name\"\":\"\"Client 7\"\""),
        "{text}"
    );
    let mut book = audit.export(&owner, &params, SheetFormat::Xlsx).await.expect("begins");
    let first = book.next().await.expect("goes on").expect("a piece");
    assert!(first.starts_with(b"PK"));

    let limited = AuditParams { limit: Some(5), ..params };
    let refused = audit.export(&owner, &limited, SheetFormat::Csv).await.expect_err("limited");
    assert_eq!(refused.code(), ErrorCode::InvalidQuery);
    let viewer = world.join(BuiltInRole::Viewer).await;
    let none = AuditParams::default();
    let refused = audit.export(&viewer.scope, &none, SheetFormat::Csv).await.expect_err("may not");
    assert!(refused.is_forbidden());
}
