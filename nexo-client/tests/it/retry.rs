//! What is sent again, and what is not.

use std::time::Duration;

use nexo_client::model::{Client, ErrorCode, ListParams, NewClient};
use nexo_client::{Method, Nexo};
use tokio::net::TcpListener;

use crate::world::World;

const LIST: &str = "GET /api/crm/clients";
const CREATE: &str = "POST /api/crm/clients";

#[tokio::test]
async fn a_read_is_repeated_when_its_answer_is_lost() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.lose(LIST, 2);
    ada.clients().list(&ListParams::default()).await.unwrap();
    assert_eq!(world.proxy.count(LIST), 3);
}

#[tokio::test]
async fn repeating_ends() {
    let world = World::start().await;
    let session = world.register("ada").await.session().unwrap();
    let ada = Nexo::builder(&world.proxy.url).session(session).retries(1).build().unwrap();
    world.proxy.lose(LIST, usize::MAX);
    let error = ada.clients().list(&ListParams::default()).await.unwrap_err();
    assert!(error.is_transient() && !error.is_unavailable() && !error.is_outcome_unknown());
    assert_eq!(
        error.to_string(),
        "GET /api/crm/clients: the connection broke before the answer came"
    );
    assert_eq!(world.proxy.count(LIST), 2);
}

#[tokio::test]
async fn a_write_is_not_repeated_when_its_answer_is_lost() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.lose(CREATE, 1);
    let create = ada.request(Method::POST, "/api/crm/clients").json(&NewClient::named("Acme"));
    let error = create.send::<Client>().await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.is_transient(), "{error}");
    assert!(error.to_string().ends_with("; the write may have been done"), "{error}");
    assert_eq!(world.proxy.count(CREATE), 1);
    let page = ada.clients().list(&ListParams::default()).await.unwrap();
    assert_eq!(page.data.len(), 1, "and here it was done");
}

/// F6: with a key, what was asked for is done once and its answer is got.
#[tokio::test]
async fn f6_a_create_whose_answer_is_lost_is_repeated_and_done_once() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.lose(CREATE, 2);
    let acme = ada.clients().create(&NewClient::named("Acme")).await.unwrap();
    assert_eq!(world.proxy.count(CREATE), 3);
    let page = ada.clients().list(&ListParams::default()).await.unwrap();
    assert_eq!(page.data, [acme]);
    // A name of one's own, kept elsewhere, gives the same record later.
    let first = ada.clients().create_once("order-7", &NewClient::named("Babbage")).await.unwrap();
    let again = ada.clients().create_once("order-7", &NewClient::named("Babbage")).await.unwrap();
    assert_eq!(first, again);
    let other = ada.clients().create_once("order-7", &NewClient::named("Byron")).await;
    assert_eq!(other.unwrap_err().code(), Some(ErrorCode::IdempotencyKeyReused));
}

#[tokio::test]
async fn a_write_that_is_declared_repeatable_is_repeated() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let client = ada.clients().create(&NewClient::named("Acme")).await.unwrap();
    let path = format!("/api/crm/clients/{}", client.id);
    world.proxy.lose(&format!("PUT {path}"), 1);
    let put = ada.request(Method::PUT, &path).json(&NewClient::named("Acme Ltd")).repeatable();
    let put: Client = put.send().await.unwrap();
    assert_eq!((put.name.as_str(), put.version), ("Acme Ltd", 3), "it was done twice");
}

#[tokio::test]
async fn no_connection_means_that_nothing_was_done() {
    let world = World::start().await;
    let session = world.register("ada").await.session().unwrap();
    // A port where nobody listens any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let nexo = Nexo::builder(url).session(session).retries(1).build().unwrap();
    let error = nexo.clients().create(&NewClient::named("Acme")).await.unwrap_err();
    assert!(error.is_unavailable() && error.is_transient(), "{error}");
    assert!(!error.is_outcome_unknown(), "{error}");
    assert_eq!(error.to_string(), "POST /api/crm/clients: the server cannot be reached");
    assert!(nexo.health().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_timeout_is_not_repeated() {
    let world = World::start().await;
    let session = world.register("ada").await.session().unwrap();
    let hasty = Nexo::builder(&world.proxy.url)
        .session(session)
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let _held = (world.proxy.hold(LIST), world.proxy.hold(CREATE));
    let error = hasty.clients().list(&ListParams::default()).await.unwrap_err();
    assert!(error.is_timeout() && error.is_transient() && !error.is_outcome_unknown(), "{error}");
    let error = hasty.clients().create(&NewClient::named("Acme")).await.unwrap_err();
    assert!(error.is_timeout() && error.is_outcome_unknown(), "{error}");
    // None at all if the time was over before the request had left.
    assert!(world.proxy.count(LIST) <= 1 && world.proxy.count(CREATE) <= 1);
}
