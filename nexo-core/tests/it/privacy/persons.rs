//! Clients, employees, suppliers and professionals.

use nexo_core::model::{
    AuditAction, AuditParams, Batch, BatchMode, BatchOperation, BuiltInRole, Client, ClientPatch,
    Duplicates, Employee, Erase, ErrorCode, Id, NewApiKey, NewClient, NewEmployee, NewImport,
    NewProfessional, NewProject, NewRole, NewSupplier, NewTask, Permission, Person, Professional,
    Project, ProjectMember, Supplier, Task,
};
use nexo_core::testing::Tenant;
use nexo_core::{IdempotencyKey, Table};
use serde_json::json;

use super::{MARK, World};

/// With the mark in every text, and a phone number that nobody else has.
const PHONE: &str = "+49 171 99887711";

fn client() -> NewClient {
    NewClient {
        external_id: Some(format!("{MARK}-1")),
        email: Some(format!("{MARK}@example.com")),
        phone: Some(PHONE.to_owned()),
        website: Some(format!("https://{MARK}.example")),
        address: Some(format!("{MARK} street 7")),
        tags: vec![format!("{MARK} tag")],
        notes: Some(format!("{MARK} notes")),
        ..NewClient::named(format!("Ada {MARK}"))
    }
}

fn erase(confirm: impl Into<String>) -> Erase {
    Erase { confirm: confirm.into(), reason: Some("they asked for it".to_owned()) }
}

