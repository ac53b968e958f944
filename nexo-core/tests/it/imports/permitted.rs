//! P5: the right to import is not one to every collection.

use nexo_core::model::{BuiltInRole, ErrorCode, NewImport, NewRole, Permission};
use nexo_core::testing::Tenant;

use super::World;

#[tokio::test]
async fn p5_imports_need_what_their_records_need() {
    let world = World::create().await;
    let made = world.import(NewImport::csv("clients", 0), "name\nAda\n").await.expect("imported");
    let id = made.id;
    let pending = world.upload(NewImport::csv("clients", 0), b"name\nEve\n").await;
    let role = NewRole {
        name: "Tasks".to_owned(),
        permissions: Permission::ImportRun | Permission::TaskWrite,
        ..NewRole::default()
    };
    let role = world.database.roles().create(&world.scope, &role, None).await.expect("made");
    let (database, authenticator) = (&world.database, &world.authenticator);
    let other = Tenant::join(database, authenticator, &world.scope, role.into_inner().id).await;
    let other = &other.scope;
    let importer = &world.importer;

    assert!(importer.list(other).await.expect("listed").data.is_empty());
    for refused in [
        importer.create(other, &NewImport::csv("clients", 9), None).await.map(drop),
        importer.get(other, id).await.map(drop),
        importer.write(other, pending, 0, b"name\n").await.map(drop),
        importer.advance(other, pending).await.map(drop),
        importer.undo(other, id).await.map(drop),
        importer.report(other, id, 0).await.map(drop),
        importer.report_file(other, id).await.map(drop),
        importer.delete(other, id).await,
    ] {
        assert_eq!(refused.expect_err("clients").code(), ErrorCode::Forbidden);
    }
    // Who may store and not delete takes nothing back, and does not stop it half way.
    let role = NewRole {
        name: "Clients".to_owned(),
        permissions: Permission::ImportRun | Permission::ClientWrite,
        ..NewRole::default()
    };
    let role = world.database.roles().create(&world.scope, &role, None).await.expect("made");
    let writer = Tenant::join(database, authenticator, &world.scope, role.into_inner().id).await;
    let refused = importer.undo(&writer.scope, id).await.expect_err("deletes");
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    assert_eq!(importer.get(&writer.scope, id).await.expect("read").status, made.status);
    let manager = Tenant::join(database, authenticator, &world.scope, BuiltInRole::Manager).await;
    importer.undo(&manager.scope, id).await.expect("taken back");
    assert!(world.client("Ada").await.is_none());
}
