//! Bringing the schema up to date.

use tokio_postgres::Client;

use crate::error::{Error, Result};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The version of the schema that this program knows and needs: that of its
/// newest migration.
#[must_use]
pub fn schema_version() -> i32 {
    let runner = embedded::migrations::runner();
    let versions = runner.get_migrations().iter().map(refinery::Migration::version);
    versions.max().expect("there are migrations")
}

const HISTORY: &str = "nexo.schema_history";

/// Held while migrating and while setting the run-time passwords, so that
/// servers may start together. The number only has to be NEXO's own.
const START_LOCK: &str = "select pg_advisory_lock(7311040001)";
const STARTED: &str = "select pg_advisory_unlock(7311040001)";

/// Waits until no other server is starting on this database. The lock ends
/// with the connection at the latest.
pub(super) async fn lock(owner: &Client) -> Result<()> {
    owner.batch_execute("set lock_timeout = '120s'").await.map_err(cannot_migrate)?;
    owner
        .batch_execute(START_LOCK)
        .await
        .map_err(|error| Error::setup("another server has been migrating this database for 2 minutes; check it, then start again").because(error))?;
    owner.batch_execute("reset lock_timeout").await.map_err(cannot_migrate)
}

pub(super) async fn unlock(owner: &Client) -> Result<()> {
    owner.batch_execute(STARTED).await.map_err(cannot_migrate)
}

/// Applies what is missing. Each migration is a transaction of its own, so
/// that one that was interrupted is simply done again.
pub(super) async fn migrate(owner: &mut Client) -> Result<()> {
    // Looked up first, because creating what exists asks for a right that an
    // owner need not have.
    let known = owner
        .query_one("select to_regnamespace('nexo') is not null, to_regclass('nexo.schema_history') is not null", &[])
        .await
        .map_err(cannot_migrate)?;
    let (schema, history): (bool, bool) = (known.get(0), known.get(1));
    if !schema {
        owner.batch_execute("create schema nexo").await.map_err(cannot_migrate)?;
    }
    if history {
        check_version(owner, true).await?;
    }
    let mut runner =
        embedded::migrations::runner().set_abort_missing(true).set_abort_divergent(true);
    runner.set_migration_table_name(HISTORY);
    let report = runner.run_async(owner).await.map_err(|error| {
        Error::setup(format!("the database cannot be migrated: {}", chain(&error)))
    })?;
    for migration in report.applied_migrations() {
        tracing::info!(version = migration.version(), name = migration.name(), "migrated");
    }
    // In another PostgreSQL than before, transactions are numbered anew.
    owner.batch_execute("call nexo.begin_audit_epoch()").await.map_err(cannot_migrate)?;
    // Temporary objects are of no use to anybody here but an intruder.
    owner
        .batch_execute(
            "do $$ begin
                if has_database_privilege('nexo_app', current_database(), 'temporary') then
                    execute format('revoke temporary on database %I from public', current_database());
                end if;
            end $$",
        )
        .await
        .map_err(cannot_migrate)?;
    // The run-time roles may see which schema they work on.
    owner
        .batch_execute("grant select on nexo.schema_history to nexo_app")
        .await
        .map_err(cannot_migrate)
}

/// Refuses a schema that is newer than this program, and, unless it can be
/// brought up, one that is older.
pub(super) async fn check_version(client: &Client, older_is_fine: bool) -> Result<()> {
    let found: i32 = client
        .query_typed("select coalesce(max(version), 0) from nexo.schema_history", &[])
        .await
        .map_err(|error| {
            Error::setup("the database has no NEXO schema; start once with the owner's connection to create it").because(error)
        })?[0]
        .get(0);
    let known = schema_version();
    if found > known {
        return Err(Error::setup(format!(
            "the database's schema has version {found}, newer than the {known} that this program knows; use a newer NEXO"
        )));
    }
    if found < known && !older_is_fine {
        return Err(Error::setup(format!(
            "the database's schema has version {found} and this program needs {known}; start once with the owner's connection to migrate it"
        )));
    }
    Ok(())
}

fn cannot_migrate(error: tokio_postgres::Error) -> Error {
    Error::setup(format!("the database cannot be prepared: {}", chain(&error))).because(error)
}

/// An error and its causes in one line: what an operator needs to see.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