/// Every copy is told, and then none is left in any table, the log among them; what
/// refers to the record still does, and the chain adds up, whether an entry was
/// sealed before or not.
#[tokio::test]
async fn a_client_is_told_and_forgotten_wherever_it_is() {
    let world = World::create().await;
    let (scope, clients) = (world.scope(), world.database.repository::<Client>());
    let key = IdempotencyKey::new("once", &[b"a"]).expect("a key");
    let made = clients.once(&key).create(scope, &client()).await.expect("made").into_inner();
    let project = NewProject { client_id: Some(made.id), ..NewProject::named("Engine") };
    let project =
        world.database.repository::<Project>().create(scope, &project).await.expect("made");
    // A row that changes it, one that fails on its key, and a dry run.
    let file = format!("external_id,name,notes\n{MARK}-1,Ada {MARK},{MARK} imported\n");
    world
        .import(NewImport { duplicates: Duplicates::Update, ..NewImport::csv("clients", 1) }, &file)
        .await;
    let file = format!("external_id,name\n{MARK}-1,Somebody\n");
    world.import(NewImport::csv("clients", 1), &file).await;
    world.import(NewImport { dry_run: true, ..NewImport::csv("clients", 1) }, &file).await;
    world.seal(scope).await;
    let patch = ClientPatch { notes: format!("{MARK} again").into(), ..ClientPatch::default() };
    let batch = Batch {
        mode: BatchMode::Each,
        operations: vec![
            BatchOperation::Patch { id: made.id, version: None, changes: patch },
            BatchOperation::Create { record: NewClient::named("Another") },
        ],
    };
    let batch_key = IdempotencyKey::new("batch", &[b"b"]).expect("a key");
    clients.once(&batch_key).batch(scope, &batch).await.expect("done");

    let privacy = world.database.privacy();
    let told = privacy.export::<Client>(scope, made.id).await.expect("told");
    assert!(told.is_complete);
    assert_eq!(told.record, Some(clients.get(scope, made.id).await.expect("there")));
    let [by] = &told.referred_by[..] else { panic!("{:?}", told.referred_by) };
    assert_eq!(
        (&*by.collection, &*by.field, by.id),
        ("projects", "client_id", *project.id.as_uuid())
    );
    assert_eq!((&*by.name, &by.role), ("Engine", &None));
    let [row] = &told.import_rows[..] else { panic!("{:?}", told.import_rows) };
    assert_eq!(row.before.as_ref().expect("told")["notes"], format!("{MARK} notes"));
    assert_eq!(told.answers.len(), 2);
    let text = serde_json::to_string(&told).expect("serialises");
    for value in [
        format!("{MARK}-1"),
        format!("{MARK}@example.com"),
        PHONE.to_owned(),
        format!("https://{MARK}.example"),
        format!("{MARK} street 7"),
        format!("{MARK} tag"),
        format!("{MARK} notes"),
        format!("Ada {MARK}"),
        format!("{MARK} imported"),
        format!("{MARK} again"),
    ] {
        assert!(text.contains(&value), "{value}");
    }
    assert!(!text.contains("Another"), "another's record in the same answer");
    let actions: Vec<AuditAction> = told.history.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [AuditAction::Update, AuditAction::Update, AuditAction::Create]);
    for table in ["nexo.clients", "nexo.import_rows", "nexo.idempotency_keys", "nexo.audit_log"] {
        assert!(world.found(MARK).await.iter().any(|found| found.starts_with(table)), "{table}");
    }

    for wrong in ["Ada", "Erased client"] {
        let refused =
            privacy.erase::<Client>(scope, made.id, &erase(wrong)).await.expect_err("not its name");
        assert_eq!(
            (refused.code(), &*refused.fields()[0].field),
            (ErrorCode::ValidationFailed, "confirm")
        );
    }
    let erased = privacy
        .erase::<Client>(scope, made.id, &erase(format!("Ada {MARK}")))
        .await
        .expect("erased");
    assert_eq!(world.found(MARK).await, Vec::<String>::new());
    assert_eq!(world.found(PHONE).await, Vec::<String>::new());
    // Three of before, and of the erasure itself. Three rows: changed, failed, dry.
    assert_eq!((erased.entries, erased.import_rows, erased.answers), (4, 3, 2));
    let left = erased.record.expect("it is there");
    assert_eq!((&*left.name, left.archived_at.is_some()), ("Erased client", true));
    let kept = world.database.repository::<Project>().get(scope, project.id).await.expect("kept");
    assert_eq!(kept.client_id, Some(made.id));

    // Who did what and when is still told, and who erased, but not what.
    let log = world
        .log(scope, &AuditParams { record_id: Some(*made.id.as_uuid()), ..AuditParams::default() })
        .await;
    let [told, gone @ ..] = &log[..] else { panic!("entries") };
    assert_eq!(
        (told.action, told.user_id, &*told.subject),
        (AuditAction::Erase, scope.user_id(), "clients")
    );
    let after = told.after.as_ref().expect("told");
    assert_eq!(
        (&after["entries"], &after["import_rows"], &after["answers"]),
        (&json!(4), &json!(3), &json!(2))
    );
    assert_eq!(after["reason"], "they asked for it");
    assert_eq!(after["erased"].as_object().expect("ids").len(), 4);
    assert_eq!(gone.len(), 4);
    for entry in gone {
        assert_eq!((&entry.before, &entry.after, entry.erased_by), (&None, &None, Some(told.id)));
        assert_eq!(entry.user_id, scope.user_id());
    }
    for _ in 0..2 {
        let found = world.verify(scope).await;
        assert_eq!(found.fault, None);
        world.seal(scope).await;
    }
    let found = world.verify(scope).await;
    assert_eq!((found.erased, found.unsealed, found.fault), (4, 0, None));

    // The requests are not done again; and nothing more is erased, or told.
    for (key, again) in [(&key, false), (&batch_key, true)] {
        let once = clients.once(key);
        let refused = if again {
            once.batch(scope, &batch).await.map(drop)
        } else {
            once.create(scope, &client()).await.map(drop)
        };
        assert_eq!(refused.expect_err("erased").code(), ErrorCode::Conflict);
    }
    let twice = privacy
        .erase::<Client>(scope, made.id, &erase(format!("Ada {MARK}")))
        .await
        .expect("again");
    assert_eq!((twice.entries, twice.import_rows, twice.answers), (0, 0, 0));
    let again = world
        .log(scope, &AuditParams { record_id: Some(*made.id.as_uuid()), ..AuditParams::default() })
        .await;
    assert_eq!(again, log);
    let told = privacy.export::<Client>(scope, made.id).await.expect("told");
    assert_eq!((told.import_rows.len(), told.answers.len(), told.history.len()), (0, 0, 5));
    // What comes to the record later is erased like the rest.
    let patch = ClientPatch { notes: format!("{MARK} later").into(), ..ClientPatch::default() };
    clients.patch(scope, made.id, &patch, None).await.expect("changed");
    let later = privacy.erase::<Client>(scope, made.id, &erase("x")).await.expect("again");
    assert_eq!((later.entries, world.found(MARK).await), (2, Vec::new()));
}

