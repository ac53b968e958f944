//! From an API key to a scope.

use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio_postgres::types::ToSql;

use super::secret::{Kind, OpaqueToken};
use crate::db::Plan::Once;
use crate::db::{Call, Identity, Mode, Sight, translate};
use crate::error::{Error, Result};
use crate::model::{Account, Id, Permissions};
use crate::tenant::{Credential, TenantScope};

/// Keys that are remembered.
const REMEMBERED: usize = 10_000;
/// For how long. What has changed meanwhile is found by the first request that
/// uses it; this bounds how far behind `last_used_at` may be.
const AGE: Duration = Duration::from_secs(60);

/// `$1` account, `$2` the secret's hash. That it was used is kept to the minute,
/// so that keys in use are seldom written.
const FIND: &str = "with found as (
         select id, user_id, effective, last_used_at from nexo.api_keys
         where account_id = $1 and token_hash = $2 and expires_at > now() and effective <> 0
     ), used as (
         update nexo.api_keys k set last_used_at = now() from found
         where k.account_id = $1 and k.id = found.id
           and (found.last_used_at is null or found.last_used_at < now() - interval '1 minute'))
     select id, user_id, effective from found";

/// Looks keys up, and remembers them.
pub(super) struct ApiKeys {
    known: Cache<(Id<Account>, [u8; 32]), Known>,
}

#[derive(Clone)]
struct Known {
    scope: TenantScope,
    at: Instant,
}

impl ApiKeys {
    pub(super) fn new() -> Self {
        Self { known: Cache::new(REMEMBERED) }
    }

    /// Whether it says of itself that it is one.
    pub(super) fn is_one(token: &str) -> bool {
        token.starts_with(Kind::ApiKey.prefix())
    }

    /// The scope of a key; whether it is still good is asked by each use of it,
    /// as with a session.
    pub(super) async fn verify(&self, identity: &Identity, text: &str) -> Result<TenantScope> {
        let token = OpaqueToken::parse(Kind::ApiKey, text).ok_or_else(Error::bad_key)?;
        let account = token.owner::<Account>();
        let key = (account, token.hash());
        if let Some(known) = self.known.get(&key)
            && known.at.elapsed() < AGE
            && !known.scope.is_outdated()
        {
            return Ok(known.scope);
        }
        let at = Instant::now();
        let hash = key.1.as_slice();
        let find: [&(dyn ToSql + Sync); 2] = [&account, &hash];
        let calls = [Call { sql: FIND, params: &find, plan: Once }];
        let sight = Sight { account: Some(account), ..Sight::NONE };
        let rows = identity.run(Mode::Write, sight, &calls).await?;
        let row = rows[0].first().ok_or_else(Error::bad_key)?;
        let (id, user) = (row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?);
        let permissions = Permissions::from_bits(row.try_get(2).map_err(translate)?);
        let scope = TenantScope::of_user(account, user, Credential::Key(id), permissions);
        self.known.insert(key, Known { scope: scope.clone(), at });
        Ok(scope)
    }
}
