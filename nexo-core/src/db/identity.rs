//! The way of identity work, before and beside tenants.

use deadpool_postgres::Pool;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::flush::{Access, Call, FlushError, Plan, flush, prepare};
use super::pool::acquire;
use super::scoped::{SESSION_IS_ALIVE, explain};
use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, User};
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
        access: Access,
        user: Option<Id<User>>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.send(access, user, calls).await?.map_err(|failed| translate(failed.error))
    }

    /// Runs the calls for the user of a session, which must be alive.
    pub(crate) async fn run_alive(
        &self,
        access: Access,
        scope: &TenantScope,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let Actor::User { user, session } = scope.actor() else {
            return Err(Error::new(ErrorCode::Unauthenticated, "this needs a user"));
        };
        let account = scope.account_id();
        let alive: [&(dyn ToSql + Sync); 3] = [&account, &session, &user];
        let mut guarded = Vec::with_capacity(calls.len() + 1);
        guarded.push(Call { sql: SESSION_IS_ALIVE, params: &alive, plan: Plan::Once });
        guarded.extend_from_slice(calls);
        let mut rows = self.send(access, Some(user), &guarded).await?.map_err(explain)?;
        rows.remove(0);
        Ok(rows)
    }

    async fn send(
        &self,
        access: Access,
        user: Option<Id<User>>,
        calls: &[Call<'_>],
    ) -> Result<Result<Vec<Vec<Row>>, FlushError>> {
        let connection = acquire(&self.pool).await?;
        let prepared = prepare(&connection, calls).await?;
        let begin = access.begin();
        let opening = match user {
            Some(user) => format!("{begin}; SET LOCAL nexo.user_id = '{user}'"),
            None => begin.to_owned(),
        };
        Ok(flush(&connection, &opening, access, &prepared).await)
    }
}