async fn forgotten<T: Table + Person>(world: &World, id: Id<T>, name: &str, field: &str) -> T {
    let scope = world.scope();
    let told = world.database.privacy().export::<T>(scope, id).await.expect("told");
    let text = serde_json::to_string(&told).expect("serialises");
    let texts = |record: &T| {
        let record = serde_json::to_value(record).expect("serialises");
        record
            .as_object()
            .expect("an object")
            .values()
            .filter(|it| it.to_string().contains(MARK))
            .count()
    };
    assert!(texts(told.record.as_ref().expect("it is there")) >= 5, "{}", T::COLLECTION);
    assert!(text.contains(MARK));
    let erased =
        world.database.privacy().erase::<T>(scope, id, &erase(name)).await.expect("erased");
    assert_eq!(world.found(MARK).await, Vec::<String>::new(), "{}", T::COLLECTION);
    let record = erased.record.expect("it is there");
    let json = serde_json::to_value(&record).expect("serialises");
    assert_eq!(json[field], T::ERASED);
    world.seal(scope).await;
    assert_eq!(world.verify(scope).await.fault, None);
    record
}

/// Of a record that was deleted before, there are copies: they are told, and go.
#[tokio::test]
async fn whoever_was_deleted_is_forgotten_too() {
    let world = World::create().await;
    let (scope, clients) = (world.scope(), world.database.repository::<Client>());
    let new = NewClient { notes: Some(MARK.to_owned()), ..NewClient::named("Ada") };
    let key = IdempotencyKey::new("create", &[b"c"]).expect("a key");
    let made = clients.once(&key).create(scope, &new).await.expect("made").into_inner();
    clients.delete(scope, made.id, None).await.expect("deleted");
    let privacy = world.database.privacy();
    let told = privacy.export::<Client>(scope, made.id).await.expect("told");
    assert_eq!((told.record, told.history.len(), told.answers.len()), (None, 2, 1));
    let wrong = privacy.erase::<Client>(scope, made.id, &erase("Bob")).await;
    assert_eq!(wrong.expect_err("another name").fields()[0].field, "confirm");
    let erased = privacy.erase::<Client>(scope, made.id, &erase("Ada")).await.expect("erased");
    assert_eq!((erased.record, erased.entries, erased.answers), (None, 2, 1));
    assert_eq!(world.found(MARK).await, Vec::<String>::new());
    let again = privacy.erase::<Client>(scope, made.id, &erase("Erased client")).await;
    assert_eq!(again.expect("nothing more").entries, 0);
    let never = privacy.erase::<Client>(scope, Id::new(), &erase("Ada")).await;
    assert!(never.expect_err("never was").is_not_found());
    world.seal(scope).await;
    assert_eq!(world.verify(scope).await.fault, None);
}

