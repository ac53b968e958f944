//! The audit log through the SDK.

use nexo_client::model::{AuditAction, AuditParams, Client, ErrorCode, Id, NewClient, SheetFormat};

use crate::world::World;

#[tokio::test]
async fn who_did_what_is_read_in_pages() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let made = ada.clients().create(&NewClient::named("Acme")).await.unwrap();
    ada.clients().delete(made.id).await.unwrap();
    let mut params = AuditParams {
        subject: Some("clients".into()),
        user_id: Some(ada.session().unwrap().user().id),
        record_id: Some(*made.id.as_uuid()),
        from: Some(made.created_at),
        limit: Some(1),
        ..AuditParams::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = ada.audit().list(&params).await.unwrap();
        seen.extend(page.data.into_iter().map(|entry| entry.action));
        params.cursor = page.next_cursor;
        if params.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [AuditAction::Delete, AuditAction::Create]);
    let history = ada.audit().history(made.id, None).await.unwrap().data;
    assert_eq!(history.len(), 2);
    let next = ada.audit().history(made.id, Some(history[0].id)).await.unwrap().data;
    assert_eq!(next, history[1..]);
    assert!(ada.audit().history(Id::<Client>::new(), None).await.unwrap_err().is_not_found());
    let could = ada.audit().access(made.id).await.unwrap().data;
    assert_eq!(could[0].user_id, Some(ada.session().unwrap().user().id));
    params.limit = None;
    let file = ada.audit().export(&params, SheetFormat::Csv).await.unwrap();
    let file = String::from_utf8(file.into_bytes().await.unwrap()).unwrap();
    assert_eq!(file.lines().count(), 3, "{file}");
    params.limit = Some(1000);
    let refused = ada.audit().list(&params).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidQuery));
}
