//! Statements that travel together: one transaction, one round trip.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use deadpool_postgres::ClientWrapper;
use futures_util::future::join3;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row, Statement};
use tracing::Instrument;

use super::connection::Connection;
use super::in_order::in_order;
use super::latency::Latency;
use super::sqlstate::translate;
use crate::error::Result;
use crate::model::Permissions;

/// Parameters of a statement, in order.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One statement and its parameters.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) sql: &'a str,
    pub(crate) params: Params<'a>,
    pub(crate) plan: Plan<'a>,
}

/// When a statement is planned.
#[derive(Clone, Copy)]
pub(crate) enum Plan<'a> {
    /// Once a connection. For statements of which there are few.
    Once,
    /// Each time, for the very values: for statements that are put together
    /// from what a caller asks for, of which there may be too many to keep,
    /// and whose best plan depends on the values. The types are those of all
    /// parameters.
    EachTime(&'a [Type]),
}

impl<'a> Call<'a> {
    /// A statement that is planned once a connection.
    pub(crate) const fn new(sql: &'a str, params: Params<'a>) -> Self {
        Self { sql, params, plan: Plan::Once }
    }

    /// A statement that is planned for its very values; the types are those of
    /// all parameters, the account's first.
    pub(crate) const fn planned_each_time(
        sql: &'a str,
        types: &'a [Type],
        params: Params<'a>,
    ) -> Self {
        Self { sql, params, plan: Plan::EachTime(types) }
    }

    /// The same statement with these parameters.
    pub(crate) const fn with<'b>(&self, params: Params<'b>) -> Call<'b>
    where
        'a: 'b,
    {
        Call { sql: self.sql, params, plan: self.plan }
    }
}

/// A call that needs nothing more before it is sent.
pub(crate) struct Ready<'a> {
    how: How<'a>,
    params: Params<'a>,
}

enum How<'a> {
    Prepared(Statement),
    Typed(&'a str, &'a [Type]),
    /// Of types that the database has told.
    Told(&'a str, Arc<[Type]>),
}

impl Ready<'_> {
    /// Sends it when first polled.
    pub(crate) async fn run(&self, connection: &ClientWrapper) -> Result<Vec<Row>, PgError> {
        match &self.how {
            How::Prepared(statement) => connection.query(statement, self.params).await,
            How::Typed(sql, types) => self.run_unprepared(connection, sql, types).await,
            How::Told(sql, types) => self.run_unprepared(connection, sql, types).await,
        }
    }

    async fn run_unprepared(
        &self,
        connection: &ClientWrapper,
        sql: &str,
        types: &[Type],
    ) -> Result<Vec<Row>, PgError> {
        let typed: Vec<_> = self.params.iter().copied().zip(types.iter().cloned()).collect();
        connection.query_typed(sql, &typed).await
    }
}

/// Whether a transaction may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
    /// One after the other in the account: for what changes who may do what.
    InTurn,
}

impl Mode {
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            // One snapshot, so that a page, its count and what comes with it agree.
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Write | Self::InTurn => "BEGIN",
        }
    }
}

/// What statements do to an account's rows, and what must be permitted for it.
/// No statement runs in a scope without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) mode: Mode,
    pub(crate) needs: Permissions,
}

impl Access {
    pub(crate) fn read(needs: impl Into<Permissions>) -> Self {
        Self { mode: Mode::Read, needs: needs.into() }
    }

    pub(crate) fn write(needs: impl Into<Permissions>) -> Self {
        Self { mode: Mode::Write, needs: needs.into() }
    }

    /// A write that waits for its turn before it is asked what its session may:
    /// whoever is demoted by the one before it does not go on.
    pub(crate) fn write_in_turn(needs: impl Into<Permissions>) -> Self {
        Self { mode: Mode::InTurn, needs: needs.into() }
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
    latency: &Latency,
    connection: &Connection,
    opening: &str,
    mode: Mode,
    calls: &[Ready<'_>],
) -> Result<Vec<Vec<Row>>, FlushError> {
    match mode {
        Mode::Write | Mode::InTurn => {
            send(latency, connection, Some(opening), calls, Some("COMMIT")).await
        }
        // Rows that were read are good whether or not COMMIT has been answered,
        // so a reader does not wait for it.
        Mode::Read => {
            let commit = async {
                enqueue(connection.batch_execute("COMMIT"));
                Ok(())
            };
            join(latency, connection, Some(opening), calls, commit).await
        }
    }
}

/// Sends what is given without waiting in between, and reports the first
/// failure by position. It neither begins nor ends a transaction by itself.
pub(crate) async fn send(
    latency: &Latency,
    connection: &Connection,
    opening: Option<&str>,
    calls: &[Ready<'_>],
    ending: Option<&str>,
) -> Result<Vec<Vec<Row>>, FlushError> {
    let ending = async {
        match ending {
            Some(ending) => connection.batch_execute(ending).await,
            None => Ok(()),
        }
    };
    join(latency, connection, opening, calls, ending).await
}

async fn join(
    latency: &Latency,
    connection: &Connection,
    opening: Option<&str>,
    calls: &[Ready<'_>],
    ending: impl Future<Output = Result<(), PgError>>,
) -> Result<Vec<Vec<Row>>, FlushError> {
    let opening = async {
        match opening {
            Some(opening) => connection.batch_execute(opening).await,
            None => Ok(()),
        }
    };
    let queries = in_order(calls.iter().map(|call| call.run(connection)));
    let timed = latency.begin();
    // Polled in this order, and thereby queued in this order.
    let all = join3(opening, queries, ending).instrument(span());
    let (opened, results, ended) = connection.under_way(all).await;
    drop(timed);

    opened.map_err(|error| FlushError { position: 0, error })?;
    let mut rows = Vec::with_capacity(results.len());
    for (at, result) in results.into_iter().enumerate() {
        rows.push(result.map_err(|error| FlushError { position: at + 1, error })?);
    }
    ended.map_err(|error| FlushError { position: rows.len() + 1, error })?;
    Ok(rows)
}

/// For whoever traces requests to their end; costs nothing where nobody does.
fn span() -> tracing::Span {
    tracing::trace_span!(
        target: "nexo::trace",
        "postgresql",
        otel.kind = "client",
        db.system.name = "postgresql"
    )
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

/// Prepares each call on this connection, or finds it prepared. Where nothing may be
/// prepared, it makes sure that the types of its parameters are known.
pub(crate) async fn prepare<'a>(
    connection: &Connection,
    calls: &[Call<'a>],
) -> Result<Vec<Ready<'a>>> {
    let mut ready = Vec::with_capacity(calls.len());
    for call in calls {
        let how = match (call.plan, &connection.unprepared) {
            (Plan::Once, None) => {
                // To prepare a statement may wait for a lock as well.
                let prepared = connection.under_way(connection.prepare_cached(call.sql)).await;
                How::Prepared(prepared.map_err(translate)?)
            }
            (Plan::Once, Some(types)) => {
                let types = connection.under_way(types.of(connection, call.sql)).await?;
                How::Told(call.sql, types)
            }
            (Plan::EachTime(types), _) => How::Typed(call.sql, types),
        };
        ready.push(Ready { how, params: call.params });
    }
    Ok(ready)
}
