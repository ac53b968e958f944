//! Work that is done once for its key, however often it is asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use deadpool_postgres::{Object, Pool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::flush::{Access, Call, FlushError, enqueue, prepare, send};
use super::pool::acquire;
use super::scoped::{Executor, SESSION_IS_ALIVE, Scoped, bind, explain, opening};
use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::ErrorCode;
use crate::tenant::{Actor, TenantScope};

/// Fails with a unique violation when the key is there, which aborts the
/// transaction and with it the work that is sent in the same flush. While the
/// key's first request is still running, it waits for its end.
const CLAIM: &str = "insert into nexo.idempotency_keys (account_id, user_id, key, fingerprint)
     values ($1, $2, $3, $4)";

const ANSWER: &str = "update nexo.idempotency_keys set answer = $4
     where account_id = $1 and user_id = $2 and key = $3";

const RECALL: &str = "select fingerprint, answer from nexo.idempotency_keys
     where account_id = $1 and user_id = $2 and key = $3";

/// Keys are kept for a day. Some of the old ones go with each new one.
const FORGET: &str = "delete from nexo.idempotency_keys
     where account_id = $1 and (user_id, key) in (
         select user_id, key from nexo.idempotency_keys
         where account_id = $1 and created_at < now() - interval '24 hours'
         order by created_at limit 20)";

/// A caller's name for one request, so that sending it again does not do it
/// again. It belongs to one user of one account and is remembered for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// The longest key, in characters.
    pub const MAX: usize = 255;

    /// The key of a request. `request` is whatever tells one request from
    /// another: its method, path and body.
    ///
    /// # Errors
    /// `bad_request` unless the key is 1 to 255 visible ASCII characters.
    pub fn new(key: impl Into<String>, request: &[&[u8]]) -> Result<Self> {
        let key = key.into();
        if !(1..=Self::MAX).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::new(
                ErrorCode::BadRequest,
                "an idempotency key is 1 to 255 visible ASCII characters",
            ));
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in request {
            // With its length, so that no two lists of parts are one text.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let fingerprint = hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
        Ok(Self { key, fingerprint })
    }
}

/// The result of work that is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once<R> {
    /// It was done now.
    Done(R),
    /// It had been done before; this is what was answered then.
    Before(R),
}

impl<R> Once<R> {
    /// The result, whenever it was made.
    pub fn into_inner(self) -> R {
        match self {
            Self::Done(result) | Self::Before(result) => result,
        }
    }

    /// Whether it had been done before.
    pub const fn is_before(&self) -> bool {
        matches!(self, Self::Before(_))
    }
}

/// Does the work and keeps its result under the key, in one transaction; or
/// gives the result that was kept.
pub(crate) async fn once<R, W>(
    pool: &Pool,
    scope: &TenantScope,
    key: &IdempotencyKey,
    work: W,
) -> Result<Once<R>>
where
    R: Serialize + DeserializeOwned,
    W: AsyncFnOnce(&Claimed) -> Result<R>,
{
    let claimed = Claimed::new(pool, scope, key).await?;
    match work(&claimed).await {
        Ok(result) => {
            claimed.keep(&result).await?;
            Ok(Once::Done(result))
        }
        Err(_) if claimed.was_taken() => {
            // Back to the pool, so that one request never holds two.
            drop(claimed);
            recall(pool, scope, key).await.map(Once::Before)
        }
        Err(error) => Err(error),
    }
}

/// A transaction that begins, with its first statements, by claiming the key.
pub(crate) struct Claimed {
    connection: Object,
    scope: TenantScope,
    user: Uuid,
    key: IdempotencyKey,
    begun: AtomicBool,
    ended: bool,
    taken: AtomicBool,
}

impl Claimed {
    async fn new(pool: &Pool, scope: &TenantScope, key: &IdempotencyKey) -> Result<Self> {
        Ok(Self {
            connection: acquire(pool).await?,
            scope: scope.clone(),
            user: owner_of_key(scope),
            key: key.clone(),
            begun: AtomicBool::new(false),
            ended: false,
            taken: AtomicBool::new(false),
        })
    }

