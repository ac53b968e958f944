//! Invitations to an account.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::role_ref;
use crate::auth::{Kind, OpaqueToken};
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, Id, Invitation, Invitations, Invite, NewInvitation, Permission, Validate,
    normalize_email,
};
use crate::tenant::TenantScope;

macro_rules! columns {
    () => {
        "id, email, role, role_id, invited_by, created_at, expires_at"
    };
}

/// `$2` id, `$3` address, `$4` and `$5` role, `$6` the token's hash, `$7` who
/// invites, `$8` how many there may be, `$9` whether it is mailed. No row when there are as many already.
const INSERT: &str = concat!(
    "insert into nexo.invitations (account_id, id, email, role, role_id, token_hash, invited_by, expires_at, mailed)
     select $1, $2, $3, $4, $5, $6, $7, now() + interval '7 days', $9
     where (select count(*) from nexo.invitations
            where account_id = $1 and accepted_at is null and expires_at > now()) < $8::bigint
     returning ",
    columns!()
);
/// The one before to the same address. Those that ended long ago go too.
const REPLACE: &str = "delete from nexo.invitations where account_id = $1
     and (email = $2 and accepted_at is null or created_at < now() - interval '90 days')";
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from nexo.invitations where account_id = $1 and accepted_at is null and expires_at > now()
     order by created_at desc, id desc limit 1000"
);
/// `$2` id.
const GET: &str = concat!(
    "select ",
    columns!(),
    " from nexo.invitations where account_id = $1 and id = $2 and accepted_at is null and expires_at > now()"
);
/// `$2` id.
const WITHDRAW: &str = "delete from nexo.invitations
     where account_id = $1 and id = $2 and accepted_at is null returning id";

/// The most invitations of an account that can be accepted.
const MOST: i64 = 1000;

/// The invitations to the account of whichever scope is given.
#[derive(Clone)]
pub struct InvitationRepository {
    database: Database,
}

impl Database {
    /// The invitations.
    #[must_use]
    pub fn invitations(&self) -> InvitationRepository {
        InvitationRepository { database: self.clone() }
    }
}

impl InvitationRepository {
    /// Invites somebody for seven days; an invitation of the same address that
    /// was not accepted ends. What is answered tells nothing of whether the
    /// address is a user's.
    ///
    /// # Errors
    /// `validation_failed` for the address or a role that there is not;
    /// `forbidden` without `member:manage`, or for a role beyond the own
    /// permissions, or over an invitation that is, and to an API key; `conflict` for more than
    /// 1,000 that can be accepted.
    pub async fn create(&self, scope: &TenantScope, invite: &Invite) -> Result<NewInvitation> {
        self.invite(scope, invite, false).await
    }

    /// Whether the scope may invite like that, as far as is known before it is
    /// tried: for a program that does something else first.
    ///
    /// # Errors
    /// As [`create`](Self::create), but what the database alone can say.
    pub async fn check(&self, scope: &TenantScope, invite: &Invite) -> Result<()> {
        invite.validate().map_err(Error::invalid)?;
        // What a key invites would outlive the key.
        super::in_session(&self.database, scope).await?;
        self.database.scoped_to_account(scope).permit(Permission::MemberManage.into()).await
    }

    /// The same for a program that mails the token to the address and tells it
    /// to nobody else: whoever accepts has shown that the address is theirs.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_to_mail(
        &self,
        scope: &TenantScope,
        invite: &Invite,
    ) -> Result<NewInvitation> {
        self.invite(scope, invite, true).await
    }

    async fn invite(
        &self,
        scope: &TenantScope,
        invite: &Invite,
        mailed: bool,
    ) -> Result<NewInvitation> {
        self.check(scope, invite).await?;
        let email = normalize_email(&invite.email);
        let token = OpaqueToken::generate(Kind::Invitation, scope.account_id())?;
        let (id, (role, role_id)) = (Id::<Invitation>::new(), role_ref::columns(invite.role));
        let (hash, inviter) = (token.hash().to_vec(), scope.user_id());
        let insert: [&(dyn ToSql + Sync); 8] =
            [&id, &email, &role, &role_id, &hash, &inviter, &MOST, &mailed];
        let replace: [&(dyn ToSql + Sync); 1] = [&email];
        let calls = [Call::new(REPLACE, &replace), Call::new(INSERT, &insert)];
        let access = Access::write_in_turn(Permission::MemberManage);
        let rows = self.database.scoped_to_account(scope).run(access, &calls).await?;
        let made = rows[1].first().ok_or_else(|| {
            let told = "an account has at most 1,000 invitations at a time; withdraw some";
            Error::new(ErrorCode::Conflict, told)
        })?;
        let invitation = from_row(made).map_err(translate)?;
        Ok(NewInvitation { invitation, token: token.expose() })
    }

    /// Those that can still be accepted.
    ///
    /// # Errors
    /// `forbidden` without `member:manage`.
    pub async fn list(&self, scope: &TenantScope) -> Result<Invitations> {
        let access = Access::read(Permission::MemberManage);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(LIST, &[])]).await?;
        let data = rows[0].iter().map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        Ok(Invitations { data })
    }

    /// Reads one that can still be accepted.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `member:manage`.
    pub async fn get(&self, scope: &TenantScope, id: Id<Invitation>) -> Result<Invitation> {
        let access = Access::read(Permission::MemberManage);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(GET, &[&id])]).await?;
        from_row(rows[0].first().ok_or_else(Error::not_found)?).map_err(translate)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// `not_found`, also for one that was accepted; `forbidden`, also for one
    /// to more than the own permissions.
    pub async fn withdraw(&self, scope: &TenantScope, id: Id<Invitation>) -> Result<()> {
        let access = Access::write_in_turn(Permission::MemberManage);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(WITHDRAW, &[&id])])
            .await?;
        rows[0].first().map(drop).ok_or_else(Error::not_found)
    }
}

fn from_row(row: &Row) -> Result<Invitation, PgError> {
    Ok(Invitation {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        role: role_ref::read(row, 2)?,
        invited_by: row.try_get(4)?,
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
    })
}

impl fmt::Debug for InvitationRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationRepository").finish_non_exhaustive()
    }
}
