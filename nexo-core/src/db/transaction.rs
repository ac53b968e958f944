//! A transaction that begins with its first statements, in the same flush.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::alive::{Alive, explain};
use super::app::App;
use super::connection::Connection;
use super::flush::{Access, Call, FlushError, Mode, enqueue, prepare, send};
use super::groups::{AfterFailure, BACK, GroupRun, SAVEPOINT, Step};
use super::in_order::in_order;
use super::once::Claim;
use super::reach::Reach;
use super::scoped::{Executor, REFUSED, bind, opening};
use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::Permissions;
use crate::tenant::TenantScope;

/// What was answered to the statements of one step.
pub(crate) type Answered = Vec<Vec<Row>>;

/// A transaction for the repositories' own use. It is rolled back unless it is
/// committed, and nothing is sent before there is something to do.
pub(crate) struct Transaction {
    app: App,
    /// There until it is dropped.
    connection: Option<Connection>,
    scope: TenantScope,
    reach: Reach,
    claim: Option<Claim>,
    begun: AtomicBool,
    ended: bool,
    key_was_taken: AtomicBool,
    /// Many statements are on their way.
    is_long_at_work: AtomicBool,
}

impl Transaction {
    pub(super) async fn new(
        app: &App,
        scope: &TenantScope,
        reach: Reach,
        claim: Option<Claim>,
    ) -> Result<Self> {
        Ok(Self {
            connection: Some(app.acquire(reach, scope.account_id()).await?),
            app: app.clone(),
            scope: scope.clone(),
            reach,
            claim,
            begun: AtomicBool::new(false),
            ended: false,
            key_was_taken: AtomicBool::new(false),
            is_long_at_work: AtomicBool::new(false),
        })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("there until it is dropped")
    }

    /// Whether it failed because the idempotency key was there.
    pub(super) fn key_was_taken(&self) -> bool {
        self.key_was_taken.load(Ordering::Relaxed)
    }

    /// Commits, after keeping the answer if a key was claimed.
    pub(crate) async fn commit(mut self, answer: impl FnOnce() -> String) -> Result<()> {
        if !self.begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        let account = self.scope.account_id();
        let answer = self.claim.as_ref().map(|_| answer());
        let keep = self.claim.as_ref().zip(answer.as_ref());
        let keep = keep.map(|(claim, answer)| claim.keep(&account, answer));
        let calls: Vec<Call<'_>> =
            keep.iter().map(|(sql, params)| Call::new(sql, params)).collect();
        let ready = prepare(self.connection(), &calls).await?;
        // From here on the outcome is the database's.
        self.ended = true;
        let kept = send(self.app.latency(), self.connection(), None, &ready, Some("COMMIT")).await;
        self.app.written().add(account);
        kept.map(drop).map_err(|failed| translate(failed.error))
    }

    /// Runs each group of calls so that one which fails leaves nothing behind
    /// and the others stay, or so that the first failure ends it. All of it
    /// travels together, however many there are; each of the first failures
    /// costs another round trip.
    pub(crate) async fn run_each(
        &self,
        needs: Permissions,
        groups: &[Vec<Call<'_>>],
        after_failure: AfterFailure,
    ) -> Result<Vec<Result<Answered>>> {
        self.permit(needs).await?;
        let account = self.scope.account_id();
        let bound: Vec<_> = groups.iter().map(|group| bind(&account, group)).collect();
        let mut ready = Vec::with_capacity(bound.len());
        for group in &bound {
            let calls: Vec<_> = group.iter().map(|(call, params)| call.with(params)).collect();
            ready.push(prepare(self.connection(), &calls).await?);
        }
        let begins = !self.begun.load(Ordering::Relaxed);
        let guard = Guard::of(self, begins);
        let opening = guard.calls(&account);
        let opening =
            prepare(self.connection(), &opening.iter().map(Prefix::call).collect::<Vec<_>>())
                .await?;
        let begin = begins.then(|| self::opening(&self.scope, self.reach, Mode::Write));
        self.begun.store(true, Ordering::Relaxed);

        let mut run = GroupRun::new(&ready, after_failure);
        let mut steps: Vec<Step<'_>> = begin.as_deref().map(Step::Plain).into_iter().collect();
        steps.extend(opening.iter().map(Step::Call));
        steps.push(Step::Plain(SAVEPOINT));
        let first = steps.len();
        let blocks = run.plan(&mut steps);
        let mut answers = self.answers(&steps).await;
        for (position, answer) in answers.by_ref().take(first).enumerate() {
            // Position 0 is the opening, if there is one.
            let position = if begins { position } else { position + 1 };
            answer.map_err(|error| self.explain(FlushError { position, error }, &guard))?;
        }
        run.read(blocks, answers)?;
        while !run.is_done() {
            let mut steps = vec![Step::Plain(BACK)];
            let blocks = run.plan(&mut steps);
            let mut answers = self.answers(&steps).await;
            answers.next().transpose().map_err(translate)?;
            run.read(blocks, answers)?;
        }
        Ok(run.into_results())
    }

    async fn answers(
        &self,
        steps: &[Step<'_>],
    ) -> std::vec::IntoIter<Result<Vec<Row>, tokio_postgres::Error>> {
        self.is_long_at_work.store(true, Ordering::Relaxed);
        let run = in_order(steps.iter().map(|step| step.run(self.connection())));
        let answers = self.connection().under_way(run).await;
        self.is_long_at_work.store(false, Ordering::Relaxed);
        answers.into_iter()
    }

    fn explain(&self, failed: FlushError, guard: &Guard<'_>) -> crate::Error {
        if guard.claim_position() == Some(failed.position)
            && failed.error.code() == Some(&SqlState::UNIQUE_VIOLATION)
        {
            self.key_was_taken.store(true, Ordering::Relaxed);
        }
        if guard.alive.is_some() { explain(&self.scope, failed) } else { translate(failed.error) }
    }
}

/// What the first flush asks before anything else.
struct Guard<'a> {
    alive: Option<Alive>,
    claim: Option<&'a Claim>,
}

struct Prefix<'a> {
    sql: &'static str,
    params: Vec<&'a (dyn ToSql + Sync)>,
}

