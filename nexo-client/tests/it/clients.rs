//! A collection: each method, versions, other accounts, the raw way.

use nexo_client::Method;
use nexo_client::model::{
    Client, ClientKind, ClientPatch, ClientStatus, Id, ListParams, NewClient, Page, Sort,
};

use crate::world::World;

fn acme() -> NewClient {
    NewClient {
        kind: ClientKind::Company,
        email: Some("hello@acme.example".to_owned()),
        phone: Some("+49 30 123456".to_owned()),
        website: Some("https://acme.example".to_owned()),
        address: Some("1 Road\nTown".to_owned()),
        status: ClientStatus::Active,
        tags: vec!["tools".to_owned(), "anvils".to_owned()],
        notes: Some("pays late".to_owned()),
        ..NewClient::named("Acme")
    }
}

#[tokio::test]
async fn a_client_from_creation_to_deletion() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let clients = ada.clients();

    let created = clients.create(&acme()).await.unwrap();
    assert_eq!((created.name.as_str(), created.version), ("Acme", 1));
    assert_eq!(created.tags, ["tools", "anvils"]);
    assert_eq!(created.created_by, Some(ada.session().unwrap().user().id));
    assert_eq!(clients.get(created.id).await.unwrap(), created);

    let patch = ClientPatch {
        phone: nexo_client::model::Change::Clear,
        status: ClientStatus::Inactive.into(),
        ..ClientPatch::default()
    };
    let patched = clients.patch(created.id, &patch).await.unwrap();
    assert_eq!((patched.phone.as_deref(), patched.status), (None, ClientStatus::Inactive));
    assert_eq!((patched.email.as_deref(), patched.version), (Some("hello@acme.example"), 2));

    let replaced = clients.replace(created.id, &NewClient::named("Acme Ltd")).await.unwrap();
    assert_eq!((replaced.name.as_str(), replaced.email, replaced.version), ("Acme Ltd", None, 3));

    clients.delete(created.id).await.unwrap();
    assert!(clients.get(created.id).await.unwrap_err().is_not_found());
    assert!(clients.delete(created.id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_write_for_an_old_version_is_refused() {
    let world = World::start().await;
    let clients = world.register("ada").await.clients();
    let id = clients.create(&acme()).await.unwrap().id;
    let patch = ClientPatch { notes: "first".to_owned().into(), ..ClientPatch::default() };
    assert_eq!(clients.if_version(1).patch(id, &patch).await.unwrap().version, 2);

    let stale = clients.if_version(1);
    let errors = [
        stale.patch(id, &patch).await.unwrap_err(),
        stale.replace(id, &acme()).await.unwrap_err(),
        stale.delete(id).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_version_conflict() && !error.is_outcome_unknown(), "{error}");
    }
    assert_eq!(clients.get(id).await.unwrap().version, 2);

    let replaced = clients.if_version(2).replace(id, &acme()).await.unwrap();
    clients.if_version(replaced.version).delete(id).await.unwrap();
}

#[tokio::test]
async fn another_accounts_client_is_not_found() {
    let world = World::start().await;
    let (ada, bob) = (world.register("ada").await.clients(), world.register("bob").await.clients());
    let id = ada.create(&acme()).await.unwrap().id;
    let errors = [
        bob.get(id).await.unwrap_err(),
        bob.patch(id, &ClientPatch::default()).await.unwrap_err(),
        bob.replace(id, &acme()).await.unwrap_err(),
        bob.delete(id).await.unwrap_err(),
        bob.if_version(1).delete(id).await.unwrap_err(),
        bob.get(Id::new()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found(), "{error}");
    }
    assert!(bob.list(&ListParams::default()).await.unwrap().data.is_empty());
    assert_eq!(ada.get(id).await.unwrap().version, 1);
}

#[tokio::test]
async fn lists_are_paged_and_sorted() {
    let world = World::start().await;
    let clients = world.register("ada").await.clients();
    for name in ["b", "c", "a"] {
        clients.create(&NewClient::named(name)).await.unwrap();
    }
    let names = |page: &Page<Client>| -> String {
        page.data.iter().map(|client| client.name.as_str()).collect()
    };
    let mut params =
        ListParams { limit: Some(2), sort: Some(Sort::parse("name")), ..ListParams::default() };
    let first = clients.list(&params).await.unwrap();
    assert_eq!(names(&first), "ab");
    params.cursor = first.next_cursor;
    let last = clients.list(&params).await.unwrap();
    assert_eq!((names(&last).as_str(), last.next_cursor), ("c", None));
    params = ListParams { sort: Some(Sort::parse("-name")), ..ListParams::default() };
    assert_eq!(names(&clients.list(&params).await.unwrap()), "cba");
}

#[tokio::test]
async fn the_raw_way_is_the_same_way() {
    let world = World::start().await;
    // The raw request, too, gets a new token where it needs one.
    let session = world.refused_session("ada").await;
    let nexo = nexo_client::Nexo::builder(&world.proxy.url).session(session).build().unwrap();

    let client: Client = nexo.post("/api/crm/clients", &acme()).await.unwrap();
    let page: Page<Client> = nexo.get("/api/clients", &[("limit", "1")]).await.unwrap();
    assert_eq!(page.data, std::slice::from_ref(&client));

    let path = format!("/api/crm/clients/{}", client.id);
    let patch = serde_json::json!({ "name": "Acme Ltd" });
    let patched: Client = nexo
        .request(Method::PATCH, &path)
        .header("X-Request-Id", "raw-1")
        .if_version(1)
        .merge_patch(&patch)
        .send()
        .await
        .unwrap();
    assert_eq!(patched.version, 2);
    let stale = nexo.request(Method::DELETE, &path).if_version(1).header("X-Request-Id", "raw-2");
    let error = stale.send::<()>().await.unwrap_err();
    assert!(error.is_version_conflict());
    assert_eq!(error.request_id(), Some("raw-2"));
    nexo.request(Method::DELETE, &path).send::<()>().await.unwrap();

    let error = nexo.request(Method::GET, "/api/crm/clients").anonymous().send::<()>().await;
    assert!(error.unwrap_err().is_unauthenticated());
}