    fn was_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    async fn keep(mut self, result: &impl Serialize) -> Result<()> {
        if !self.begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        let answer = serde_json::to_string(result).expect("wire types always serialise");
        let account = self.scope.account_id();
        let params: [&(dyn ToSql + Sync); 4] = [&account, &self.user, &self.key.key, &answer];
        let ready = prepare(&self.connection, &[Call::new(ANSWER, &params)]).await?;
        let kept = send(&self.connection, None, &ready, Some("COMMIT"));
        // From here on the outcome is the database's.
        self.ended = true;
        kept.await.map(drop).map_err(|failed| translate(failed.error))
    }
}

impl Executor for Claimed {
    fn scope(&self) -> &TenantScope {
        &self.scope
    }

    async fn run(&self, _access: Access, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        let account = self.scope.account_id();
        let bound = bind(&account, calls);
        if self.begun.load(Ordering::Relaxed) {
            let calls: Vec<Call<'_>> =
                bound.iter().map(|(call, params)| call.with(params)).collect();
            let ready = prepare(&self.connection, &calls).await?;
            let sent = send(&self.connection, None, &ready, None).await;
            return sent.map_err(|failed| translate(failed.error));
        }
        let (user, key) = (&self.user, &self.key);
        let fingerprint = &key.fingerprint[..];
        let claim: [&(dyn ToSql + Sync); 4] = [&account, user, &key.key, &fingerprint];
        let forget: [&(dyn ToSql + Sync); 1] = [&account];
        let mut first = vec![Call::new(CLAIM, &claim), Call::new(FORGET, &forget)];
        let claim_at = match self.scope.actor() {
            Actor::System { .. } => 1,
            Actor::User { .. } => 2,
        };
        let session;
        let alive: [&(dyn ToSql + Sync); 3];
        if let Actor::User { session: of, .. } = self.scope.actor() {
            session = of;
            alive = [&account, &session, user];
            first.insert(0, Call::new(SESSION_IS_ALIVE, &alive));
        }
        let before = first.len();
        first.extend(bound.iter().map(|(call, params)| call.with(params)));
        let ready = prepare(&self.connection, &first).await?;
        self.begun.store(true, Ordering::Relaxed);
        let opening = opening(&self.scope, Access::Write);
        let sent = send(&self.connection, Some(&opening), &ready, None).await;
        sent.map(|mut rows| rows.split_off(before)).map_err(|failed| {
            let FlushError { position, error } = &failed;
            if *position == claim_at && error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
                self.taken.store(true, Ordering::Relaxed);
            }
            if claim_at == 2 { explain(failed) } else { translate(failed.error) }
        })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // Queued before whatever the connection's next user sends.
        if self.begun.load(Ordering::Relaxed) && !self.ended {
            enqueue(self.connection.batch_execute("ROLLBACK"));
        }
    }
}

async fn recall<R: DeserializeOwned>(
    pool: &Pool,
    scope: &TenantScope,
    key: &IdempotencyKey,
) -> Result<R> {
    let user = owner_of_key(scope);
    let params: [&(dyn ToSql + Sync); 2] = [&user, &key.key];
    let scoped = Scoped { pool, scope };
    let found = scoped.run(Access::Read, &[Call::new(RECALL, &params)]).await?;
    let Some(row) = found[0].first() else {
        return Err(Error::new(
            ErrorCode::Conflict,
            "the idempotency key was just forgotten; send the request again",
        ));
    };
    let fingerprint: &[u8] = row.try_get(0).map_err(translate)?;
    if fingerprint != key.fingerprint {
        return Err(Error::new(
            ErrorCode::IdempotencyKeyReused,
            "the idempotency key was used for another request; use a new one for each",
        ));
    }
    let answer: &str = row.try_get(1).map_err(translate)?;
    serde_json::from_str(answer).map_err(|error| {
        Error::new(ErrorCode::Internal, "a kept answer cannot be read").because(error)
    })
}

fn owner_of_key(scope: &TenantScope) -> Uuid {
    scope.user_id().map_or(Uuid::nil(), |user| *user.as_uuid())
}
