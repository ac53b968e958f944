//! The accounts of a user, and going from one to another.

use super::authenticator::{Authenticator, row_account, row_user};
use super::config::Peer;
use super::login::{ADD_REFRESH_TOKEN, END_SESSION, FIND_ACCOUNT, Start, is_division_by_zero};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, translate};
use crate::error::{Error, Result};
use crate::model::{AuthTokens, Joined, JoinedAccounts, SwitchAccount};
use crate::people::read_role;
use crate::tenant::TenantScope;

const JOINED: &str = "select a.id, a.name, m.role, m.role_id, m.created_at
     from nexo.memberships m join nexo.accounts a on a.id = m.account_id
     where m.user_id = $1 order by m.created_at, m.account_id limit 1000";

/// Fails with a division by zero when the user is no member of the account,
/// and with it everything that is sent in the same flush. `$1` user, `$2`
/// session, `$3` address, `$4` agent, `$5` account, `$6` the session before,
/// whose end stays the end: nobody stays logged in by going to and fro.
const ADD_SESSION: &str = "with opened as (
         insert into nexo.sessions (account_id, id, user_id, expires_at, ip, user_agent)
         select m.account_id, $2, m.user_id, s.expires_at, $3, $4
         from nexo.memberships m join nexo.sessions s on s.user_id = m.user_id
         where m.user_id = $1 and m.account_id = $5 and s.id = $6
         returning id)
     select 1 / count(*) from opened";
const FIND_USER: &str = "select id, email, name, created_at from nexo.users where id = $1";

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
    /// `session_ended`.
    pub async fn switch_account(
        &self,
        scope: &TenantScope,
        to: &SwitchAccount,
        peer: &Peer,
    ) -> Result<AuthTokens> {
        let (user, before) = (scope.user_id(), scope.session_id());
        let user = user.ok_or_else(Error::session_ended)?;
        let start = Start::new(self, user, Some(to.account_id), peer)?;
        let calls = [
            Call { sql: FIND_USER, params: &[&user], plan: Once },
            Call { sql: ADD_SESSION, params: &start.switch_params(&before), plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &start.token_params(), plan: Once },
            Call { sql: END_SESSION, params: &[&user, &before], plan: Once },
            Call { sql: FIND_ACCOUNT, params: &[&user, &start.session], plan: Once },
        ];
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await;
        let rows = rows.map_err(|error| match is_division_by_zero(&error) {
            true => Error::not_found(),
            false => error,
        })?;
        let opened = rows[4].first().ok_or_else(Error::session_ended)?;
        start.finish(self, row_user(&rows[0][0], 0), opened)
    }
}
