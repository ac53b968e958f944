//! All that is known of a user over all accounts, and that it is forgotten.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::authenticator::{Authenticator, row_account, row_user};
use super::external_identity;
use super::profile::Reauthenticated;
use super::second_factor::{self, Shown};
use super::throttle::{Attempt, Forgiven};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight, translate};
use crate::error::{Error, Result};
use crate::model::{
    Account, DeleteUser, ErrorCode, Id, LogIn, Membership, OneTimeTokenData, SecondFactorState,
    SessionData, UserData,
};
use crate::people::{read_api_key, read_role};
use crate::tenant::{Peer, TenantScope};

/// The most log-ins that are told of an account.
const MOST: i64 = 10_000;

const READ_USER: &str =
    "select id, email, name, created_at, email_verified_at, updated_at, second_factor_at,
         cardinality(recovery_codes)
     from nexo.users where id = $1";
const MEMBERSHIPS: &str =
    "select a.id, a.name, m.role, m.role_id, m.created_at, m.last_login_at, m.disabled_at
     from nexo.memberships m join nexo.accounts a on a.id = m.account_id
     where m.user_id = $1 order by m.created_at, m.account_id";
const SESSIONS: &str = "select id, account_id, created_at, expires_at, revoked_at, ip, user_agent
     from nexo.sessions where user_id = $1 order by created_at desc, id";
const ONE_TIME_TOKENS: &str = "select purpose, created_at, expires_at
     from nexo.one_time_tokens where user_id = $1 order by purpose";
/// `$1` user, `$2` account.
const API_KEYS: &str =
    "select id, name, user_id, permissions, effective, created_at, expires_at, last_used_at
     from nexo.api_keys where account_id = $2 and user_id = $1 order by created_at desc, id";
/// `$1` user, `$2` account, `$3` how many.
const LOG_INS: &str =
    "select account_id, at, action, session_id, ip, user_agent from nexo.audit_log
     where account_id = $2 and user_id = $1
       and action in ('login', 'fail_login', 'logout', 'token_reuse', 'change_password')
     order by id desc limit $3";

/// So that nobody joins an account meanwhile.
const HOLD_USER: &str = "select from nexo.users where id = $1 for update";
const ERASE: &str = "select blocked, is_alone from nexo.erase_user(array(
     select account_id from nexo.memberships where user_id = $1))";

