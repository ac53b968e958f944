//! A pooler between here and PostgreSQL that mixes up what its clients prepare.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_postgres::Error as PgError;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Where a pooler has no second connection to give, nothing can be told.
const PATIENCE: Duration = Duration::from_secs(2);

/// Refuses a pooler that gives each transaction a connection of its choice and does
/// not keep statements apart: all goes well there until two requests meet.
///
/// One connection prepares a statement, and the other one begins a transaction, for
/// which such a pooler takes the server that has just become free. What was prepared
/// is then looked for on another one.
pub(super) async fn check(first: &ClientWrapper, second: &ClientWrapper) -> Result<()> {
    let probe = timeout(PATIENCE, keeps_statements(first, second)).await;
    // It has nobody's data in it, whatever became of it.
    let ended = second.batch_execute("ROLLBACK").await;
    match probe.map(|kept| kept.and_then(|kept| ended.map(|()| kept))) {
        Ok(Ok(true)) | Err(_) => Ok(()),
        Ok(Ok(false)) => Err(mixes()),
        // A statement that is not there, or is there already.
        Ok(Err(error)) if error.code().is_some() => Err(mixes().because(error)),
        Ok(Err(error)) => {
            Err(Error::setup("the connection to the database was lost").because(error))
        }
    }
}

async fn keeps_statements(first: &ClientWrapper, second: &ClientWrapper) -> Result<bool, PgError> {
    // Unlike what anybody else has prepared, under whichever name.
    let own = Uuid::now_v7().to_string();
    let sql = format!("select '{own}' || $1");
    let statement = first.prepare_typed(&sql, &[Type::TEXT]).await?;
    second.batch_execute("BEGIN READ ONLY; SELECT 1").await?;
    let told: String = first.query_one(&statement, &[&"!"]).await?.try_get(0)?;
    Ok(told.strip_suffix('!') == Some(own.as_str()))
}

fn mixes() -> Error {
    Error::setup(
        "the pooler before the database does not keep prepared statements apart, as PgBouncer before 1.21 or \
         with max_prepared_statements = 0; go without them (NEXO_PREPARED_STATEMENTS=false, or \
         DatabaseConfig::prepared_statements)",
    )
}