impl Prefix<'_> {
    fn call(&self) -> Call<'_> {
        Call::new(self.sql, &self.params)
    }
}

impl<'a> Guard<'a> {
    fn of(transaction: &'a Transaction, begins: bool) -> Self {
        let alive = Alive::of(&transaction.scope).filter(|_| begins);
        Self { alive, claim: transaction.claim.as_ref().filter(|_| begins) }
    }

    fn calls<'b>(&'b self, account: &'b (dyn ToSql + Sync)) -> Vec<Prefix<'b>> {
        let mut calls = Vec::new();
        if let Some(alive) = &self.alive {
            calls.push(Prefix { sql: alive.sql, params: alive.params().to_vec() });
        }
        for (sql, params) in self.claim.iter().flat_map(|claim| claim.make(account)) {
            calls.push(Prefix { sql, params });
        }
        calls
    }

    /// Where in the flush the key is claimed.
    fn claim_position(&self) -> Option<usize> {
        self.claim.map(|_| if self.alive.is_some() { 2 } else { 1 })
    }
}

impl Executor for Transaction {
    fn scope(&self) -> &TenantScope {
        &self.scope
    }

    async fn run(&self, access: Access, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.permit(access.needs).await?;
        let guard = Guard::of(self, !self.begun.load(Ordering::Relaxed));
        match self.send_calls(access.mode, guard, calls).await {
            // The database had something against it.
            Err(forbidden) if forbidden.is_forbidden() => Err(self.refuse(forbidden).await),
            done => done,
        }
    }

    async fn refuse(&self, forbidden: Error) -> Error {
        let told = self.tell_refusal(&forbidden.to_string()).await;
        forbidden.unless(told)
    }
}

impl Transaction {
    /// Ends this transaction, of which nothing is kept, and keeps the refusal in
    /// one of its own. No key is claimed: whoever may not is not told what was
    /// answered before.
    async fn tell_refusal(&self, detail: &String) -> Result<()> {
        if self.begun.load(Ordering::Relaxed) {
            self.connection().batch_execute("ROLLBACK").await.map_err(translate)?;
            self.begun.store(false, Ordering::Relaxed);
        }
        let guard = Guard { claim: None, ..Guard::of(self, true) };
        let tell: [&(dyn ToSql + Sync); 1] = [detail];
        let calls = [Call::new(REFUSED, &tell)];
        let is_new = self.app.is_new_refusal(&self.scope, detail);
        self.send_calls(Mode::Write, guard, if is_new { &calls } else { &[] }).await?;
        self.connection().batch_execute("COMMIT").await.map_err(translate)?;
        if is_new {
            self.app.told_refusal(&self.scope, detail);
        }
        self.app.written().add(self.scope.account_id());
        self.begun.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn send_calls(
        &self,
        mode: Mode,
        guard: Guard<'_>,
        calls: &[Call<'_>],
    ) -> Result<Vec<Vec<Row>>> {
        let account = self.scope.account_id();
        let begins = !self.begun.load(Ordering::Relaxed);
        let first = guard.calls(&account);
        let bound = bind(&account, calls);
        let mut all: Vec<Call<'_>> = first.iter().map(Prefix::call).collect();
        all.extend(bound.iter().map(|(call, params)| call.with(params)));
        let ready = prepare(self.connection(), &all).await?;
        let begin = begins.then(|| match mode {
            // It reads first, and may write after.
            Mode::Read | Mode::Write => opening(&self.scope, self.reach, Mode::Write),
            Mode::InTurn => opening(&self.scope, self.reach, Mode::InTurn),
        });
        self.begun.store(true, Ordering::Relaxed);
        let latency = self.app.latency();
        let sent = send(latency, self.connection(), begin.as_deref(), &ready, None).await;
        let mut rows = sent.map_err(|failed| self.explain(failed, &guard))?;
        Ok(rows.split_off(first.len()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_long_at_work.load(Ordering::Relaxed) {
            // Nobody waits for the rest, and a rollback would wait for all of it:
            // without its connection it ends at once.
            connection.close();
        } else if self.begun.load(Ordering::Relaxed) && !self.ended {
            // Queued before whatever the connection's next user sends.
            enqueue(connection.batch_execute("ROLLBACK"));
        }
    }
}