/// The same of the other persons, with what refers to them.
#[tokio::test]
async fn every_kind_of_person_is_forgotten() {
    let world = World::create().await;
    let scope = world.scope();
    let employees = world.database.repository::<Employee>();
    let boss = NewEmployee {
        external_id: Some(format!("{MARK}-e")),
        employee_code: format!("{MARK}-c"),
        name: format!("Eve {MARK}"),
        email: Some(format!("{MARK}@example.com")),
        title: Some(format!("{MARK} title")),
        salary_level: Some(7),
        user_id: scope.user_id(),
        hired_on: Some("2020-02-01".parse().expect("a day")),
        ..NewEmployee::default()
    };
    let boss = employees.create(scope, &boss).await.expect("made");
    let below = NewEmployee {
        employee_code: "b".to_owned(),
        name: "Bob".to_owned(),
        manager_id: Some(boss.id),
        ..NewEmployee::default()
    };
    let below = employees.create(scope, &below).await.expect("made");
    let helper = NewProfessional {
        external_id: Some(format!("{MARK}-p")),
        name: format!("Pat {MARK}"),
        specialty: Some(format!("{MARK} specialty")),
        skills: vec![format!("{MARK} skill")],
        email: Some(format!("{MARK}@example.com")),
        portfolio: Some(format!("https://{MARK}.example")),
        hourly_rate: Some("99.5".parse().expect("an amount")),
        currency: Some("EUR".to_owned()),
        ..NewProfessional::named("x")
    };
    let member = |employee_id, professional_id| ProjectMember {
        employee_id,
        professional_id,
        role: Some("lead".to_owned()),
    };
    let supplier = NewSupplier {
        external_id: Some(format!("{MARK}-s")),
        company: format!("{MARK} Ltd"),
        category: Some(format!("{MARK} category")),
        contact_person: Some(format!("Sue {MARK}")),
        email: Some(format!("{MARK}@example.com")),
        address: Some(format!("{MARK} street")),
        tax_id: Some(format!("{MARK}-tax")),
        payment_terms: Some(format!("{MARK} terms")),
        rating: Some(3),
        ..NewSupplier::default()
    };
    let project =
        NewProject { members: vec![member(Some(boss.id), None)], ..NewProject::named("Engine") };
    let project =
        world.database.repository::<Project>().create(scope, &project).await.expect("made");
    let task = NewTask { assignee_employee_id: Some(boss.id), ..NewTask::titled("Turn") };
    let task = world.database.repository::<Task>().create(scope, &task).await.expect("made");

    let told = world.database.privacy().export::<Employee>(scope, boss.id).await.expect("told");
    let by: Vec<_> =
        told.referred_by.iter().map(|by| (&*by.field, by.id, by.role.as_deref())).collect();
    assert_eq!(
        by,
        [
            ("manager_id", *below.id.as_uuid(), None),
            ("members[].employee_id", *project.id.as_uuid(), Some("lead")),
            ("assignee_employee_id", *task.id.as_uuid(), None),
        ]
    );
    let boss = forgotten::<Employee>(&world, boss.id, &boss.name, "name").await;
    assert_eq!((boss.user_id, boss.salary_level, boss.hired_on), (None, None, None));
    assert_eq!(employees.get(scope, below.id).await.expect("there").manager_id, Some(boss.id));
    let task = world.database.repository::<Task>().get(scope, task.id).await.expect("there");
    assert_eq!(task.assignee_employee_id, Some(boss.id));

    let helper =
        world.database.repository::<Professional>().create(scope, &helper).await.expect("made");
    let name = helper.name.clone();
    let helper = forgotten::<Professional>(&world, helper.id, &name, "name").await;
    assert_eq!((helper.hourly_rate, helper.currency), (None, None));
    let supplier =
        world.database.repository::<Supplier>().create(scope, &supplier).await.expect("made");
    let supplier =
        forgotten::<Supplier>(&world, supplier.id, &supplier.company.clone(), "company").await;
    // Nothing refers to it: what is left can go too.
    world
        .database
        .repository::<Supplier>()
        .delete(scope, supplier.id, None)
        .await
        .expect("deleted");
}