impl Authenticator {
    /// All that is known of the scope's user: themselves, their memberships,
    /// sessions and API keys, and what audit logs tell of their log-ins. No secret
    /// is in it, and no hash of one.
    ///
    /// # Errors
    /// `session_ended`; `forbidden` to an API key.
    pub async fn personal_data(&self, scope: &TenantScope) -> Result<UserData> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let of_user: [&(dyn ToSql + Sync); 1] = [&user];
        let of_all = [READ_USER, MEMBERSHIPS, SESSIONS, ONE_TIME_TOKENS, external_identity::READ];
        let calls = of_all.map(|sql| Call { sql, params: &of_user, plan: Once });
        let rows = self.identity().run_alive(Mode::Read, scope, &calls).await?;
        let row = rows[0].first().ok_or_else(Error::session_ended)?;
        let left: i32 = row.get(7);
        let mut data = UserData {
            user: row_user(row, 0),
            updated_at: row.get(5),
            second_factor: SecondFactorState {
                enabled_at: row.get(6),
                recovery_codes_left: left.try_into().unwrap_or(0),
            },
            memberships: all(&rows[1], membership)?,
            sessions: all(&rows[2], session)?,
            api_keys: Vec::new(),
            one_time_tokens: all(&rows[3], one_time_token)?,
            identities: rows[4].iter().map(external_identity::identity).collect(),
            log_ins: Vec::new(),
            is_complete: true,
        };
        let (peer, fetch) = (Peer::default(), MOST + 1);
        for joined in &data.memberships {
            let account = joined.account.id;
            let one: [&(dyn ToSql + Sync); 2] = [&user, &account];
            let many: [&(dyn ToSql + Sync); 3] = [&user, &account, &fetch];
            let calls = [
                Call { sql: API_KEYS, params: &one, plan: Once },
                Call { sql: LOG_INS, params: &many, plan: Once },
            ];
            let sight = Sight { account: Some(account), ..Sight::of(user, &peer) };
            let mut rows = self.identity().run(Mode::Read, sight, &calls).await?;
            data.is_complete &= rows[1].len() as i64 <= MOST;
            rows[1].truncate(MOST as usize);
            data.api_keys.extend(all(&rows[0], read_api_key)?);
            data.log_ins.extend(all(&rows[1], log_in)?);
        }
        data.log_ins.sort_by_key(|log_in| std::cmp::Reverse(log_in.at));
        Ok(data)
    }

    /// Takes the scope's user out of every account and forgets them: their
    /// sessions, keys and password go, and their name and address from the audit
    /// logs, whose chains still add up. Their id stays where it tells who did what.
    ///
    /// # Errors
    /// `validation_failed` naming `password`; `second_factor_required` and
    /// `invalid_code`; `conflict`, naming the account, while one would have no owner
    /// without them; `forbidden` to an API key; `too_many_requests`.
    pub async fn delete_user(&self, scope: &TenantScope, delete: &DeleteUser) -> Result<()> {
        let Reauthenticated { user, row, attempt } =
            self.reauthenticated(scope, "password", &delete.password).await?;
        let peer = scope.peer().cloned().unwrap_or_default();
        let factor = second_factor::stored(&row, 3);
        let shown = self.shown(user, factor.as_ref(), delete.code.as_deref(), &attempt, &peer);
        let (shown, of_code) = shown.await?;
        let (taken, of_user): (_, [&(dyn ToSql + Sync); 1]) = (shown.params(&user), [&user]);
        let forgiven: Vec<Forgiven<'_>> =
            std::iter::once(&attempt).chain(&of_code).map(Attempt::forgiven).collect();
        let mut calls =
            vec![Shown::call(&taken), Call { sql: HOLD_USER, params: &of_user, plan: Once }];
        calls.extend(forgiven.iter().flat_map(Forgiven::calls));
        calls.push(Call { sql: ERASE, params: &of_user, plan: Once });
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await;
        let rows = rows.map_err(second_factor::explain)?;
        let done = rows.last().and_then(|rows| rows.first()).ok_or_else(Error::session_ended)?;
        let blocked: Option<String> = done.try_get(0).map_err(translate)?;
        let Some(account) = blocked else { return Ok(()) };
        let is_alone: bool = done.try_get(1).map_err(translate)?;
        Err(Error::new(
            ErrorCode::Conflict,
            if is_alone {
                format!(
                    "{account} has no other member: invite an owner who goes on with it, or have it deleted by whoever runs the server"
                )
            } else {
                format!("{account} has no other owner: make somebody else one first")
            },
        ))
    }
}

fn all<V>(rows: &[Row], read: impl Fn(&Row) -> Result<V, PgError>) -> Result<Vec<V>> {
    rows.iter().map(read).collect::<Result<_, _>>().map_err(translate)
}

fn membership(row: &Row) -> Result<Membership, PgError> {
    Ok(Membership {
        account: row_account(row, 0),
        role: read_role(row, 2)?,
        joined_at: row.try_get(4)?,
        last_login_at: row.try_get(5)?,
        disabled_at: row.try_get(6)?,
    })
}

fn session(row: &Row) -> Result<SessionData, PgError> {
    Ok(SessionData {
        id: row.try_get(0)?,
        account_id: row.try_get(1)?,
        created_at: row.try_get(2)?,
        expires_at: row.try_get(3)?,
        revoked_at: row.try_get(4)?,
        ip: row.try_get(5)?,
        user_agent: row.try_get(6)?,
    })
}

fn one_time_token(row: &Row) -> Result<OneTimeTokenData, PgError> {
    Ok(OneTimeTokenData {
        purpose: row.try_get(0)?,
        created_at: row.try_get(1)?,
        expires_at: row.try_get(2)?,
    })
}

fn log_in(row: &Row) -> Result<LogIn, PgError> {
    let account_id: Id<Account> = row.try_get(0)?;
    Ok(LogIn {
        account_id,
        at: row.try_get(1)?,
        action: row.try_get(2)?,
        session_id: row.try_get(3)?,
        ip: row.try_get(4)?,
        user_agent: row.try_get(5)?,
    })
}
