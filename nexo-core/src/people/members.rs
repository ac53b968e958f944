//! The members of an account.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::role_ref;
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, Member, MemberPatch, Members, Permission, Permissions, User};
use crate::repo::checked_limit;
use crate::tenant::TenantScope;

macro_rules! columns {
    () => {
        "m.user_id, m.email, m.name, m.role, m.role_id, m.permissions, m.created_at, m.last_login_at, m.disabled_at"
    };
}

/// `$2` the last member of the page before, or null, `$3` how many.
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from nexo.memberships m
     where m.account_id = $1 and ($2::uuid is null or (m.created_at, m.user_id) > (
         select b.created_at, b.user_id from nexo.memberships b where b.account_id = $1 and b.user_id = $2))
     order by m.created_at, m.user_id limit $3"
);
/// `$2` user.
const GET: &str = concat!(
    "select ",
    columns!(),
    " from nexo.memberships m where m.account_id = $1 and m.user_id = $2"
);
/// `$2` user, `$3` and `$4` role, which stays if it is null, `$5` whether to disable, or null.
const PATCH: &str = concat!(
    "update nexo.memberships m
     set (role, role_id, disabled_at) = (coalesce($3, m.role), case when $3 is null then m.role_id else $4 end,
         case when $5 then coalesce(m.disabled_at, now()) when $5 is null then m.disabled_at end)
     where m.account_id = $1 and m.user_id = $2
     returning ",
    columns!()
);
/// `$2` user. Sessions and refresh tokens go with it.
const REMOVE: &str =
    "delete from nexo.memberships where account_id = $1 and user_id = $2 returning user_id";

/// The members of the account of whichever scope is given.
///
/// Who has another role, or is no member any more, feels it on the next
/// request. An account always has an owner.
///
/// Nobody gives or takes more than they have themselves: that is `forbidden`.
#[derive(Clone)]
pub struct MemberRepository {
    pub(super) database: Database,
}

impl Database {
    /// The members.
    #[must_use]
    pub fn members(&self) -> MemberRepository {
        MemberRepository { database: self.clone() }
    }
}

impl MemberRepository {
    /// A page of members, those who joined first at the top.
    ///
    /// # Errors
    /// `invalid_query` for a limit out of range, `invalid_cursor` for one that
    /// no page ended with; `forbidden` without `member:read`.
    pub async fn list(
        &self,
        scope: &TenantScope,
        limit: Option<u16>,
        cursor: Option<&str>,
    ) -> Result<Members> {
        let limit = checked_limit(limit)?;
        let after = cursor.map(str::parse::<Id<User>>).transpose().map_err(|_| {
            Error::new(ErrorCode::InvalidCursor, "the cursor is not one of this list")
        })?;
        let fetch = i64::from(limit) + 1;
        let params: [&(dyn ToSql + Sync); 2] = [&after, &fetch];
        let access = Access::read(Permission::MemberRead);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(LIST, &params)]).await?;
        let shown = rows[0].iter().take(usize::from(limit));
        let data: Vec<Member> = shown.map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        let more = rows[0].len() > data.len();
        let next_cursor = data.last().filter(|_| more).map(|last| last.user_id.to_string());
        Ok(Members { data, next_cursor })
    }

    /// Reads a member.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `member:read`.
    pub async fn get(&self, scope: &TenantScope, user: Id<User>) -> Result<Member> {
        let access = Access::read(Permission::MemberRead);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(GET, &[&user])]).await?;
        the_member(&rows[0])
    }

    /// Gives a member another role, holds them out, or lets them in again.
    ///
    /// # Errors
    /// `not_found`; `validation_failed` for a role that there is not;
    /// `forbidden` without `member:manage`, or when what the member has or
    /// gets is beyond the own permissions; `conflict` for the last owner.
    pub async fn patch(
        &self,
        scope: &TenantScope,
        user: Id<User>,
        patch: &MemberPatch,
    ) -> Result<Member> {
        if scope.user_id() == Some(user) {
            super::in_session(&self.database, scope).await?;
        }
        let (role, role_id) = patch.role.map(role_ref::columns).unzip();
        let params: [&(dyn ToSql + Sync); 4] = [&user, &role, &role_id.flatten(), &patch.disabled];
        let access = Access::write_in_turn(Permission::MemberManage);
        let calls = [Call::new(PATCH, &params)];
        let rows = self.database.scoped_to_account(scope).run(access, &calls).await?;
        the_member(&rows[0])
    }

    /// Takes a member out of the account, and ends their sessions in it. What
    /// they have made stays.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub async fn remove(&self, scope: &TenantScope, user: Id<User>) -> Result<()> {
        if scope.user_id() == Some(user) {
            super::in_session(&self.database, scope).await?;
        }
        let access = Access::write_in_turn(Permission::MemberManage);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(REMOVE, &[&user])])
            .await?;
        rows[0].first().map(drop).ok_or_else(Error::not_found)
    }

    /// Takes the scope's own user out of the account, whatever they may do in
    /// it, as [`remove`](Self::remove) does.
    ///
    /// # Errors
    /// `conflict` for the last owner; `forbidden` to an API key.
    pub async fn leave(&self, scope: &TenantScope) -> Result<()> {
        super::in_session(&self.database, scope).await?;
        let user = scope
            .user_id()
            .ok_or_else(|| Error::new(ErrorCode::Unauthenticated, "this needs a user"))?;
        let access = Access::write_in_turn(Permissions::NONE);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(REMOVE, &[&user])])
            .await?;
        rows[0].first().map(drop).ok_or_else(Error::not_found)
    }
}

fn the_member(rows: &[Row]) -> Result<Member> {
    from_row(rows.first().ok_or_else(Error::not_found)?).map_err(translate)
}

fn from_row(row: &Row) -> Result<Member, PgError> {
    Ok(Member {
        user_id: row.try_get(0)?,
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        role: role_ref::read(row, 3)?,
        permissions: Permissions::from_bits(row.try_get(5)?),
        joined_at: row.try_get(6)?,
        last_login_at: row.try_get(7)?,
        disabled_at: row.try_get(8)?,
    })
}

impl fmt::Debug for MemberRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberRepository").finish_non_exhaustive()
    }
}
