//! Taking a whole import back.

use nexo_core::model::{
    ClientPatch, ClientStatus, Duplicates, ImportStatus, NewClient, NewImport, NewProject, Project,
};

use super::{World, clients, with_key};

#[tokio::test]
async fn what_was_created_goes_and_what_was_changed_comes_back() {
    let world = World::create().await;
    let old = NewClient {
        notes: Some("old".to_owned()),
        tags: vec!["a".to_owned()],
        ..with_key("Old", "a1")
    };
    let old = world.clients.create(&world.scope, &old).await.expect("created");
    let new = NewImport { duplicates: Duplicates::Update, ..clients() };
    // The third changes what the first has changed, the fourth what the second
    // has created.
    let file = "external_id,name,status,tags,notes\na1,New,active,b; c,\na2,Two,,,\n\
                a1,Newer,,,changed\na2,Two again,,,\n";
    let import = world.import(new, file).await.expect("imported");
    let newer = world.client("Newer").await.expect("changed twice");
    assert_eq!(newer.notes.as_deref(), Some("changed"));

    let undone = world.importer.undo(&world.scope, import.id).await.expect("undone");
    assert_eq!((undone.status, undone.reverted, undone.kept), (ImportStatus::Undone, 2, 0));
    let all = world.all().await;
    let [now] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        (&now.name, &now.notes, &now.tags, now.status),
        (&old.name, &old.notes, &old.tags, ClientStatus::Lead)
    );
    let again = world.importer.undo(&world.scope, import.id).await.expect("already");
    assert_eq!(again, undone);
}

#[tokio::test]
async fn what_others_touched_since_is_kept_and_told() {
    let world = World::create().await;
    let file = "external_id,name\na1,One\na2,Two\na3,Three\na4,Four\n";
    let import = world.import(clients(), file).await.expect("imported");
    let client = async |name: &str| world.client(name).await.expect("imported").id;
    let patch = ClientPatch { name: "Mine".to_owned().into(), ..ClientPatch::default() };
    world.clients.patch(&world.scope, client("One").await, &patch, None).await.expect("changed");
    let projects = world.database.repository::<Project>();
    let project = NewProject { client_id: Some(client("Two").await), ..NewProject::named("P") };
    projects.create(&world.scope, &project).await.expect("refers");
    world.clients.delete(&world.scope, client("Three").await, None).await.expect("deleted");

    let undone = world.importer.undo(&world.scope, import.id).await.expect("undone");
    assert_eq!((undone.reverted, undone.kept), (2, 2));
    assert_eq!(
        world.told(import.id).await,
        [
            "2 kept:  has changed since",
            "3 kept:  the record is referred to, so it can be archived but not deleted"
        ]
    );
    let mut names: Vec<String> = world.all().await.into_iter().map(|it| it.name).collect();
    names.sort();
    assert_eq!(names, ["Mine", "Two"]);
}

#[tokio::test]
async fn an_import_that_is_under_way_can_be_undone_and_forgotten() {
    let world = World::create().await;
    let mut file = "name\n".to_owned();
    (0..1_200).for_each(|row| file.push_str(&format!("Client {row}\n")));
    let id = world.upload(clients(), file.as_bytes()).await;
    let work = world.importer.advance(&world.scope, id);
    drop(tokio::time::timeout(std::time::Duration::from_millis(150), work).await);
    world.importer.undo(&world.scope, id).await.expect("undone");
    while !world.importer.advance(&world.scope, id).await.expect("undoing").status.is_final() {}
    assert_eq!(world.all().await, []);
    world.importer.delete(&world.scope, id).await.expect("forgotten");
    assert!(world.importer.get(&world.scope, id).await.expect_err("gone").is_not_found());
    let left = "select count(*) from nexo.import_rows";
    let left: i64 = world.test.superuser().await.query_one(left, &[]).await.expect("asked").get(0);
    assert_eq!(left, 0);
}

/// What somebody wrote while the import was running is not the import's to undo.
#[tokio::test]
async fn what_others_wrote_between_two_rows_of_a_record_is_kept() {
    let world = World::create().await;
    let mut file = "external_id,name\nk,First\n".to_owned();
    (0..4_000).for_each(|row| file.push_str(&format!("k{row},Client {row}\n")));
    file.push_str("k,Last\n");
    let new = NewImport { duplicates: Duplicates::Update, ..clients() };
    let id = world.upload(new, file.as_bytes()).await;
    let so_far = async || world.importer.get(&world.scope, id).await.expect("there").processed;
    // Longer each time, because what is cut off in a step is done again.
    let mut patience = std::time::Duration::from_millis(40);
    while so_far().await == 0 {
        let work = world.importer.advance(&world.scope, id);
        drop(tokio::time::timeout(patience, work).await);
        patience += std::time::Duration::from_millis(40);
    }
    assert!(so_far().await < 4_002, "it is in the middle");
    let first = world.client("First").await.expect("imported");
    let patch = ClientPatch { notes: "mine".to_owned().into(), ..ClientPatch::default() };
    world.clients.patch(&world.scope, first.id, &patch, None).await.expect("changed");
    let import = world.finish(id).await.expect("imported");
    assert_eq!((import.created, import.changed), (4_001, 1));
    world.importer.undo(&world.scope, id).await.expect("begun");
    let undone = world.finish(id).await.expect("undone");
    assert_eq!((undone.reverted, undone.kept), (4_001, 1));
    let all = world.all().await;
    let [kept] = all.as_slice() else { panic!("{}", all.len()) };
    assert_eq!((kept.name.as_str(), kept.notes.as_deref()), ("First", Some("mine")));
}
