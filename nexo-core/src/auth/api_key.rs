//! From an API key to a scope.

use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;

use super::secret::{Kind, OpaqueToken};
use crate::db::Plan::Once;
use crate::db::{Call, Identity, Mode, Sight, translate};
use crate::error::{Error, Result};
use crate::model::{Account, ApiKey, ErrorCode, Id, Permissions};
use crate::tenant::{Credential, TenantScope};

/// Keys that are remembered.
const REMEMBERED: usize = 10_000;
/// For how long. What has changed meanwhile is found by the first request that
/// uses it; this bounds how far behind `last_used_at` may be.
const AGE: Duration = Duration::from_secs(60);

/// Lookups at a time, fewer than identity work has connections, and those that may
/// wait for it: whoever invents keys keeps nobody from logging in.
const AT_A_TIME: usize = 2;
const WAITING: usize = 256;

/// `$1` account, `$2` the secret's hash.
const FIND: &str = "select id, user_id, effective, last_used_at is null or last_used_at < now() - interval '50 seconds'
     from nexo.api_keys
     where account_id = $1 and token_hash = $2 and expires_at > now() and effective <> 0";
/// To the minute, so that a key in use is seldom written. `$2` id.
const USED: &str =
    "update nexo.api_keys set last_used_at = now() where account_id = $1 and id = $2";

/// Looks keys up, and remembers them.
pub(super) struct ApiKeys {
    known: Cache<Key, Known>,
    places: Semaphore,
    turns: Semaphore,
}

/// The account, and the secret's hash.
type Key = (Id<Account>, [u8; 32]);

#[derive(Clone)]
struct Known {
    scope: TenantScope,
    at: Instant,
}

impl ApiKeys {
    pub(super) fn new() -> Self {
        let (places, turns) = (Semaphore::new(WAITING), Semaphore::new(AT_A_TIME));
        Self { known: Cache::new(REMEMBERED), places, turns }
    }

    /// Whether it says of itself that it is one.
    pub(super) fn is_one(token: &str) -> bool {
        token.starts_with(Kind::ApiKey.prefix())
    }

    /// The scope of a key; whether it is still good is asked by each use of it,
    /// as with a session.
    pub(super) async fn verify(&self, identity: &Identity, text: &str) -> Result<TenantScope> {
        let token = OpaqueToken::parse(Kind::ApiKey, text).ok_or_else(Error::bad_key)?;
        let key = (token.owner::<Account>(), token.hash());
        if let Some(known) = self.known.get(&key)
            && known.at.elapsed() < AGE
            && !known.scope.is_outdated()
        {
            return Ok(known.scope);
        }
        // Seldom, and large: not a part of every request's future.
        Box::pin(self.look_up(identity, key)).await
    }

    async fn look_up(&self, identity: &Identity, key: Key) -> Result<TenantScope> {
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let _turn = self.turns.acquire().await.map_err(|_| busy())?;
        let at = Instant::now();
        let (account, hash) = (key.0, key.1.as_slice());
        let find: [&(dyn ToSql + Sync); 2] = [&account, &hash];
        let calls = [Call { sql: FIND, params: &find, plan: Once }];
        let sight = Sight { account: Some(account), ..Sight::NONE };
        let rows = identity.run(Mode::Read, sight, &calls).await?;
        let row = rows[0].first().ok_or_else(Error::bad_key)?;
        let id: Id<ApiKey> = row.try_get(0).map_err(translate)?;
        let user = row.try_get(1).map_err(translate)?;
        let permissions = Permissions::from_bits(row.try_get(2).map_err(translate)?);
        if row.try_get(3).map_err(translate)? {
            let used = [Call { sql: USED, params: &[&account, &id], plan: Once }];
            identity.run(Mode::Write, sight, &used).await?;
        }
        let scope = TenantScope::of_user(account, user, Credential::Key(id), permissions);
        self.known.insert(key, Known { scope: scope.clone(), at });
        Ok(scope)
    }
}

fn busy() -> Error {
    Error::new(ErrorCode::Overloaded, "too many API keys are looked up at once")
        .retry_in(Duration::from_secs(1))
}
