//! A pooler between here and PostgreSQL that mixes up what its clients prepare.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::timeout;
use tokio_postgres::Error as PgError;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::Connection;
use super::pool::Connections;
use super::sqlstate::is_cut;
use crate::error::{Error, Result};

/// Where a pooler has no second connection to give, nothing can be told.
const PATIENCE: Duration = Duration::from_secs(2);
/// Others who use the pooler at the same moment may hide it once.
const TIMES: usize = 3;

/// Refuses a pooler that gives each transaction a connection of its choice and does
/// not keep statements apart: all goes well there until two requests meet.
///
/// One connection prepares a statement, and the other one begins a transaction, for
/// which such a pooler takes the server that has just become free. What was prepared
/// is then looked for on another one. A pooler that goes round its servers, or several
/// behind one address, may get through; where nothing can be told, the log says so.
pub(super) async fn check(first: &Connections, second: &Connections) -> Result<()> {
    for _ in 0..TIMES {
        // One of them in use is no reason not to start.
        let (Ok(first), Ok(second)) = (first.acquire().await, second.acquire().await) else {
            told_nothing("there is no second connection");
            return Ok(());
        };
        let probe = timeout(PATIENCE, keeps_statements(&first, &second)).await;
        end(second).await;
        match probe {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(mixes()),
            Ok(Err(error)) if is_mixed_up(&error) => return Err(mixes().because(error)),
            Ok(Err(error)) => {
                told_nothing(&error.to_string());
                return Ok(());
            }
            Err(_) => {
                told_nothing("there is no answer");
                return Ok(());
            }
        }
    }
    Ok(())
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

/// Ends the transaction, or else the connection: BEGIN may still be waiting.
async fn end(connection: Connection) {
    let ended = timeout(PATIENCE, connection.batch_execute("ROLLBACK")).await;
    if !matches!(ended, Ok(Ok(()))) {
        connection.close();
    }
}

/// A statement that is not there, or is there already, or is another one: whose
/// parameters, columns or rows are not those of this one.
fn is_mixed_up(error: &PgError) -> bool {
    let Some(state) = error.code() else { return !is_cut(error) };
    let is_fatal =
        error.as_db_error().and_then(|error| error.parsed_severity()) == Some(Severity::Fatal);
    *state == SqlState::INVALID_SQL_STATEMENT_NAME
        || *state == SqlState::DUPLICATE_PSTATEMENT
        || *state == SqlState::PROTOCOL_VIOLATION && !is_fatal
        || state.code().starts_with("22")
}

fn told_nothing(why: &str) {
    tracing::warn!(
        why,
        "whether a pooler before the database keeps prepared statements apart cannot be told"
    );
}

fn mixes() -> Error {
    Error::setup(
        "the pooler before the database does not keep prepared statements apart, as PgBouncer before 1.21 or \
         with max_prepared_statements = 0; go without them (NEXO_PREPARED_STATEMENTS=false, or \
         DatabaseConfig::prepared_statements)",
    )
}
