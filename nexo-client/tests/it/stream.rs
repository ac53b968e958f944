//! A list as a stream.

use futures_util::{Stream, StreamExt};
use nexo_client::model::{Client, ListParams, NewClient};
use nexo_client::{Nexo, Result};

use crate::world::World;

const LIST: &str = "GET /api/crm/clients";

async fn with_five_clients(world: &World) -> Nexo {
    let ada = world.register("ada").await;
    for number in 1..=5 {
        ada.clients().create(&NewClient::named(format!("Client {number}"))).await.unwrap();
    }
    ada
}

fn by_two() -> ListParams<Client> {
    ListParams { limit: Some(2), ..ListParams::default() }
}

#[tokio::test]
async fn the_stream_is_the_list() {
    let world = World::start().await;
    let ada = with_five_clients(&world).await;
    let list = ada.clients().list(&ListParams::default()).await.unwrap().data;
    assert_eq!(list.len(), 5);
    world.proxy.reset();
    assert_eq!(ada.clients().stream(by_two()).into_vec().await.unwrap(), list);
    assert_eq!(world.proxy.count(LIST), 3);

    // The same through the adapters of the trait.
    fn a_stream<S: Stream<Item = Result<Client>> + Send + Unpin>(stream: S) -> S {
        stream
    }
    let rows: Vec<_> = a_stream(ada.clients().stream(by_two())).collect().await;
    assert_eq!(rows.into_iter().map(Result::unwrap).collect::<Vec<_>>(), list);
}

#[tokio::test]
async fn pages_are_read_when_they_are_needed() {
    let world = World::start().await;
    let ada = with_five_clients(&world).await;
    let mut rows = ada.clients().stream(by_two());
    assert_eq!(world.proxy.count(LIST), 0);
    for (row, pages) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
        rows.next().await.unwrap().unwrap();
        assert_eq!(world.proxy.count(LIST), pages, "row {row}");
    }
    assert!(rows.next().await.is_none());
    assert!(rows.next().await.is_none());
    assert_eq!(world.proxy.count(LIST), 3);
}

#[tokio::test]
async fn the_stream_ends_at_the_first_error() {
    let world = World::start().await;
    let session = with_five_clients(&world).await.session().unwrap();
    let ada = Nexo::builder(&world.proxy.url).session(session).retries(0).build().unwrap();
    let mut rows = ada.clients().stream(by_two());
    assert!(rows.next().await.unwrap().is_ok());
    world.proxy.lose(LIST, 1);
    assert!(rows.next().await.unwrap().is_ok(), "it was there already");
    assert!(rows.next().await.unwrap().unwrap_err().is_transient());
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn a_dropped_next_loses_nothing() {
    let world = World::start().await;
    let ada = with_five_clients(&world).await;
    let mut rows = ada.clients().stream(by_two());
    let held = world.proxy.hold(LIST);
    tokio::select! {
        row = rows.next() => panic!("the page is held: {row:?}"),
        () = held.answered() => {}
    }
    held.release();
    assert_eq!(rows.into_vec().await.unwrap().len(), 5);
    assert_eq!(world.proxy.count(LIST), 3);
}

#[tokio::test]
async fn an_empty_list_is_an_empty_stream() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    assert!(ada.clients().stream(by_two()).next().await.is_none());
}
