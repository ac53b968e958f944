//! What is known of persons and of the user.

use nexo_client::model::{AuditAction, BuiltInRole, Client, Erase, NewClient};

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_person_is_told_and_forgotten() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let new = NewClient { notes: Some("likes clocks".into()), ..NewClient::named("Grace") };
    let made = ada.clients().create(&new).await.unwrap();
    let told = ada.clients().personal_data(made.id).await.unwrap();
    assert_eq!((told.record.as_ref(), told.history.len(), told.answers.len()), (Some(&made), 1, 1));

    let wrong = Erase { confirm: "Ada".into(), ..Erase::default() };
    assert!(ada.clients().erase(made.id, &wrong).await.unwrap_err().is_validation());
    let erase = Erase { confirm: made.name.clone(), reason: Some("asked for".into()) };
    let erased = ada.clients().erase(made.id, &erase).await.unwrap();
    assert_eq!(
        (&*erased.record.unwrap().name, erased.entries, erased.answers),
        ("Erased client", 2, 1)
    );
    let history = ada.audit().history::<Client>(made.id, None).await.unwrap().data;
    assert_eq!(history[0].action, AuditAction::Erase);
    assert!(history[1..].iter().all(|entry| entry.erased_by == Some(history[0].id)));

    let bob = world.join(&ada, "bob", BuiltInRole::Viewer).await;
    assert!(bob.clients().personal_data(made.id).await.unwrap_err().is_forbidden());
    assert!(bob.clients().erase(made.id, &erase).await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn a_user_is_told_and_goes() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let bob = world.join(&ada, "bob", BuiltInRole::Viewer).await;
    let told = bob.personal_data().await.unwrap();
    assert_eq!((&*told.user.name, told.memberships.len()), ("bob", 1));
    assert!(ada.delete_user(PASSWORD, None).await.unwrap_err().is_conflict());
    assert!(bob.delete_user("not the pass phrase", None).await.unwrap_err().is_validation());
    bob.delete_user(PASSWORD, None).await.unwrap();
    assert!(bob.session().is_none());
    assert_eq!(ada.people().settings().await.unwrap().audit_retention_days, None);
    let kept = ada.people().keep_audit_log_for(Some(90)).await.unwrap();
    assert_eq!(kept.audit_retention_days, Some(90));
    assert!(ada.people().keep_audit_log_for(Some(7)).await.unwrap_err().is_validation());
    let kept = ada.people().keep_audit_log_for(None).await.unwrap();
    assert_eq!(kept.audit_retention_days, None);
}
