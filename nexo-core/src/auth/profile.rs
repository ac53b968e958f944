//! The user's own data: reading it, changing it, changing the password.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::{Authenticator, row_account, row_user};
use super::login::HOLD_MEMBERSHIPS;
use super::one_time::FORGET_RESET;
use super::second_factor::second_factor;
use super::throttle::{self, Attempt};
use crate::db::Plan::Once;
use crate::db::{Call, Identity, Mode, translate};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, FieldCode, FieldError, Id, PasswordChange, Permissions, Profile, ProfilePatch, User,
    Validate,
};
use crate::people::read_role;
use crate::tenant::TenantScope;

/// `$1` user, `$2` account.
const READ: &str = "select u.id, u.email, u.name, u.created_at, u.email_verified_at, a.id, a.name, m.role, m.role_id, nexo.session_permissions(m)
     from nexo.users u join nexo.memberships m on m.user_id = u.id join nexo.accounts a on a.id = m.account_id
     where u.id = $1 and a.id = $2";
const CHANGE: &str =
    "update nexo.users set name = coalesce($2, name), updated_at = now() where id = $1";

/// Somebody who has no password shows instead that they have signed in a moment
/// ago. `$1` user, `$2` session.
const READ_PASSWORD: &str = concat!(
    "select u.email, u.name, u.password_hash, ",
    second_factor!("u"),
    ", not u.has_password, exists (select from nexo.sessions s
         where s.user_id = $1 and s.id = $2 and s.provider is not null
           and s.created_at > now() - interval '10 minutes')
     from nexo.users u where u.id = $1"
);
/// Only over the password that was verified: of two changes at once, one wins.
const CHANGE_PASSWORD: &str = "update nexo.users set password_hash = $2, updated_at = now()
     where id = $1 and password_hash = $3 returning id";
const END_OTHER_SESSIONS: &str =
    "update nexo.sessions set revoked_at = now(), revoked_for = 'password_change'
     where user_id = $1 and id <> $2 and revoked_at is null
       and exists (select from nexo.users where id = $1 and password_hash = $3)";

fn profile(row: &Row) -> Result<Profile> {
    Ok(Profile {
        user: row_user(row, 0),
        account: row_account(row, 5),
        role: read_role(row, 7).map_err(translate)?,
        permissions: Permissions::from_bits(row.get(9)),
    })
}

/// The user and the account of the scope.
pub(crate) async fn read_profile(identity: &Identity, scope: &TenantScope) -> Result<Profile> {
    let read = Call { sql: READ, params: &[&scope.user_id(), &scope.account_id()], plan: Once };
    let rows = identity.run_alive(Mode::Read, scope, &[read]).await?;
    let row = rows[0].first().ok_or_else(Error::session_ended)?;
    profile(row)
}

impl Authenticator {
    /// The user and the account of the scope.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn profile(&self, scope: &TenantScope) -> Result<Profile> {
        read_profile(self.identity(), scope).await
    }

    /// Changes the user's own data.
    ///
    /// # Errors
    /// `validation_failed`; `session_ended`.
    pub async fn update_profile(
        &self,
        scope: &TenantScope,
        patch: &ProfilePatch,
    ) -> Result<Profile> {
        patch.validate().map_err(Error::invalid)?;
        let user = scope.user_id();
        let calls = [
            Call { sql: CHANGE, params: &[&user, &patch.name], plan: Once },
            Call { sql: READ, params: &[&user, &scope.account_id()], plan: Once },
        ];
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        let row = rows[1].first().ok_or_else(Error::session_ended)?;
        profile(row)
    }

    /// Changes the password, given the current one, and ends every other
    /// session of the user.
    ///
    /// # Errors
    /// `validation_failed` naming `current_password` when it is wrong, or
    /// `new_password` when it is refused; `too_many_requests` after failures;
    /// `session_ended`.
    pub async fn change_password(
        &self,
        scope: &TenantScope,
        change: &PasswordChange,
    ) -> Result<()> {
        let Reauthenticated { user, row, attempt } =
            self.reauthenticated(scope, "current_password", &change.current_password).await?;
        let (email, name, stored): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let hash = self
            .passwords()
            .accept("new_password", &change.new_password, vec![email, name])
            .await?;

        let (session, forgiven) = (scope.session_id(), attempt.forgiven());
        let (change, of_user): ([&(dyn ToSql + Sync); 3], [&(dyn ToSql + Sync); 1]) =
            ([&user, &hash, &stored], [&user]);
        let others: [&(dyn ToSql + Sync); 3] = [&user, &session, &hash];
        let mut calls = vec![
            Call { sql: CHANGE_PASSWORD, params: &change, plan: Once },
            Call { sql: HOLD_MEMBERSHIPS, params: &of_user, plan: Once },
            Call { sql: END_OTHER_SESSIONS, params: &others, plan: Once },
            Call { sql: FORGET_RESET, params: &of_user, plan: Once },
        ];
        calls.extend(forgiven.calls());
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        if rows[0].is_empty() {
            return Err(Error::new(
                ErrorCode::Conflict,
                "the password has just been changed; try again",
            ));
        }
        Ok(())
    }

    /// Asks somebody who is logged in for their password once more; of somebody who
    /// has none, that they have signed in through a provider a moment ago. The attempt
    /// is counted; whoever calls this forgives it in their transaction.
    pub(super) async fn reauthenticated(
        &self,
        scope: &TenantScope,
        field: &'static str,
        password: &str,
    ) -> Result<Reauthenticated> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let peer = scope.peer().cloned().unwrap_or_default();
        // Counted apart from log-ins: who holds a token must not be able to
        // hold up those who log in.
        let attempt = Attempt::new(&format!("password of {user:?}"), &peer);
        let place = self.passwords().reserve()?;
        let params = attempt.params();
        let mut calls = params.calls().to_vec();
        let session = scope.session_id();
        let read: [&(dyn ToSql + Sync); 2] = [&user, &session];
        calls.push(Call { sql: READ_PASSWORD, params: &read, plan: Once });
        let mut rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        Attempt::judge(&rows)?;
        let row = rows[throttle::STATEMENTS].pop().ok_or_else(Error::session_ended)?;
        let verdict = self.passwords().verify(place, password, Some(row.get(2))).await?;
        let (has_none, is_fresh): (bool, bool) = (row.get(6), row.get(7));
        if !(verdict.matches || has_none && is_fresh) {
            self.tell_failure("password", user, Some(scope.account_id()), &attempt, &peer).await?;
            return Err(Error::invalid(vec![FieldError::new(
                field,
                FieldCode::Mismatch,
                match has_none {
                    true => "is none: sign in again, and do this within ten minutes",
                    false => "is not the current password",
                },
            )]));
        }
        Ok(Reauthenticated { user, row, attempt })
    }
}

/// Somebody who has given their password once more.
pub(super) struct Reauthenticated {
    pub(super) user: Id<User>,
    /// `email, name, password_hash`, the second factor, and more.
    pub(super) row: Row,
    pub(super) attempt: Attempt,
}
