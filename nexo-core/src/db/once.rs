//! Work that is done once for its key, however often it is asked for.

use aws_lc_rs::digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::app::App;
use super::flush::{Access, Call};
use super::reach::Reach;
use super::retry::retried;
use super::scoped::{Executor, Scoped};
use super::sqlstate::translate;
use super::transaction::Transaction;
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Permissions};
use crate::tenant::TenantScope;

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
         order by created_at limit 20 for update skip locked)";

/// A caller's name for one request, so that sending it again does not do it
/// again. It belongs to one user of one account and is remembered for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: Vec<u8>,
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
        Ok(Self { key, fingerprint: hash.finish().as_ref().to_vec() })
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

/// Does the work in one transaction, and again if that was in another's way. With
/// a key, its result is kept in the same transaction, and given again when the key
/// was there already.
pub(crate) async fn once<R, W>(
    app: &App,
    scope: &TenantScope,
    reach: Reach,
    key: Option<&IdempotencyKey>,
    work: W,
) -> Result<Once<R>>
where
    R: Serialize + DeserializeOwned,
    W: AsyncFnOnce(&Transaction) -> Result<R> + Copy,
{
    retried(|| attempt(app, scope, reach, key, work)).await
}

async fn attempt<R, W>(
    app: &App,
    scope: &TenantScope,
    reach: Reach,
    key: Option<&IdempotencyKey>,
    work: W,
) -> Result<Once<R>>
where
    R: Serialize + DeserializeOwned,
    W: AsyncFnOnce(&Transaction) -> Result<R>,
{
    let claim = key.map(|key| Claim { user: owner_of_key(scope), key: key.clone() });
    let transaction = Transaction::new(app, scope, reach, claim).await?;
    match work(&transaction).await {
        Ok(result) => {
            let answer = || serde_json::to_string(&result).expect("wire types always serialise");
            transaction.commit(answer).await?;
            Ok(Once::Done(result))
        }
        Err(error) => match key {
            Some(key) if transaction.key_was_taken() => {
                // Back to the pool, so that one request never holds two.
                drop(transaction);
                recall(app, scope, key).await.map(Once::Before)
            }
            _ => Err(error),
        },
    }
}

/// A key that is claimed by a transaction's first statements.
pub(super) struct Claim {
    user: Uuid,
    key: IdempotencyKey,
}

/// A statement and all of its parameters.
type Statement<'a> = (&'static str, Vec<&'a (dyn ToSql + Sync)>);

impl Claim {
    pub(super) fn make<'a>(&'a self, account: &'a (dyn ToSql + Sync)) -> [Statement<'a>; 2] {
        let claim: Vec<&(dyn ToSql + Sync)> =
            vec![account, &self.user, &self.key.key, &self.key.fingerprint];
        [(CLAIM, claim), (FORGET, vec![account])]
    }

    pub(super) fn keep<'a>(
        &'a self,
        account: &'a (dyn ToSql + Sync),
        answer: &'a String,
    ) -> Statement<'a> {
        (ANSWER, vec![account, &self.user, &self.key.key, answer])
    }
}

async fn recall<R: DeserializeOwned>(
    app: &App,
    scope: &TenantScope,
    key: &IdempotencyKey,
) -> Result<R> {
    let user = owner_of_key(scope);
    let params: [&(dyn ToSql + Sync); 2] = [&user, &key.key];
    let scoped = Scoped { app, scope, records: false };
    let found = scoped.run(Access::read(Permissions::NONE), &[Call::new(RECALL, &params)]).await?;
    let Some(row) = found[0].first() else {
        return Err(Error::new(
            ErrorCode::Conflict,
            "the idempotency key was just forgotten; send the request again",
        ));
    };
    let answer: &str = row.try_get(1).map_err(translate)?;
    if answer.is_empty() {
        return Err(Error::new(
            ErrorCode::Conflict,
            "what was done under this idempotency key has been erased since",
        ));
    }
    let fingerprint: &[u8] = row.try_get(0).map_err(translate)?;
    if fingerprint != key.fingerprint {
        return Err(Error::new(
            ErrorCode::IdempotencyKeyReused,
            "the idempotency key was used for another request; use a new one for each",
        ));
    }
    serde_json::from_str(answer).map_err(|error| {
        Error::new(ErrorCode::Internal, "a kept answer cannot be read").because(error)
    })
}

fn owner_of_key(scope: &TenantScope) -> Uuid {
    // An API key has names of its own: it may less than its member.
    let key = scope.key_id().map(|key| *key.as_uuid());
    key.or(scope.user_id().map(|user| *user.as_uuid())).unwrap_or_default()
}
