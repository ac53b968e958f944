//! Imports that are interrupted, or worked on by several at once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use nexo_core::Importer;
use nexo_core::model::{Duplicates, ImportStatus, NewImport};

use super::{World, clients, counts};

fn file(rows: usize) -> String {
    let mut file = "external_id,name\n".to_owned();
    for row in 0..rows {
        file.push_str(&format!("k{row},Client {row}\n"));
    }
    file
}

/// F13: whenever the work stops, what was done stays done, and nothing is done
/// twice.
#[tokio::test]
async fn f13_an_import_that_is_cut_off_anywhere_goes_on() {
    let world = World::create().await;
    let rows = 2_500;
    let id = world.upload(clients(), file(rows).as_bytes()).await;
    let mut cuts = 0;
    let import = loop {
        // Each try has another importer, as after a restart, and is dropped at
        // a moment of its own.
        let importer: Importer = world.test.open().await.importer();
        let work = importer.advance(&world.scope, id);
        let moment = Duration::from_millis(20 + 37 * cuts % 500);
        if let Ok(import) = tokio::time::timeout(moment, work).await {
            let import = import.expect("it goes on");
            if import.status.is_final() {
                break import;
            }
        }
        cuts += 1;
    };
    assert!(cuts > 3, "it was cut off {cuts} times");
    assert_eq!(counts(&import), [rows as u64, rows as u64, 0, 0, 0]);
    let all = world.all().await;
    let keys: BTreeSet<_> = all.iter().filter_map(|it| it.external_id.clone()).collect();
    assert_eq!((all.len(), keys.len()), (rows, rows));
}

#[tokio::test]
async fn f15_many_at_once_do_each_row_once() {
    let world = World::create().await;
    let rows = 3_000;
    let new = NewImport { duplicates: Duplicates::Update, ..clients() };
    let id = world.upload(new, file(rows).as_bytes()).await;
    let work = (0..4).map(|_| async {
        while !world.importer.advance(&world.scope, id).await.expect("it goes on").status.is_final()
        {
        }
    });
    join_all(work).await;
    let import = world.importer.get(&world.scope, id).await.expect("it is there");
    assert_eq!(import.status, ImportStatus::Done);
    assert_eq!(counts(&import), [rows as u64, rows as u64, 0, 0, 0]);
    assert_eq!(world.all().await.len(), rows);
}

/// A10: the session is asked for in each step.
#[tokio::test]
async fn a10_an_import_ends_with_its_session() {
    let world = World::create().await;
    let id = world.upload(clients(), file(10).as_bytes()).await;
    world.authenticator.logout(&world.scope).await.expect("logged out");
    let error = world.importer.advance(&world.scope, id).await.expect_err("the session is dead");
    assert!(error.is_unauthenticated());
    let system = world.database.system_scope(world.scope.account_id(), "test");
    assert_eq!(world.importer.get(&system, id).await.expect("there").processed, 0);
}

/// A file is read in pieces whose borders stand anywhere.
#[tokio::test]
async fn rows_may_cross_pieces() {
    let world = World::create().await;
    let mut file = "name,notes\n".to_owned();
    for row in 0..400 {
        file.push_str(&format!("Client {row},\"{}\n{row}\"\n", "é".repeat(4_000)));
    }
    let import = world.import(clients(), &file).await.expect("imported");
    assert_eq!(counts(&import), [400, 400, 0, 0, 0]);
    let all = world.all().await;
    assert!(all.iter().all(|it| it.notes.as_deref().is_some_and(|notes| {
        notes.ends_with(&format!("é\n{}", &it.name["Client ".len()..]))
    })));
}
