//! The accounts of a user, and going from one to another.

use tokio_postgres::types::ToSql;

use super::authenticator::{Authenticator, row_account, row_user};
use super::login::{
    ADD_REFRESH_TOKEN, FIND_ACCOUNT, HOLD_MEMBERSHIPS, Start, is_division_by_zero,
    is_logarithm_of_zero,
};
use super::refresh;
use super::secret::RefreshToken;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, translate};
use crate::error::{Error, Result};
use crate::model::{AuthTokens, Joined, JoinedAccounts, SwitchAccount};
use crate::people::read_role;
use crate::tenant::TenantScope;

const JOINED: &str = "select a.id, a.name, m.role, m.role_id, m.created_at
     from nexo.memberships m join nexo.accounts a on a.id = m.account_id
     where m.user_id = $1 and m.disabled_at is null order by m.created_at, m.account_id limit 1000";

/// Ends one session and opens another, in one statement: however often it is
/// sent at once, a session has one successor. `$1` user, `$2` session, `$3`
/// address, `$4` agent, `$5` account, `$6` the session before, whose end stays
/// the end: nobody stays logged in by going to and fro; `$7` its refresh token,
/// `$8` seconds for which one that was replaced is still good.
///
/// Fails with a division by zero when the session has ended or the token is not
/// its own, and with the logarithm of zero when the user is no member of the
/// account.
const REPLACE_SESSION: &str = "with ended as (
         update nexo.sessions s set revoked_at = now(), revoked_for = 'logout'
         from nexo.refresh_tokens t
         where s.user_id = $1 and s.id = $6 and s.revoked_at is null and s.expires_at > now()
           and t.user_id = $1 and t.token_hash = $7 and t.account_id = s.account_id and t.session_id = s.id
           and t.expires_at > now()
           and (t.rotated_at is null or t.rotated_at > clock_timestamp() - $8 * interval '1 second'
                and not exists (select from nexo.refresh_tokens next
                                where next.user_id = $1 and next.token_hash = t.successor_hash
                                  and next.rotated_at is not null))
         returning s.user_id, s.expires_at
     ), opened as (
         insert into nexo.sessions (account_id, id, user_id, expires_at, ip, user_agent)
         select m.account_id, $2, m.user_id, ended.expires_at, $3, $4
         from ended join nexo.memberships m on m.user_id = ended.user_id
         where m.account_id = $5 and m.disabled_at is null
         returning id)
     select 1 / (select count(*) from ended), ln((select count(*) from opened))";
const FIND_USER: &str =
    "select id, email, name, created_at, email_verified_at from nexo.users where id = $1";

impl Authenticator {
    /// The accounts that the user of the scope is a member of.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn accounts(&self, scope: &TenantScope) -> Result<JoinedAccounts> {
        let read = Call { sql: JOINED, params: &[&scope.user_id()], plan: Once };
        let rows = self.identity().run_alive(Mode::Read, scope, &[read]).await?;
        let joined = rows[0].iter().map(|row| {
            let (account, role) = (row_account(row, 0), read_role(row, 2).map_err(translate)?);
            Ok(Joined { account, role, joined_at: row.get(4) })
        });
        Ok(JoinedAccounts { data: joined.collect::<Result<_>>()? })
    }

    /// Ends the session of the scope and opens one in another account of the
    /// user, which ends when that one would have ended.
    ///
    /// # Errors
    /// `not_found` for an account that the user is no member of;
    /// `invalid_refresh_token`; `session_ended`.
    pub async fn switch_account(
        &self,
        scope: &TenantScope,
        to: &SwitchAccount,
    ) -> Result<AuthTokens> {
        let (user, before) = (scope.user_id(), scope.session_id());
        let user = user.ok_or_else(Error::session_ended)?;
        let token = RefreshToken::parse(&to.refresh_token).ok_or_else(refresh::refused)?;
        let (token, grace) = (token.hash().to_vec(), self.config().refresh_grace.as_secs_f64());
        let peer = scope.peer().cloned().unwrap_or_default();
        let start = Start::new(self, user, Some(to.account_id), &peer)?;
        let mut replace = start.switch_params(&before).to_vec();
        replace.extend([&token as &(dyn ToSql + Sync), &grace]);
        let calls = [
            Call { sql: HOLD_MEMBERSHIPS, params: &[&user], plan: Once },
            Call { sql: FIND_USER, params: &[&user], plan: Once },
            Call { sql: REPLACE_SESSION, params: &replace, plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &start.token_params(), plan: Once },
            Call { sql: FIND_ACCOUNT, params: &[&user, &start.session], plan: Once },
        ];
        let rows = self.identity().run_between(scope, &calls).await;
        let rows = rows.map_err(|error| match error {
            error if is_division_by_zero(&error) => refresh::refused(),
            error if is_logarithm_of_zero(&error) => Error::not_found(),
            error => error,
        })?;
        let opened = rows[4].first().ok_or_else(Error::session_ended)?;
        start.finish(self, row_user(&rows[1][0], 0), opened)
    }
}
