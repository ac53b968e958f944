//! The way of identity work, before and beside tenants.

use std::fmt::Write as _;
use std::sync::Arc;

use tokio_postgres::Row;

use super::actor;
use super::alive::{Alive, explain};
use super::app::Written;
use super::flush::{Call, FlushError, Mode, Plan, flush, prepare};
use super::latency::Latency;
use super::pool::{Connections, PoolCount};
use super::retry::Retry;
use super::sqlstate::{is_cut, translate};
use crate::error::{Error, Result};
use crate::model::{Account, ErrorCode, Id, Session, SignIn, User};
use crate::tenant::{Peer, TenantScope};

/// Runs statements as `nexo_auth`, whose policies show the rows of one user.
#[derive(Clone)]
pub(crate) struct Identity {
    pool: Connections,
    written: Written,
    latency: Arc<Latency>,
}

/// What can be seen: the rows of a user, or no user's; the roles and invitations
/// of an account, for somebody who shows a token of it; a sign-in at a provider, the
/// same way; and for whom it is done.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sight<'a> {
    pub(crate) user: Option<Id<User>>,
    pub(crate) account: Option<Id<Account>>,
    pub(crate) sign_in: Option<Id<SignIn>>,
    pub(crate) peer: Option<&'a Peer>,
}

impl<'a> Sight<'a> {
    /// Nobody's rows.
    pub(crate) const NONE: Self = Self { user: None, account: None, sign_in: None, peer: None };

    pub(crate) const fn of(user: Id<User>, peer: &'a Peer) -> Self {
        Self { user: Some(user), peer: Some(peer), ..Self::NONE }
    }
}

impl Identity {
    pub(crate) fn new(pool: Connections, written: Written) -> Self {
        Self { pool, written, latency: Arc::default() }
    }

    /// Asks the database for an answer.
    pub(crate) async fn ping(&self) -> Result<()> {
        self.pool.ping().await
    }

    pub(super) fn count(&self) -> PoolCount {
        self.pool.count()
    }

    pub(super) fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Somebody logged in to the account: its audit log has entries to seal.
    pub(crate) fn has_written(&self, account: Id<Account>) {
        self.written.add(account);
    }

    /// Runs the calls in one transaction.
    pub(crate) async fn run(
        &self,
        mode: Mode,
        sight: Sight<'_>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.send(mode, sight, None, calls).await?.map_err(|failed| translate(failed.error))
    }

    /// Runs the calls for the user of a session, which must be alive.
    pub(crate) async fn run_alive(
        &self,
        mode: Mode,
        scope: &TenantScope,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.run_guarded(mode, scope, within(scope), None, calls).await
    }

    /// The same where the token of a sign-in is shown too.
    pub(crate) async fn run_alive_with(
        &self,
        mode: Mode,
        scope: &TenantScope,
        sign_in: Id<SignIn>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.run_guarded(mode, scope, within(scope), Some(sign_in), calls).await
    }

    /// The same for going from one account to another, of which both are told
    /// from where it was done, and neither in which session of the other.
    pub(crate) async fn run_between(
        &self,
        scope: &TenantScope,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        self.run_guarded(Mode::Write, scope, None, None, calls).await
    }

    async fn run_guarded(
        &self,
        mode: Mode,
        scope: &TenantScope,
        within: Option<(Id<Account>, Id<Session>)>,
        sign_in: Option<Id<SignIn>>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let Some(alive) = Alive::of(scope) else {
            return Err(Error::new(ErrorCode::Unauthenticated, "this needs a user"));
        };
        scope.require_session()?;
        let account = scope.account_id();
        let sight = Sight { user: scope.user_id(), account: None, sign_in, peer: scope.peer() };
        let asked = alive.params();
        let mut guarded = Vec::with_capacity(calls.len() + 1);
        guarded.push(Call { sql: alive.sql, params: &asked, plan: Plan::Once });
        guarded.extend_from_slice(calls);
        let sent = self.send(mode, sight, within, &guarded).await?;
        if mode != Mode::Read {
            self.has_written(account);
        }
        let mut rows = sent.map_err(|failed| explain(scope, failed))?;
        rows.remove(0);
        Ok(rows)
    }

    async fn send(
        &self,
        mode: Mode,
        sight: Sight<'_>,
        within: Option<(Id<Account>, Id<Session>)>,
        calls: &[Call<'_>],
    ) -> Result<Result<Vec<Vec<Row>>, FlushError>> {
        match self.send_once(mode, sight, within, calls).await? {
            // On another connection it is read all the same, and nothing is done twice.
            Err(failed) if mode == Mode::Read && is_cut(&failed.error) => {
                self.send_once(mode, sight, within, calls).await
            }
            done => Ok(done),
        }
    }

    async fn send_once(
        &self,
        mode: Mode,
        sight: Sight<'_>,
        within: Option<(Id<Account>, Id<Session>)>,
        calls: &[Call<'_>],
    ) -> Result<Result<Vec<Vec<Row>>, FlushError>> {
        let connection = match sight.user {
            Some(user) => self.pool.acquire_for(*user.as_uuid()).await?,
            None => self.pool.acquire().await?,
        };
        let prepared = prepare(&connection, calls).await?;
        // Formatted UUIDs and Base64: they cannot carry SQL.
        let mut opening = mode.begin().to_owned();
        if let Some(user) = sight.user {
            let _infallible = write!(opening, "; SET LOCAL nexo.user_id = '{user}'");
        }
        if let Some(account) = sight.account {
            let _infallible = write!(opening, "; SET LOCAL nexo.account_id = '{account}'");
        }
        if let Some(sign_in) = sight.sign_in {
            let _infallible = write!(opening, "; SET LOCAL nexo.sign_in_id = '{sign_in}'");
        }
        if mode != Mode::Read {
            opening.push_str(&actor::of_peer(sight.peer, within));
        }
        let mut retry = Retry::default();
        loop {
            match flush(&self.latency, &connection, &opening, mode, &prepared).await {
                Err(failed) if retry.is_worth_it(failed.error.code()) => retry.pause().await,
                done => {
                    // Nobody is to get it again, though it may not have noticed its end.
                    if done.as_ref().is_err_and(|failed| is_cut(&failed.error)) {
                        connection.close();
                    }
                    return Ok(done);
                }
            }
        }
    }
}

fn within(scope: &TenantScope) -> Option<(Id<Account>, Id<Session>)> {
    scope.session_id().map(|session| (scope.account_id(), session))
}
