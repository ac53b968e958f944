//! What becomes of each row.

use nexo_core::model::{ClientStatus, Duplicates, ErrorCode, ImportStatus, NewEmployee, NewImport};
use nexo_core::testing::Tenant;

use super::{World, clients, counts, with_key};

const FILE: &str = "External ID;Name;Kunde seit;status;tags;phone\r\n\
    a1;\"Babbage; Sons\";1830;active;engines; \r\n\
    ;;;;;\r\n\
    a2;Ada;1840;lead;;'+44 20 7946 0958\r\n\
    a3;Byron;1810;unborn;;\r\n\
    a4;;1810;lead;;\r\n";

fn mapped() -> NewImport {
    let mapping = [("Kunde seit".to_owned(), None)].into();
    NewImport { mapping, ..clients() }
}

#[tokio::test]
async fn rows_become_records_and_what_is_refused_is_told() {
    let world = World::create().await;
    let import = world.import(mapped(), FILE).await.expect("imported");
    assert_eq!(import.status, ImportStatus::Done);
    assert_eq!(import.total, Some(4));
    assert_eq!(counts(&import), [4, 2, 0, 0, 2]);
    let columns: Vec<Option<&str>> = import.columns.iter().map(Option::as_deref).collect();
    assert_eq!(
        columns,
        [Some("external_id"), Some("name"), None, Some("status"), Some("tags"), Some("phone")]
    );
    let babbage = world.client("Babbage; Sons").await.expect("it is there");
    assert_eq!(babbage.status, ClientStatus::Active);
    assert_eq!(babbage.tags, ["engines"]);
    assert_eq!(babbage.created_by, world.scope.user_id());
    let ada = world.client("Ada").await.expect("it is there");
    assert_eq!(ada.phone.as_deref(), Some("+44 20 7946 0958"));
    assert_eq!(
        world.told(import.id).await,
        [
            "5 failed: status unknown variant `unborn`, expected one of `lead`, `active`, `inactive`",
            "6 failed: name must be given",
        ]
    );
}

