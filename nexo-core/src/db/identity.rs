//! The way of identity work, before and beside tenants.

use std::fmt::Write as _;

use deadpool_postgres::Pool;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::flush::{Call, FlushError, Mode, Plan, flush, prepare};
use super::pool::acquire;
use super::scoped::{SESSION_IS_ALIVE, explain};
use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::{Account, ErrorCode, Id, User};
use crate::tenant::{Actor, TenantScope};

/// Runs statements as `nexo_auth`, whose policies show the rows of one user.
#[derive(Clone)]
pub(crate) struct Identity {
    pool: Pool,
}

impl Identity {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Runs the calls in one transaction, in which the rows of `user` can be
    /// seen, or no user's.
    pub(crate) async fn run(
        &self,
        mode: Mode,
        user: Option<Id<User>>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.send(mode, None, user, calls).await?.map_err(|failed| translate(failed.error))
    }

    /// The same, and the roles and invitations of `account` can be seen too:
    /// for somebody who shows a token of that account.
    pub(crate) async fn run_in(
        &self,
        mode: Mode,
        account: Id<Account>,
        user: Option<Id<User>>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let sent = self.send(mode, Some(account), user, calls).await?;
        sent.map_err(|failed| translate(failed.error))
    }

    /// Runs the calls for the user of a session, which must be alive.
    pub(crate) async fn run_alive(
        &self,
        mode: Mode,
        scope: &TenantScope,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let Actor::User { user, session, permissions } = scope.actor() else {
            return Err(Error::new(ErrorCode::Unauthenticated, "this needs a user"));
        };
        let account = scope.account_id();
        let permissions = permissions.bits();
        let alive: [&(dyn ToSql + Sync); 4] = [&account, &session, &user, &permissions];
        let mut guarded = Vec::with_capacity(calls.len() + 1);
        guarded.push(Call { sql: SESSION_IS_ALIVE, params: &alive, plan: Plan::Once });
        guarded.extend_from_slice(calls);
        let mut rows = self.send(mode, None, Some(user), &guarded).await?.map_err(explain)?;
        rows.remove(0);
        Ok(rows)
    }

    async fn send(
        &self,
        mode: Mode,
        account: Option<Id<Account>>,
        user: Option<Id<User>>,
        calls: &[Call<'_>],
    ) -> Result<Result<Vec<Vec<Row>>, FlushError>> {
        let connection = acquire(&self.pool).await?;
        let prepared = prepare(&connection, calls).await?;
        // Formatted UUIDs and nothing else: they cannot carry SQL.
        let mut opening = mode.begin().to_owned();
        if let Some(user) = user {
            let _infallible = write!(opening, "; SET LOCAL nexo.user_id = '{user}'");
        }
        if let Some(account) = account {
            let _infallible = write!(opening, "; SET LOCAL nexo.account_id = '{account}'");
        }
        Ok(flush(&connection, &opening, mode, &prepared).await)
    }
}
