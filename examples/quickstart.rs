//! A tour of the SDK against a running server: two accounts, one client, and
//! what each account sees of it.
//!
//! Start a server with `make run`, then `cargo run --example quickstart`.
//! `NEXO_URL` names another server than `http://127.0.0.1:4000`.

use std::env;
use std::process::ExitCode;

use nexo_client::model::{
    ClientPatch, ClientStatus, Id, ListParams, NewClient, RegisterRequest, User,
};
use nexo_client::{Nexo, Result};

#[tokio::main]
async fn main() -> ExitCode {
    let url = env::var("NEXO_URL").unwrap_or_else(|_| "http://127.0.0.1:4000".to_owned());
    match tour(&url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_unavailable() => {
            eprintln!("{error}\nNo NEXO server serves at {url}: start one with `make run`.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn tour(url: &str) -> Result<()> {
    let ada = register(url, "Ada", "Analytical Engines").await?;
    let bob = register(url, "Bob", "Bob's Bricks").await?;

    let clients = ada.clients();
    let acme = clients.create(&NewClient::named("Acme")).await?;
    let globex = NewClient {
        email: Some("hello@globex.example".to_owned()),
        tags: vec!["energy".to_owned()],
        ..NewClient::named("Globex")
    };
    let globex = clients.create(&globex).await?;
    println!("Ada created {} and {}", acme.name, globex.name);

    // A stream reads page after page, as far as it is asked.
    let mut rows = clients.stream(ListParams::default());
    while let Some(client) = rows.next().await {
        let client = client?;
        println!("Ada's list has {}, created at {}", client.name, client.created_at);
    }

    // A write for a version is done only if nobody was faster.
    let patch = ClientPatch { status: ClientStatus::Active.into(), ..ClientPatch::default() };
    let active = clients.if_version(acme.version).patch(acme.id, &patch).await?;
    println!("Ada made {} {:?}, now version {}", active.name, active.status, active.version);
    let again = clients.if_version(acme.version).patch(acme.id, &patch).await;
    let error = again.expect_err("version 1 is no longer the newest");
    assert!(error.is_version_conflict(), "{error}");
    println!("Ada writes for version {} again: {error}", acme.version);

    clients.delete(globex.id).await?;
    println!("Ada deleted {}", globex.name);

    // Another account's client does not exist, whoever knows its id.
    let error = bob.clients().get(acme.id).await.expect_err("it is not Bob's");
    assert!(error.is_not_found(), "{error}");
    println!("Bob asks for Ada's {}: {error}", acme.name);

    ada.logout().await?;
    bob.logout().await
}

/// A new user with an account of their own, logged in.
async fn register(url: &str, name: &str, account_name: &str) -> Result<Nexo> {
    let nexo = Nexo::new(url)?;
    let unique = Id::<User>::new();
    let profile = nexo
        .register(&RegisterRequest {
            email: format!("{}-{unique}@example.com", name.to_lowercase()),
            password: format!("only for this run: {unique}"),
            name: name.to_owned(),
            account_name: account_name.to_owned(),
        })
        .await?;
    println!("{name} registered {:?} as {}", profile.account.name, profile.user.email);
    Ok(nexo)
}
