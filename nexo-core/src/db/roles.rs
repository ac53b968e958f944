//! The run-time roles' credentials.
//!
//! Servers on one database share them: the first one to start makes them, under
//! the start lock, and keeps them in a table that only the owner can read.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::migrate::chain;
use crate::error::{Error, Result};

pub(super) const APP: &str = "nexo_app";
pub(super) const AUTH: &str = "nexo_auth";

const STORED: &str = "select password from nexo.runtime_credentials where role = $1";
const STORE: &str = "insert into nexo.runtime_credentials (role, password) values ($1, $2)";

/// Whether another database of the cluster gives rights to the role: its
/// servers know a password that this database does not.
const USED_ELSEWHERE: &str = "select exists (
    select from pg_shdepend d join pg_roles r on r.oid = d.refobjid
    where d.refclassid = 'pg_authid'::regclass and r.rolname = $1
      and d.dbid <> 0 and d.dbid <> (select oid from pg_database where datname = current_database()))";

/// The owner's connection as `role`, with a password that works.
pub(super) async fn credentials(
    owner: &Client,
    target: &Config,
    role: &'static str,
    tls: &MakeRustlsConnect,
) -> Result<Config> {
    let stored = owner.query_opt(STORED, &[&role]).await.map_err(cannot_provision)?;
    let password = match stored {
        Some(row) => SecretString::from(row.get::<_, String>(0)),
        None => {
            refuse_if_used_elsewhere(owner, role).await?;
            let password = random_password()?;
            // Stored before it is set: what is interrupted in between is
            // mended by the next start, which finds that log-in fails.
            owner
                .execute(STORE, &[&role, &password.expose_secret()])
                .await
                .map_err(cannot_provision)?;
            set_password(owner, role, &password).await?;
            password
        }
    };
    let mut login = target.clone();
    login.user(role).password(password.expose_secret());

    match login.connect(tls.clone()).await {
        Ok(_) => Ok(login),
        // A restored dump, or somebody changed the password.
        Err(error) if is_refused_login(&error) => {
            refuse_if_used_elsewhere(owner, role).await?;
            set_password(owner, role, &password).await?;
            let again = login.connect(tls.clone()).await.map(drop);
            again.map(|()| login).map_err(|error| {
                Error::setup(format!("cannot log in as {role}: {}", chain(&error))).because(error)
            })
        }
        Err(error) => {
            Err(Error::setup(format!("cannot connect as {role}: {}", chain(&error))).because(error))
        }
    }
}

fn is_refused_login(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    )
}

async fn refuse_if_used_elsewhere(owner: &Client, role: &str) -> Result<()> {
    let used: bool =
        owner.query_one(USED_ELSEWHERE, &[&role]).await.map_err(cannot_provision)?.get(0);
    if used {
        return Err(Error::setup(format!(
            "the role {role} serves another database of this PostgreSQL, and this database does not know its password; \
             give the connections of {APP} and {AUTH} yourself (NEXO_APP_DATABASE_URL and NEXO_AUTH_DATABASE_URL)"
        )));
    }
    Ok(())
}

/// Sets the password, as a SCRAM verifier so that it stands in no log, and the
/// role's limits.
async fn set_password(owner: &Client, role: &str, password: &SecretString) -> Result<()> {
    let verifier = scram_sha_256(password.expose_secret().as_bytes());
    // Neither the role nor the verifier can hold a quote: the one is a constant
    // of this file, the other is base64 with `$` and `:`.
    let statements = format!(
        "alter role {role} password '{verifier}';
         alter role {role} set search_path = pg_catalog;
         alter role {role} set statement_timeout = '25s';
         alter role {role} set lock_timeout = '5s';
         alter role {role} set idle_in_transaction_session_timeout = '60s';
         do $$ begin
             -- What was begun for a connection that is gone ends.
             alter role {role} set client_connection_check_interval = '2s';
         exception
             -- Not every system can tell.
             when invalid_parameter_value then null;
         end $$"
    );
    owner.batch_execute(&statements).await.map_err(|error| {
        Error::setup(format!(
            "the owner may not manage the role {role} ({}); give it CREATEROLE, or give the connections of \
             {APP} and {AUTH} yourself (NEXO_APP_DATABASE_URL and NEXO_AUTH_DATABASE_URL)",
            chain(&error)
        ))
        .because(error)
    })
}

fn random_password() -> Result<SecretString> {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes).map_err(|_| Error::setup("the system gives no random numbers"))?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

fn cannot_provision(error: tokio_postgres::Error) -> Error {
    Error::setup(format!("the run-time roles cannot be prepared: {}", chain(&error))).because(error)
}