#[tokio::test]
async fn duplicates_are_refused_skipped_or_updated() {
    let world = World::create().await;
    let make = async |new| world.clients.create(&world.scope, &new).await.expect("created");
    let old = make(with_key("Old", "a1")).await;
    let file = "external_id,name,notes\na1,New,\na2,Second,x\na2,Third,\n,Free,\n";
    let with = |duplicates| NewImport { duplicates, ..clients() };

    let refused = world.import(with(Duplicates::Refuse), file).await.expect("imported");
    assert_eq!(counts(&refused), [4, 2, 0, 0, 2]);
    assert_eq!(
        world.told(refused.id).await,
        [
            "2 failed: external_id is taken by another record",
            "4 failed: external_id is taken by another record"
        ]
    );
    let skipped = world.import(with(Duplicates::Skip), file).await.expect("imported");
    assert_eq!(counts(&skipped), [4, 1, 0, 3, 0]);
    assert_eq!(world.client("Old").await, Some(old));

    let updated = world.import(with(Duplicates::Update), file).await.expect("imported");
    assert_eq!(counts(&updated), [4, 1, 3, 0, 0]);
    let third = world.client("Third").await.expect("changed twice");
    // An empty cell leaves its field alone.
    assert_eq!((third.version, third.notes.as_deref()), (3, Some("x")));
    assert!(world.client("Old").await.is_none());
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_keeps_nothing() {
    for duplicates in [Duplicates::Refuse, Duplicates::Skip, Duplicates::Update] {
        let world = World::create().await;
        let old = world.clients.create(&world.scope, &with_key("Old", "a1")).await.expect("made");
        let file = "external_id,name\na1,New\na2,Second\na2,Third\na3,\n";
        let dry = NewImport { dry_run: true, duplicates, ..clients() };
        let dry = world.import(dry, file).await.expect("tried");
        assert_eq!(world.all().await, [old]);
        let undone = world.importer.undo(&world.scope, dry.id).await.expect_err("nothing to undo");
        assert_eq!(undone.code(), ErrorCode::Conflict);

        let real = NewImport { duplicates, ..clients() };
        let real = world.import(real, file).await.expect("imported");
        assert_eq!(counts(&dry), counts(&real), "{duplicates}");
        let rows = |told: Vec<String>| -> Vec<String> {
            told.iter().map(|line| line.chars().take(9).collect()).collect()
        };
        assert_eq!(rows(world.told(dry.id).await), rows(world.told(real.id).await));
    }
}

/// R12, P1: an import is its account's own, and a collection's key must exist.
#[tokio::test]
async fn p1_nobody_else_finds_an_import() {
    let world = World::create().await;
    let id = world.upload(clients(), b"name\nAda\n").await;
    let other = Tenant::register(&world.authenticator).await.scope;
    let importer = &world.importer;
    let codes = [
        importer.get(&other, id).await.expect_err("get").code(),
        importer.write(&other, id, 0, b"name\nEve\n").await.expect_err("write").code(),
        importer.advance(&other, id).await.expect_err("advance").code(),
        importer.undo(&other, id).await.expect_err("undo").code(),
        importer.report(&other, id, 0).await.expect_err("report").code(),
        importer.delete(&other, id).await.expect_err("delete").code(),
    ];
    assert_eq!(codes, [ErrorCode::NotFound; 6]);
    assert_eq!(importer.list(&other).await.expect("listed").data, []);
    assert_eq!(importer.list(&world.scope).await.expect("listed").data.len(), 1);
    assert_eq!(world.finish(id).await.expect("imported").created, 1);
}

#[tokio::test]
async fn other_keys_find_records_too() {
    let world = World::create().await;
    let employees = world.database.repository::<nexo_core::model::Employee>();
    let ada = NewEmployee {
        employee_code: "7".to_owned(),
        name: "Ada".to_owned(),
        ..NewEmployee::default()
    };
    let ada = employees.create(&world.scope, &ada).await.expect("created");
    let new = NewImport {
        key: "employee_code".to_owned(),
        duplicates: Duplicates::Update,
        ..NewImport::csv("employees", 1)
    };
    let file = "employee_code,name,salary_level,hired_on\n7,Ada L,9,2026-01-31\n8,Bo,high,x\n";
    let import = world.import(new, file).await.expect("imported");
    assert_eq!(counts(&import), [2, 0, 1, 0, 1]);
    let ada = employees.get(&world.scope, ada.id).await.expect("there");
    assert_eq!((ada.name.as_str(), ada.salary_level), ("Ada L", Some(9)));
    assert_eq!(
        world.told(import.id).await,
        ["3 failed: salary_level must be a whole number in its range"]
    );
}

/// P10: what cannot be stored refuses its row and no other.
#[tokio::test]
async fn p10_a_cell_that_cannot_be_stored_fails_its_row_alone() {
    let world = World::create().await;
    let long = "k".repeat(5_000);
    let file = format!(
        "external_id,name,status\n\0,A,lead\nk\0,B,lead\nk3,C,le\0ad\n{long},D,lead\nk5,E\0,lead\n\
         k6,F,{long}\nk7,Good,lead\n"
    );
    for duplicates in [Duplicates::Update, Duplicates::Skip, Duplicates::Refuse] {
        let import = NewImport { duplicates, dry_run: true, ..clients() };
        let import = world.import(import, &file).await.expect("it goes on");
        assert_eq!(counts(&import), [7, 1, 0, 0, 6], "{duplicates}");
        let report = world.report(import.id).await.data;
        let longest = report.iter().flat_map(|row| &row.errors).map(|it| it.message.len()).max();
        assert!(longest < Some(300), "{report:?}");
    }
}

/// Rows are numbered as a spreadsheet shows them.
#[tokio::test]
async fn rows_keep_their_numbers_whatever_is_blank() {
    let world = World::create().await;
    let file = "\u{feff}\r\n\r\n;\r\nname;status\r\n\r\n\r\nAda;gone\r\n;\r\n\nBo;gone\r\n\r\n";
    let import = world.import(clients(), file).await.expect("imported");
    assert_eq!((import.total, counts(&import)), (Some(2), [2, 0, 0, 0, 2]));
    let rows: Vec<u64> = world.report(import.id).await.data.iter().map(|row| row.row).collect();
    assert_eq!(rows, [7, 10]);
    let blank = format!("name\n{}Ada\n", "\n".repeat(3_000_000));
    let import = world.import(clients(), &blank).await.expect("imported");
    assert_eq!(counts(&import), [1, 1, 0, 0, 0]);
}

/// U3: who begins many imports at once has no more of them than one by one.
#[tokio::test]
async fn u3_the_quota_holds_in_parallel() {
    let world = World::create().await;
    let new = NewImport::csv("clients", 1_000);
    let begin = (0..60).map(|_| world.importer.create(&world.scope, &new, None));
    let begun = futures_util::future::join_all(begin).await;
    assert_eq!(begun.iter().filter(|it| it.is_ok()).count(), 20);
    let refused = begun.into_iter().find_map(Result::err).expect("one is refused");
    assert_eq!(refused.code(), ErrorCode::Conflict);
}
