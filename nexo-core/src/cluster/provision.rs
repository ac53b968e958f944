//! The role and the database inside a private cluster.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;

use super::{ClusterError, DATABASE, OWNER};

/// Creates what is missing. Each step is one statement and so all or nothing;
/// interrupted between two, the next start does the rest.
///
/// The owner is what a managed PostgreSQL gives its customer: it may make
/// roles, and its database is its own, but row-level security applies to it.
pub(super) async fn provision(
    client: &Client,
    password: &SecretString,
) -> Result<(), ClusterError> {
    let role = "select 1 from pg_catalog.pg_roles where rolname = $1";
    if client.query_opt(role, &[&OWNER]).await?.is_none() {
        // Hashed here, so that no log of statements can show the password. The
        // hash has no character that would need quoting.
        let hash = postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes());
        client
            .batch_execute(&format!(
                "create role {OWNER} login createrole nosuperuser nobypassrls nocreatedb \
                 noreplication password '{hash}'"
            ))
            .await?;
    }
    let database = "select 1 from pg_catalog.pg_database where datname = $1";
    if client.query_opt(database, &[&DATABASE]).await?.is_none() {
        client
            .batch_execute(&format!(
                "create database {DATABASE} owner {OWNER} template template0 encoding 'UTF8'"
            ))
            .await?;
    }
    Ok(())
}
