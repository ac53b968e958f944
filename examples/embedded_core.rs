//! NEXO inside of a program of its own, without a server: `nexo-core` alone.
//!
//! `cargo run --example embedded_core` uses the database of `DATABASE_URL`, or
//! runs a PostgreSQL that keeps nothing.

use std::process::ExitCode;

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};
use nexo_core::model::{
    Client, ClientPatch, ClientStatus, ListParams, NewClient, RegisterRequest, Sort,
};
use nexo_core::{AuthConfig, Authenticator, Database, DatabaseConfig, Peer, TenantScope};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<()> {
    if let Ok(url) = std::env::var("DATABASE_URL") {
        return run(DatabaseConfig::from_url(&url)?).await;
    }
    let folder = EphemeralDir::create()?;
    let cluster =
        Cluster::start(&Binaries::find()?, &ClusterOptions::ephemeral(folder.path())).await?;
    let outcome = run(DatabaseConfig::from_owner(cluster.owner_config())).await;
    cluster.stop().await;
    outcome
}

async fn run(config: DatabaseConfig) -> Result<()> {
    // Migrates, sets up the run-time roles, and checks that the catalog
    // isolates accounts.
    let database = Database::open(config).await?;
    let authenticator = database.authenticator(AuthConfig::default()).await?;

    let ada = register(&authenticator, "Ada", "Engines Ltd").await?;
    let grace = register(&authenticator, "Grace", "Compilers Inc").await?;

    // A repository cannot be asked without a scope.
    let clients = database.repository::<Client>();
    let client = clients.create(&ada, &NewClient::named("Byron & Co")).await?;
    println!("Ada created the client {:?}, version {}", client.name, client.version);

    // Several statements, kept together or not at all.
    let unit = database.unit_of_work(&ada).await?;
    let active = ClientPatch { status: ClientStatus::Active.into(), ..ClientPatch::default() };
    unit.patch(client.id, &active, Some(client.version)).await?;
    unit.create::<Client>(&NewClient::named("Somerville")).await?;
    unit.commit().await?;

    let by_name = ListParams { sort: Some(Sort::parse("name")), ..ListParams::default() };
    for client in clients.list(&ada, &by_name).await?.data {
        println!("Ada sees {:?}, {}", client.name, client.status.as_str());
    }

    // A job has no user. It names its account, and why.
    let job = database.system_scope(ada.account_id(), "example: count clients");
    println!("a job counts {} clients", clients.list(&job, &by_name).await?.data.len());

    println!("Grace sees {} clients", clients.list(&grace, &by_name).await?.data.len());
    match clients.get(&grace, client.id).await {
        Err(error) if error.is_not_found() => println!("Grace asks for Ada's client: {error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("Grace was shown Ada's client".into()),
    }
    Ok(())
}

async fn register(authenticator: &Authenticator, name: &str, account: &str) -> Result<TenantScope> {
    let unique = nexo_core::model::Id::<Client>::new();
    let request = RegisterRequest {
        email: format!("{}-{unique}@example.com", name.to_lowercase()),
        password: "wooden engines weave numbers".to_owned(),
        name: name.to_owned(),
        account_name: account.to_owned(),
    };
    let tokens = authenticator.register(&request, &Peer::default()).await?;
    println!("{name} registered {account:?}");
    // In a server, the token comes with each request.
    Ok(authenticator.verify(&tokens.access_token).await?)
}
