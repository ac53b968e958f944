//! A program that works by an API key, from the making of the key to its end.
//!
//! `cargo run --example api_key` against the server at `NEXO_URL` (default
//! <http://127.0.0.1:4000>), as `NEXO_EMAIL` with `NEXO_PASSWORD`, who needs the
//! right `key:manage`, as owners and admins have it. With the secret of a key as
//! its argument it needs neither, and makes and ends none.

use nexo_client::model::{ListParams, NewApiKey, NewClient, Permission};
use nexo_client::{Nexo, Result};

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("NEXO_URL").unwrap_or_else(|_| "http://127.0.0.1:4000".to_owned());
    if let Some(secret) = std::env::args().nth(1) {
        return Ok(work(&Nexo::builder(&url).api_key(secret).build()?).await?);
    }
    let (Ok(email), Ok(password)) = (std::env::var("NEXO_EMAIL"), std::env::var("NEXO_PASSWORD"))
    else {
        return Err("set NEXO_EMAIL and NEXO_PASSWORD to those of an owner or an admin".into());
    };
    let admin = Nexo::new(&url)?;
    admin.login(&email, &password).await?;

    // What is needed to read what is written comes with it.
    let new = NewApiKey::named("Web shop", Permission::ClientWrite);
    let issued = admin.api_keys().create(&new).await?;
    println!("made {:?}: {}", issued.key.name, issued.key.permissions);
    println!("good until {}; its secret is told this once", issued.key.expires_at);

    let shop = Nexo::builder(&url).api_key(&issued.secret).build()?;
    work(&shop).await?;

    let refused =
        shop.tasks().list(&ListParams::default()).await.expect_err("it was not permitted");
    println!("tasks: {refused}");
    let used = admin.api_keys().get(issued.key.id).await?.last_used_at;
    println!("last used {}", used.ok_or("it was not used")?);
    admin.api_keys().revoke(issued.key.id).await?;
    let refused = shop.clients().list(&ListParams::default()).await.expect_err("it was revoked");
    println!("after its end: {refused}");
    Ok(())
}

/// What the program is for. It neither logs in nor refreshes anything.
async fn work(shop: &Nexo) -> Result<()> {
    let client = shop.clients().create(&NewClient::named("Ordered by a customer")).await?;
    println!("created client {} of {:?}", client.id, client.name);
    Ok(())
}
