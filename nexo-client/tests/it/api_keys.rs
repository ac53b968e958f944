//! A handle with an API key in place of a session.

use nexo_client::Nexo;
use nexo_client::model::{BuiltInRole, NewApiKey, NewClient, Permission};

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_handle_works_by_an_api_key() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let bob = world.join(&ada, "bob", BuiltInRole::Admin).await;
    let new = NewApiKey::named("Web shop", Permission::ClientWrite);
    let issued = bob.api_keys().create(&new).await.unwrap();
    // As it stands in a file.
    let with_key = |secret: &str| Nexo::builder(&world.proxy.url).api_key(format!("{secret}\n"));
    let shop = with_key(&issued.secret).build().unwrap();
    let client = shop.clients().create(&NewClient::named("Acme")).await.unwrap();
    assert_eq!(client.created_by, Some(issued.key.user_id));
    assert!(shop.session().is_none() && !format!("{shop:?}").contains(&issued.secret));
    assert_eq!(ada.api_keys().list().await.unwrap().data.len(), 1);
    assert!(ada.api_keys().get(issued.key.id).await.unwrap().last_used_at.is_some());

    // It may less by now: the handle finds out by itself, and goes on.
    let before = world.proxy.count("GET /api/crm/clients/");
    ada.people().set_role(issued.key.user_id, BuiltInRole::Viewer).await.unwrap();
    shop.clients().get(client.id).await.unwrap();
    assert_eq!(world.proxy.count("GET /api/crm/clients/") - before, 2);
    let refused = shop.clients().create(&NewClient::named("Acme")).await.unwrap_err();
    assert!(refused.is_forbidden(), "{refused}");

    ada.people().set_disabled(issued.key.user_id, true).await.unwrap();
    let refused = shop.clients().get(client.id).await.unwrap_err();
    assert!(refused.is_unauthenticated() && !refused.is_session_ended(), "{refused}");
    ada.people().set_disabled(issued.key.user_id, false).await.unwrap();
    shop.clients().get(client.id).await.unwrap();
    ada.api_keys().revoke(issued.key.id).await.unwrap();
    let before = world.proxy.count("GET /api/crm/clients/");
    assert!(shop.clients().get(client.id).await.unwrap_err().is_unauthenticated());
    assert_eq!(world.proxy.count("GET /api/crm/clients/") - before, 1);
    assert_eq!(world.proxy.count("POST /api/auth/refresh"), 0);
}

#[tokio::test]
async fn a_handle_with_a_key_has_no_session() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let new = NewApiKey::named("Web shop", Permission::ClientRead);
    let secret = ada.api_keys().create(&new).await.unwrap().secret;
    let shop = Nexo::builder(&world.proxy.url).api_key(&secret).build().unwrap();
    let told = shop.login("ada@example.com", PASSWORD).await.unwrap_err();
    assert_eq!(told.to_string(), "this handle has an API key; build another to log in");
    let account = ada.session().unwrap().account().id;
    assert!(shop.switch_account(account).await.is_err());
    assert!(shop.leave_account().await.unwrap_err().is_forbidden());
    assert!(shop.logout().await.unwrap_err().is_forbidden());
    shop.clients().list(&Default::default()).await.unwrap();

    let session = ada.session().unwrap();
    let both = Nexo::builder(&world.proxy.url).session(session).api_key(&secret).build();
    assert_eq!(both.unwrap_err().to_string(), "give an API key or a session, not both");
    for bad in ["", " ", "nxk_\u{e9}", "nxk_a b"] {
        assert!(Nexo::builder(&world.proxy.url).api_key(bad).build().is_err(), "{bad:?}");
    }

    let bob = world.join(&ada, "bob", BuiltInRole::Viewer).await;
    bob.leave_account().await.unwrap();
    assert!(bob.session().is_none());
    assert!(ada.leave_account().await.unwrap_err().is_conflict());
}
