//! Statements that travel together: one transaction, one round trip.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use deadpool_postgres::ClientWrapper;
use futures_util::future::{join_all, join3};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row, Statement};

use super::sqlstate::translate;
use crate::error::Result;

/// Parameters of a statement, in order.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One statement and its parameters.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) sql: &'static str,
    pub(crate) params: Params<'a>,
}

/// Whether a transaction may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Access {
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Read => "BEGIN READ ONLY",
            Self::Write => "BEGIN",
        }
    }
}

/// A failure and which statement of the flush it belongs to; 0 is the opening.
pub(crate) struct FlushError {
    pub(crate) position: usize,
    pub(crate) error: PgError,
}

/// Sends the opening, the calls and COMMIT without waiting in between, and
/// reports the first failure by position.
///
/// All of it is queued when the future is first polled. If the future is
/// dropped after that, the transaction still runs to its end by itself, so no
/// connection goes back to its pool inside of a transaction.
pub(crate) async fn flush(
    connection: &ClientWrapper,
    opening: &str,
    access: Access,
    calls: &[(Statement, Params<'_>)],
) -> Result<Vec<Vec<Row>>, FlushError> {
    let opened = connection.batch_execute(opening);
    let queries = calls.iter().map(|(statement, params)| connection.query(statement, params));
    let commit = connection.batch_execute("COMMIT");

    // Rows that were read are good whether or not COMMIT has been answered, so
    // a reader does not wait for it; a writer must.
    let commit = async {
        match access {
            Access::Write => commit.await,
            Access::Read => {
                enqueue(commit);
                Ok(())
            }
        }
    };
    // Polled in this order, and thereby queued in this order.
    let (opened, results, committed) = join3(opened, join_all(queries), commit).await;

    opened.map_err(|error| FlushError { position: 0, error })?;
    let mut rows = Vec::with_capacity(results.len());
    for (at, result) in results.into_iter().enumerate() {
        rows.push(result.map_err(|error| FlushError { position: at + 1, error })?);
    }
    committed.map_err(|error| FlushError { position: rows.len() + 1, error })?;
    Ok(rows)
}

/// Queues a statement for the connection without waiting for its answer: the
/// driver sends when a future is first polled.
pub(crate) fn enqueue(statement: impl Future<Output = Result<(), PgError>>) {
    let mut statement = std::pin::pin!(statement);
    let mut context = Context::from_waker(Waker::noop());
    if let Poll::Ready(Err(error)) = statement.as_mut().poll(&mut context) {
        tracing::debug!(%error, "statement was not queued");
    }
}

/// Prepares each call on this connection, or finds it prepared.
pub(crate) async fn prepare<'a>(
    connection: &ClientWrapper,
    calls: &[Call<'a>],
) -> Result<Vec<(Statement, Params<'a>)>> {
    let mut prepared = Vec::with_capacity(calls.len());
    for call in calls {
        let statement = connection.prepare_cached(call.sql).await.map_err(translate)?;
        prepared.push((statement, call.params));
    }
    Ok(prepared)
}
