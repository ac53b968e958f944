//! The API keys of an account.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::roles;
use crate::auth::{Kind, OpaqueToken};
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{
    ApiKey, ApiKeys, ErrorCode, Id, IssuedApiKey, NewApiKey, Permission, Permissions, Validate,
};
use crate::tenant::TenantScope;

macro_rules! columns {
    () => {
        "id, name, user_id, permissions, effective, created_at, expires_at, last_used_at"
    };
}

/// `$2` id, `$3` user, `$4` name, `$5` permissions, `$6` the secret's hash, `$7` its end or null, `$8` how many
/// there may be. No row when there are as many already.
const INSERT: &str = concat!(
    "insert into nexo.api_keys (account_id, id, user_id, name, permissions, token_hash, expires_at)
     select $1, $2, $3, $4, $5, $6, coalesce($7, now() + interval '1 year')
     where (select count(*) from nexo.api_keys where account_id = $1) < $8::bigint
     returning ",
    columns!()
);
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from nexo.api_keys where account_id = $1 order by created_at desc, id desc limit 1000"
);
/// `$2` id.
const GET: &str =
    concat!("select ", columns!(), " from nexo.api_keys where account_id = $1 and id = $2");
/// `$2` id.
const REVOKE: &str = "delete from nexo.api_keys where account_id = $1 and id = $2 returning id";

/// The most keys of an account.
const MOST: i64 = 1000;

/// The API keys of the account of whichever scope is given.
///
/// A key acts for the member who made it, never beyond what they may: with
/// another role of theirs it narrows or widens again, up to what it was made
/// for, and with their membership it ends. All of it takes effect on the next
/// request. A key makes no keys, and does nothing that needs its member's
/// password or session.
#[derive(Clone)]
pub struct ApiKeyRepository {
    database: Database,
}

impl Database {
    /// The API keys.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeyRepository {
        ApiKeyRepository { database: self.clone() }
    }
}

impl ApiKeyRepository {
    /// Makes a key that acts for the scope's user. Its secret is told this once.
    ///
    /// # Errors
    /// `validation_failed`; `forbidden` without `key:manage`, for more than the
    /// own permissions, and to an API key; `conflict` when there are 1,000.
    pub async fn create(&self, scope: &TenantScope, new: &NewApiKey) -> Result<IssuedApiKey> {
        new.validate().map_err(Error::invalid)?;
        super::in_session(&self.database, scope).await?;
        let user = scope
            .user_id()
            .ok_or_else(|| Error::new(ErrorCode::Unauthenticated, "a key acts for a user"))?;
        let permissions = new.permissions.closed();
        if let Err(forbidden) = roles::within(scope, permissions, &[]) {
            return Err(self.database.scoped_to_account(scope).refuse(forbidden).await);
        }
        let token = OpaqueToken::generate(Kind::ApiKey, scope.account_id())?;
        let (id, bits, hash) = (Id::<ApiKey>::new(), permissions.bits(), token.hash().to_vec());
        let insert: [&(dyn ToSql + Sync); 7] =
            [&id, &user, &new.name, &bits, &hash, &new.expires_at, &MOST];
        let access = Access::write_in_turn(Permission::KeyManage);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(INSERT, &insert)])
            .await?;
        let made = rows[0].first().ok_or_else(|| {
            Error::new(ErrorCode::Conflict, "an account has at most 1,000 API keys; revoke some")
        })?;
        Ok(IssuedApiKey { key: from_row(made).map_err(translate)?, secret: token.expose() })
    }

    /// The keys of all members, the newest first; also those that have expired.
    ///
    /// # Errors
    /// `forbidden` without `key:manage`.
    pub async fn list(&self, scope: &TenantScope) -> Result<ApiKeys> {
        let access = Access::read(Permission::KeyManage);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(LIST, &[])]).await?;
        let data = rows[0].iter().map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        Ok(ApiKeys { data })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `key:manage`.
    pub async fn get(&self, scope: &TenantScope, id: Id<ApiKey>) -> Result<ApiKey> {
        let access = Access::read(Permission::KeyManage);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(GET, &[&id])]).await?;
        from_row(rows[0].first().ok_or_else(Error::not_found)?).map_err(translate)
    }

    /// Ends a key: its next request is refused.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `key:manage`, and for a key that may
    /// more than the scope.
    pub async fn revoke(&self, scope: &TenantScope, id: Id<ApiKey>) -> Result<()> {
        let access = Access::write_in_turn(Permission::KeyManage);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(REVOKE, &[&id])])
            .await?;
        rows[0].first().map(drop).ok_or_else(Error::not_found)
    }
}

pub(crate) fn from_row(row: &Row) -> Result<ApiKey, PgError> {
    Ok(ApiKey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        user_id: row.try_get(2)?,
        permissions: Permissions::from_bits(row.try_get(3)?),
        effective: Permissions::from_bits(row.try_get(4)?),
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        last_used_at: row.try_get(7)?,
    })
}

impl fmt::Debug for ApiKeyRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyRepository").finish_non_exhaustive()
    }
}
