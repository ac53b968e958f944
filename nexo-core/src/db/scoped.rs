//! The one place where tenants' SQL runs.

use std::fmt::Write as _;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::actor;
use super::alive::{Alive, explain};
use super::app::App;
use super::connection::Connection;
use super::flush::{Access, Call, Mode, flush, prepare};
use super::reach::Reach;
use super::retry::retried;
use super::sqlstate::{of_read, translate, was_cut};
use crate::error::{Error, Result};
use crate::model::{Account, Id, Permissions};
use crate::tenant::TenantScope;

/// Tells the audit log that somebody was refused. `$2` what.
pub(super) const REFUSED: &str = "insert into nexo.audit_log
         (account_id, action, subject, user_id, session_id, key_id, reason, request_id, ip, user_agent, after)
     select $1, 'refuse', 'requests', (told ->> 'user')::uuid, (told ->> 'session')::uuid, (told ->> 'key')::uuid,
         told ->> 'reason', told ->> 'request', told ->> 'ip', told ->> 'agent', jsonb_build_object('detail', $2::text)
     from nexo.actor() as told";

/// Something that runs statements inside of a scope. Calls come without the
/// account: it is put before them as `$1`, so that none can be without it.
pub(crate) trait Executor: Sync {
    fn scope(&self) -> &TenantScope;

    /// Runs the calls, unless the scope lacks what they need.
    fn run(
        &self,
        access: Access,
        calls: &[Call<'_>],
    ) -> impl Future<Output = Result<Vec<Vec<Row>>>> + Send;

    /// Refuses a scope that lacks this, as [`run`](Self::run) does.
    fn permit(&self, needs: Permissions) -> impl Future<Output = Result<()>> + Send {
        async move {
            match self.scope().require(needs) {
                Ok(()) => Ok(()),
                Err(forbidden) => Err(self.refuse(forbidden).await),
            }
        }
    }

    /// What to tell somebody whose token does not permit it: that, unless what
    /// they may has changed since the token was made. The audit log is told too.
    fn refuse(&self, forbidden: Error) -> impl Future<Output = Error> + Send;
}

/// A pool and a scope: each run is a transaction of its own, in one round trip.
pub(crate) struct Scoped<'a> {
    pub(crate) app: &'a App,
    pub(crate) scope: &'a TenantScope,
    /// Whether the statements are about records, of which some scopes see only some.
    pub(crate) records: bool,
}

impl Executor for Scoped<'_> {
    fn scope(&self) -> &TenantScope {
        self.scope
    }

    async fn run(&self, access: Access, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.permit(access.needs).await?;
        let reach = match self.records {
            true => Reach::of_records(self.scope, access.needs),
            false => Reach::Account,
        };
        let send = || self.send_as(reach, access.mode, calls);
        let mut done = retried(send).await;
        if access.mode == Mode::Read {
            // On another connection it is read all the same, and nothing is done twice.
            if done.as_ref().is_err_and(was_cut) {
                done = send().await;
            }
            done = done.map_err(of_read);
        }
        match done {
            // The database had something against it.
            Err(forbidden) if forbidden.is_forbidden() => Err(self.refuse(forbidden).await),
            Ok(rows) if access.mode != Mode::Read => {
                self.app.written().add(self.scope.account_id());
                Ok(rows)
            }
            done => done,
        }
    }

    async fn refuse(&self, forbidden: Error) -> Error {
        let detail = forbidden.to_string();
        if !self.app.is_new_refusal(self.scope, &detail) {
            return forbidden.unless(self.send(Mode::Read, &[]).await);
        }
        let told = self.send(Mode::Write, &[Call::new(REFUSED, &[&detail])]).await;
        if told.is_ok() {
            self.app.told_refusal(self.scope, &detail);
        }
        self.app.written().add(self.scope.account_id());
        forbidden.unless(told)
    }
}

impl Scoped<'_> {
    /// As [`run`](Executor::run), of what is permitted and has no entries in the
    /// audit log.
    pub(crate) async fn send(&self, mode: Mode, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.send_as(Reach::Account, mode, calls).await
    }

    async fn send_as(&self, reach: Reach, mode: Mode, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        let connection = self.app.acquire(reach, self.scope.account_id()).await?;
        let sent = self.send_on(&connection, reach, mode, calls).await;
        // Nobody is to get it again, though it may not have noticed its end.
        if sent.as_ref().is_err_and(was_cut) {
            connection.close();
        }
        sent
    }

    async fn send_on(
        &self,
        connection: &Connection,
        reach: Reach,
        mode: Mode,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let account = self.scope.account_id();
        let bound = bind(&account, calls);
        let calls: Vec<Call<'_>> = bound.iter().map(|(call, params)| call.with(params)).collect();

        let opening = opening(self.scope, reach, mode);
        let Some(alive) = Alive::of(self.scope) else {
            let prepared = prepare(connection, &calls).await?;
            let sent = flush(self.app.latency(), connection, &opening, mode, &prepared).await;
            return sent.map_err(|failed| translate(failed.error));
        };
        let asked = alive.params();
        let mut guarded = Vec::with_capacity(calls.len() + 1);
        guarded.push(Call::new(alive.sql, &asked));
        guarded.extend_from_slice(&calls);
        let prepared = prepare(connection, &guarded).await?;
        let sent = flush(self.app.latency(), connection, &opening, mode, &prepared).await;
        let mut rows = sent.map_err(|failed| explain(self.scope, failed))?;
        rows.remove(0);
        Ok(rows)
    }
}

pub(super) fn opening(scope: &TenantScope, reach: Reach, mode: Mode) -> String {
    // A formatted UUID, a number and Base64: they cannot carry SQL.
    let (begin, account) = (mode.begin(), scope.account_id());
    let permissions = scope.permissions().bits();
    let mut opening = format!(
        "{begin}; SET LOCAL nexo.account_id = '{account}'; SET LOCAL nexo.permissions = {permissions}"
    );
    if let Some(key) = scope.key_id() {
        let _infallible = write!(opening, "; SET LOCAL nexo.key_id = '{key}'");
    }
    reach.open(&mut opening);
    match mode {
        Mode::Read => {}
        Mode::Write => opening.push_str(&actor::of_scope(scope)),
        Mode::InTurn => {
            opening.push_str(&actor::of_scope(scope));
            // Here and not among the calls, so that they see what the one before has done.
            let _infallible = write!(opening, "; SELECT nexo.hold_roles('{account}')");
        }
    }
    opening
}

/// A call and its parameters with the account before them.
pub(super) type Bound<'a> = (Call<'a>, Vec<&'a (dyn ToSql + Sync)>);

/// Puts the account before the parameters of each call, as `$1`.
pub(super) fn bind<'a>(account: &'a Id<Account>, calls: &[Call<'a>]) -> Vec<Bound<'a>> {
    let bind = |call: &Call<'a>| {
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(call.params.len() + 1);
        params.push(account);
        params.extend_from_slice(call.params);
        (*call, params)
    };
    calls.iter().map(bind).collect()
}
