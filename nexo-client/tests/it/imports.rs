//! Files in and out through the SDK.

use nexo_client::model::{
    Duplicates, ImportStatus, ListParams, MAX_PIECE, NewImport, RowOutcome, SheetFormat, Sort,
};

use crate::world::World;

fn file(rows: usize, notes: usize) -> String {
    let row = |at: usize| format!("k{at:05},Client {at},{}\n", "x".repeat(notes));
    format!("external_id,name,notes\n{}", (0..rows).map(row).collect::<String>())
}

#[tokio::test]
async fn a_file_is_uploaded_imported_watched_and_undone() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let file = format!("{}k00001,Twice,\n", file(1_500, 1_000));
    let new = NewImport::csv("clients", file.len() as u64);
    let made = ada.imports().create(&new).await.unwrap();
    assert!(ada.imports().advance(made.id).await.unwrap_err().is_conflict());

    // Broken off after a piece, and taken up by another handle.
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    let short = &file.as_bytes()[..MAX_PIECE];
    let broken = ada.imports().upload(&made, short, |it| sent.push(it.received)).await;
    assert!(broken.unwrap_err().to_string().contains("the file ends after"));
    let import = ada.imports().get(made.id).await.unwrap();
    assert_eq!(
        (import.received, sent.as_slice()),
        (MAX_PIECE as u64, [MAX_PIECE as u64].as_slice())
    );
    // From the beginning, by one who does not know what has arrived.
    let import = ada.imports().upload(&made, file.as_bytes(), |_| {}).await.unwrap();
    assert_eq!(import.received, file.len() as u64);

    let done = ada.imports().finish(made.id, |it| seen.push(it.processed)).await.unwrap();
    assert_eq!((done.status, done.created, done.failed), (ImportStatus::Done, 1_500, 1));
    assert!(seen.is_sorted() && seen.last() == Some(&1_501), "{seen:?}");
    let refused = ada.imports().rows(made.id, 0).await.unwrap().data;
    assert_eq!((refused[0].row, refused[0].outcome), (1_502, RowOutcome::Failed));
    let report = ada.imports().report(made.id).await.unwrap().into_bytes().await.unwrap();
    assert!(String::from_utf8(report).unwrap().contains("\r\n1502,failed,k00001,"));

    ada.imports().undo(made.id).await.unwrap();
    let undone = ada.imports().finish(made.id, |_| {}).await.unwrap();
    assert_eq!((undone.status, undone.reverted), (ImportStatus::Undone, 1_500));
    assert_eq!(ada.clients().list(&ListParams::default()).await.unwrap().data, []);
    assert_eq!(ada.imports().list().await.unwrap().data, [undone]);
    ada.imports().delete(made.id).await.unwrap();
    assert!(ada.imports().get(made.id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_bad_file_names_its_place() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let file = "external_id,name\nk1,Ada,x\n";
    let new = NewImport::csv("clients", file.len() as u64);
    let import = ada.imports().create(&new).await.unwrap();
    ada.imports().upload(&import, file.as_bytes(), |_| {}).await.unwrap();
    let refused = ada.imports().finish(import.id, |_| {}).await.unwrap_err();
    assert!(refused.is_validation());
    assert_eq!(refused.field_errors()[0].field, "row 2, column 3");
}

#[tokio::test]
async fn an_export_comes_in_pieces_and_is_a_file_to_import() {
    let world = World::start().await;
    let (ada, bob) = (world.register("ada").await, world.register("bob").await);
    let text = file(2_500, 50);
    let import = ada.imports().create(&NewImport::csv("clients", text.len() as u64)).await.unwrap();
    ada.imports().upload(&import, text.as_bytes(), |_| {}).await.unwrap();
    ada.imports().finish(import.id, |_| {}).await.unwrap();

    let sort = Some(Sort { column: "name".to_owned(), descending: false });
    let params = ListParams { sort, ..ListParams::default() };
    let fields = ["external_id", "name", "notes"];
    for format in [SheetFormat::Csv, SheetFormat::Xlsx] {
        let mut download = ada.clients().export(&params, format, &fields).await.unwrap();
        let (mut exported, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = download.next().await.unwrap() {
            exported.extend(piece);
            pieces += 1;
        }
        assert!(pieces > 1);
        let new = NewImport {
            format,
            duplicates: Duplicates::Update,
            ..NewImport::csv("clients", exported.len() as u64)
        };
        let import = bob.imports().create(&new).await.unwrap();
        bob.imports().upload(&import, exported.as_slice(), |_| {}).await.unwrap();
        let done = bob.imports().finish(import.id, |_| {}).await.unwrap();
        assert_eq!((done.processed, done.failed), (2_500, 0));
        let both = [&ada, &bob].map(|nexo| nexo.clients());
        let mut files = Vec::new();
        for clients in &both {
            let file = clients.export(&params, SheetFormat::Csv, &fields).await.unwrap();
            files.push(file.into_bytes().await.unwrap());
        }
        assert!(files[0] == files[1], "{format}");
    }
}
