//! Errors say what a program needs to know.

use std::error::Error as _;

use nexo_client::model::{ErrorCode, FieldCode, ListParams, NewClient};
use nexo_client::{Error, Nexo, StatusCode};

use crate::world::{PASSWORD, World, registration};

#[tokio::test]
async fn refused_fields_are_named() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let bad = NewClient { email: Some("nobody".to_owned()), ..NewClient::named(" ") };
    let error = ada.clients().create(&bad).await.unwrap_err();
    assert!(error.is_validation() && !error.is_outcome_unknown());
    let fields: Vec<_> =
        error.field_errors().iter().map(|error| (error.field.as_str(), error.code)).collect();
    assert_eq!(fields, [("name", FieldCode::Required), ("email", FieldCode::InvalidFormat)]);
    let text = error.to_string();
    assert!(text.starts_with("POST /api/crm/clients: "), "{text}");
    assert!(text.contains("name must not be empty"), "{text}");
    assert!(text.contains(error.request_id().unwrap()), "{text}");
}

#[tokio::test]
async fn a_taken_address_is_a_conflict() {
    let world = World::start().await;
    let request = registration("ada");
    Nexo::new(&world.proxy.url).unwrap().register(&request).await.unwrap();
    let nexo = Nexo::new(&world.proxy.url).unwrap();
    let error = nexo.register(&request).await.unwrap_err();
    assert!(error.is_conflict() && !error.is_version_conflict(), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::EmailTaken));
    assert_eq!(error.status(), Some(StatusCode::CONFLICT));
    assert!(nexo.session().is_none());
}

#[tokio::test]
async fn a_wrong_password_is_no_ended_session() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let email = ada.session().unwrap().user().email.clone();
    let error = ada.login(&email, "a wrong password, of course").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidCredentials));
    assert!(error.is_unauthenticated() && !error.is_session_ended(), "{error}");
    ada.profile().await.expect("the session that was there goes on");
}

#[tokio::test]
async fn a_wrong_path_is_no_missing_row() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let error = ada.get::<()>("/api/crm/unicorns", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::RouteNotFound));
    assert!(!error.is_not_found());
    let params = ListParams { cursor: Some("nonsense".to_owned()), ..ListParams::default() };
    let error = ada.clients().list(&params).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidCursor));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_told() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let error = ada.get::<u32>("/api/auth/profile", &[]).await.unwrap_err();
    assert!(error.to_string().contains("not of the expected shape"), "{error}");
    assert!(error.source().is_some() && error.status().is_none());
}

#[tokio::test]
async fn a_mistake_in_a_request_is_told_before_it_is_sent() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.reset();
    let mistakes: [Error; 3] = [
        ada.get::<()>("api/auth/profile", &[]).await.unwrap_err(),
        ada.get::<()>("http://elsewhere.example/", &[]).await.unwrap_err(),
        ada.request(nexo_client::Method::GET, "/health")
            .header("a b", "c")
            .send::<()>()
            .await
            .unwrap_err(),
    ];
    for error in mistakes {
        assert!(!error.is_transient() && !error.is_outcome_unknown(), "{error}");
    }
    assert_eq!(world.proxy.count(""), 0);
    assert!(Nexo::new("crm.example.com").is_err());
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let session = ada.session().unwrap();
    let tokens = session.export();
    let dead = Nexo::builder(&world.proxy.url).session(World::aged(&session)).build().unwrap();
    ada.logout().await.unwrap();
    let error = dead.profile().await.unwrap_err();
    let builder = Nexo::builder(&world.proxy.url).session(session.clone());
    let printed = [
        format!("{session:?} {builder:?} {tokens:?}"),
        format!("{error} {error:?}"),
        format!("{:?}", builder.build().unwrap().clients().stream(ListParams::default())),
        format!("{:?}", dead.request(nexo_client::Method::POST, "/x").json(&tokens)),
        format!("{:?}", dead.request(nexo_client::Method::POST, "/x").header("X-Key", PASSWORD)),
        format!("{:?}", registration("ada")),
    ];
    for text in printed {
        for secret in [&tokens.access_token, &tokens.refresh_token, PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