/// P1, P2: another account's record is as missing as any; without the permission
/// nothing is told or erased, by an API key neither.
#[tokio::test]
async fn p1_p2_only_whoever_may_is_told() {
    let world = World::create().await;
    let (scope, privacy) = (world.scope(), world.database.privacy());
    let clients = world.database.repository::<Client>();
    let made = clients.create(scope, &client()).await.expect("made");
    let other = Tenant::register(&world.authenticator).await.scope;
    let theirs = world.log(&other, &AuditParams::default()).await.len();
    let mut said = Vec::new();
    for id in [made.id, Id::new()] {
        said.push([
            privacy.export::<Client>(&other, id).await.map(drop).expect_err("missing").to_string(),
            privacy
                .erase::<Client>(&other, id, &erase(&*made.name))
                .await
                .map(drop)
                .expect_err("missing")
                .to_string(),
        ]);
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(world.log(&other, &AuditParams::default()).await.len(), theirs);
    assert_eq!(clients.get(scope, made.id).await.expect("there"), made);

    let join = |role| Tenant::join(&world.database, &world.authenticator, scope, role);
    for role in [BuiltInRole::Manager, BuiltInRole::Member, BuiltInRole::Viewer] {
        let member = join(role).await.scope;
        let refused = privacy.export::<Client>(&member, made.id).await.expect_err("refused");
        assert_eq!(refused.code(), ErrorCode::Forbidden, "{role}");
        let refused = privacy.erase::<Client>(&member, made.id, &erase(&*made.name)).await;
        assert_eq!(refused.expect_err("refused").code(), ErrorCode::Forbidden, "{role}");
    }
    // Privacy alone does not show what its holder may not read otherwise.
    let role = NewRole {
        name: "Privacy".into(),
        permissions: Permission::PrivacyManage.into(),
        ..NewRole::default()
    };
    let role = world.database.roles().create(scope, &role, None).await.expect("made").into_inner();
    let officer = Tenant::join(&world.database, &world.authenticator, scope, role.id).await.scope;
    let refused = privacy.export::<Client>(&officer, made.id).await.expect_err("refused");
    assert!(refused.to_string().contains("client:read"), "{refused}");

    let key = async |permissions: nexo_core::model::Permissions| {
        let new = NewApiKey::named("privacy", permissions);
        let key = world.database.api_keys().create(scope, &new).await.expect("made");
        world.authenticator.verify(&key.secret).await.expect("verifies")
    };
    let without = key(Permission::ClientDelete | Permission::ClientWrite).await;
    let refused =
        privacy.erase::<Client>(&without, made.id, &erase(&*made.name)).await.expect_err("refused");
    assert!(refused.to_string().contains("privacy:manage"), "{refused}");
    let of_suppliers = key(Permission::PrivacyManage | Permission::SupplierDelete).await;
    let refused = privacy.erase::<Client>(&of_suppliers, made.id, &erase(&*made.name)).await;
    assert_eq!(refused.expect_err("refused").code(), ErrorCode::Forbidden);
    let with =
        key((Permission::PrivacyManage | Permission::ClientDelete).with(Permission::ClientWrite))
            .await;
    privacy.erase::<Client>(&with, made.id, &erase(&*made.name)).await.expect("erased");
    assert_eq!(world.found(MARK).await, Vec::<String>::new());
    let log = world
        .log(scope, &AuditParams { action: Some(AuditAction::Erase), ..AuditParams::default() })
        .await;
    assert_eq!((log.len(), log[0].key_id), (1, with.key_id()));
}

/// A file that was not taken in yet may have the person too.
#[tokio::test]
async fn a_file_that_waits_holds_an_erasure_up() {
    let world = World::create().await;
    let (scope, importer) = (world.scope(), world.database.importer());
    let made = world.database.repository::<Client>().create(scope, &client()).await.expect("made");
    let file = format!("name\n{MARK}\n");
    let new = NewImport::csv("clients", file.len() as u64);
    let import = importer.create(scope, &new, None).await.expect("begins").into_inner().id;
    importer.write(scope, import, 0, file.as_bytes()).await.expect("arrives");
    let privacy = world.database.privacy();
    let refused =
        privacy.erase::<Client>(scope, made.id, &erase(&*made.name)).await.expect_err("held");
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let kept = world.database.repository::<Client>().get(scope, made.id).await.expect("there");
    assert_eq!(kept, made);
    importer.delete(scope, import).await.expect("forgotten");
    privacy.erase::<Client>(scope, made.id, &erase(&*made.name)).await.expect("erased");
    assert_eq!(world.found(MARK).await, Vec::<String>::new());
}
