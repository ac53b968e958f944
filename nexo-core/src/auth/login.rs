//! Registering, logging in and logging out.

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::authenticator::{Authenticator, row_user};
use super::second_factor::{self, Shown, second_factor};
use super::secret::RefreshToken;
use super::throttle::{self, Attempt, Forgiven};
use super::totp::SecondFactor;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{
    Account, AuthTokens, ErrorCode, Id, LoginRequest, RegisterRequest, Session, User, Validate,
    normalize_email,
};
use crate::tenant::{Peer, TenantScope};

pub(super) const ADD_USER: &str =
    "insert into nexo.users (id, email, name, password_hash) values ($1, $2, $3, $4)
     returning id, email, name, created_at, email_verified_at";
pub(super) const ADD_ACCOUNT: &str = "insert into nexo.accounts (id, name) values ($1, $2)";
pub(super) const ADD_MEMBERSHIP: &str =
    "insert into nexo.memberships (account_id, user_id, role) values ($1, $2, 'owner')";

const FIND_USER: &str = concat!(
    "select u.id, u.email, u.name, u.created_at, u.email_verified_at, u.password_hash, ",
    second_factor!("u"),
    " from nexo.users u where u.email = $1"
);
/// Holds the password as it was verified, and whether a code was asked for, until
/// the session is there, so that a change of it either prevents the session or
/// ends it. Fails with the logarithm of zero if it was changed already, and with
/// it everything that is sent in the same flush.
pub(super) const STILL_VERIFIED: &str = "with still as (
         select from nexo.users where id = $1 and password_hash = $2 and (second_factor_at is not null) = $3
         for share)
     select ln(count(*)) from still";
const REHASH: &str = "update nexo.users set password_hash = $3
     where id = $1 and password_hash = $2 and $3::text is not null";

/// The session is for this account, or the one that the user joined first.
/// `$1` user, `$2` session, `$3` seconds of life, `$4` address, `$5` agent,
/// `$6` the password's hash, without which there is none, `$7` account or null,
/// `$8` the provider that the user signed in through, or null.
pub(super) const ADD_SESSION: &str =
    "insert into nexo.sessions (account_id, id, user_id, expires_at, ip, user_agent, provider)
     select m.account_id, $2, m.user_id, now() + $3 * interval '1 second', $4, $5, $8
     from nexo.memberships m join nexo.users u on u.id = m.user_id
     where m.user_id = $1 and u.password_hash = $6 and m.disabled_at is null
       and ($7::uuid is null or m.account_id = $7)
     order by m.created_at, m.account_id limit 1";
/// `$1` user, `$2` session, `$3` token, `$4` seconds of life.
pub(super) const ADD_REFRESH_TOKEN: &str =
    "insert into nexo.refresh_tokens (account_id, session_id, user_id, token_hash, expires_at)
     select account_id, id, user_id, $3, now() + $4 * interval '1 second'
     from nexo.sessions where user_id = $1 and id = $2";
pub(super) const FIND_ACCOUNT: &str = "select a.id, a.name, m.role, m.role_id, s.permissions
     from nexo.sessions s join nexo.accounts a on a.id = s.account_id
     join nexo.memberships m on m.account_id = s.account_id and m.user_id = s.user_id
     where s.user_id = $1 and s.id = $2";
/// Sessions that ended long ago, with their tokens.
pub(super) const FORGET_OLD: &str = "delete from nexo.sessions
     where user_id = $1 and expires_at < now() - interval '7 days'";

/// Something is written whether or not there is such a user, so that both take
/// as long. `$1` user, `$2` the attempt, `$3` request, `$4` address, `$5` agent,
/// `$6` the only account to tell, or null for all of the user's, `$7` what was wrong.
const TELL_FAILURE: &str = "with told as (
         insert into nexo.audit_log (account_id, action, subject, record_id, user_id, request_id, ip, user_agent, after)
         select m.account_id, 'fail_login', 'users', m.user_id, m.user_id, $3, $4, $5,
             jsonb_build_object('for', $7::text)
         from nexo.memberships m where m.user_id = $1 and ($6::uuid is null or m.account_id = $6))
     update nexo.login_attempts set last_at = last_at where key = $2";

const END_SESSION: &str = "update nexo.sessions set revoked_at = now(), revoked_for = 'logout'
     where user_id = $1 and id = $2 and revoked_at is null";
/// Before a user's sessions are changed: waits for whoever opens one, so that
/// it is seen too, and for changes of roles, which hold a membership before its
/// sessions. `$1` user.
pub(super) const HOLD_MEMBERSHIPS: &str =
    "select from nexo.memberships where user_id = $1 order by account_id for no key update";
const END_ALL_SESSIONS: &str =
    "update nexo.sessions set revoked_at = now(), revoked_for = 'logout_everywhere'
     where user_id = $1 and revoked_at is null";

impl Authenticator {
    /// Creates a user with an account of their own, and logs them in: all of
    /// it, or nothing.
    ///
    /// # Errors
    /// `validation_failed`; `email_taken`; `overloaded` when too many
    /// passwords are being hashed.
    pub async fn register(&self, request: &RegisterRequest, peer: &Peer) -> Result<AuthTokens> {
        request.validate().map_err(Error::invalid)?;
        let email = normalize_email(&request.email);
        let context = vec![email.clone(), request.name.clone(), request.account_name.clone()];
        let hash = self.passwords().accept("password", &request.password, context).await?;

        let (user, account) = (Id::<User>::new(), Id::<Account>::new());
        let start = Start::new(self, user, Some(account), peer)?;
        let calls = [
            Call { sql: ADD_USER, params: &[&user, &email, &request.name, &hash], plan: Once },
            Call { sql: ADD_ACCOUNT, params: &[&account, &request.account_name], plan: Once },
            Call { sql: ADD_MEMBERSHIP, params: &[&account, &user], plan: Once },
            Call { sql: ADD_SESSION, params: &start.session_params(&hash), plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &start.token_params(), plan: Once },
            Call { sql: throttle::KNOWN, params: &[&Attempt::new(&email, peer).here], plan: Once },
            Call { sql: FIND_ACCOUNT, params: &[&start.user, &start.session], plan: Once },
        ];
        let rows = self.identity().run(Mode::Write, Sight::of(user, peer), &calls).await;
        let rows =
            rows.map_err(|error| if is_duplicate(&error) { email_taken(error) } else { error })?;
        let account = rows.last().and_then(|rows| rows.first()).ok_or_else(Error::session_ended)?;
        start.finish(self, row_user(&rows[0][0], 0), account)
    }

    /// Logs in with e-mail address and password, to the account that is asked
    /// for or the one that the user joined first.
    ///
    /// # Errors
    /// `invalid_credentials`, the same and in the same time whether the
    /// address or the password is wrong; `too_many_requests` after failures;
    /// `overloaded`.
    pub async fn login(&self, request: &LoginRequest, peer: &Peer) -> Result<AuthTokens> {
        let email = normalize_email(&request.email);
        let attempt = Attempt::new(&email, peer);
        let place = self.passwords().reserve()?;
        let found = self.find_user(&email, &attempt).await?;
        let stored = found.as_ref().map(|found| found.hash.clone());
        let user = found.as_ref().map_or_else(Id::new, |found| found.user.id);
        let verdict = self.passwords().verify(place, &request.password, stored).await?;
        let Some(Found { user, hash: verified, factor }) = found.filter(|_| verdict.matches) else {
            self.tell_failure("password", user, None, &attempt, peer).await?;
            return Err(wrong());
        };
        let has_factor = factor.is_some();
        let shown = self.shown(user.id, factor.as_ref(), request.code.as_deref(), &attempt, peer);
        let (shown, of_code) = shown.await?;
        let taken = shown.params(&user.id);
        let hash = verdict.rehashed.as_ref().unwrap_or(&verified);

        let start = Start::new(self, user.id, request.account_id, peer)?;
        let still: [&(dyn ToSql + Sync); 3] = [&user.id, &verified, &has_factor];
        let rehash: [&(dyn ToSql + Sync); 3] = [&user.id, &verified, &verdict.rehashed];
        let (session, refresh) = (start.session_params(hash), start.token_params());
        let (of_user, opened): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
            ([&user.id], [&start.user, &start.session]);
        let (forgiven, code_forgiven) =
            (attempt.forgiven(), of_code.as_ref().map(Attempt::forgiven));
        // From here the user is known: that is kept in place of being forgotten.
        let [known, anywhere, network] = forgiven.calls();
        let mut calls = vec![
            Shown::call(&taken),
            Call { sql: STILL_VERIFIED, params: &still, plan: Once },
            Call { sql: REHASH, params: &rehash, plan: Once },
            Call { sql: throttle::KNOWN, ..known },
            anywhere,
            network,
        ];
        calls.extend(code_forgiven.iter().flat_map(Forgiven::calls));
        calls.extend([
            Call { sql: ADD_SESSION, params: &session, plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &refresh, plan: Once },
            // After the membership is held, as by those who change it.
            Call { sql: FORGET_OLD, params: &of_user, plan: Once },
            Call { sql: FIND_ACCOUNT, params: &opened, plan: Once },
        ]);
        let rows = self.identity().run(Mode::Write, Sight::of(user.id, peer), &calls).await;
        let rows = rows.map_err(|error| match error {
            error if is_logarithm_of_zero(&error) => wrong(),
            error => second_factor::explain(error),
        })?;
        // There is none of an account that the user is no member of.
        let account = rows.last().and_then(|rows| rows.first()).ok_or_else(wrong)?;
        start.finish(self, user, account)
    }

    /// Ends the session of the scope.
    ///
    /// # Errors
    /// `session_ended` when it has ended already.
    pub async fn logout(&self, scope: &TenantScope) -> Result<()> {
        let end =
            Call { sql: END_SESSION, params: &[&scope.user_id(), &scope.session_id()], plan: Once };
        self.identity().run_alive(Mode::Write, scope, &[end]).await.map(drop)
    }

    /// Ends every session of the user, in every account.
    ///
    /// # Errors
    /// As [`logout`](Self::logout).
    pub async fn logout_everywhere(&self, scope: &TenantScope) -> Result<()> {
        let user = scope.user_id();
        let calls = [
            Call { sql: HOLD_MEMBERSHIPS, params: &[&user], plan: Once },
            Call { sql: END_ALL_SESSIONS, params: &[&user], plan: Once },
        ];
        self.identity().run_alive(Mode::Write, scope, &calls).await.map(drop)
    }

    /// Tells the audit log of each account of the user, if there is one, what was
    /// wrong.
    pub(super) async fn tell_failure(
        &self,
        what: &str,
        user: Id<User>,
        account: Option<Id<Account>>,
        attempt: &Attempt,
        peer: &Peer,
    ) -> Result<()> {
        let (request, ip, agent) = (peer.request_text(), peer.ip_text(), peer.agent_text());
        let params: [&(dyn ToSql + Sync); 7] =
            [&user, &attempt.here, &request, &ip, &agent, &account, &what];
        let calls = [Call { sql: TELL_FAILURE, params: &params, plan: Once }];
        self.identity().run(Mode::Write, Sight::of(user, peer), &calls).await.map(drop)
    }

    /// What of a code is to be taken by whoever has shown the password, and the
    /// attempt at it: codes are counted apart, so that nothing which forgives
    /// wrong passwords forgives wrong codes. A wrong one is told like a wrong
    /// password.
    pub(super) async fn shown(
        &self,
        user: Id<User>,
        factor: Option<&SecondFactor>,
        code: Option<&str>,
        attempt: &Attempt,
        peer: &Peer,
    ) -> Result<(Shown, Option<Attempt>)> {
        if factor.is_none() || code.is_none() {
            return Ok((second_factor::asked(factor, code)?, None));
        }
        let of_code = second_factor::attempt(user, peer);
        self.count(&of_code).await?;
        match second_factor::asked(factor, code) {
            Ok(shown) => Ok((shown, Some(of_code))),
            Err(error) => {
                self.tell_failure("code", user, None, attempt, peer).await?;
                Err(error)
            }
        }
    }

    async fn find_user(&self, email: &str, attempt: &Attempt) -> Result<Option<Found>> {
        // PostgreSQL cannot even be asked for an address with U+0000.
        let email = if email.contains('\0') { "" } else { email };
        let params = attempt.params();
        let mut calls = params.calls().to_vec();
        let find: [&(dyn ToSql + Sync); 1] = [&email];
        calls.push(Call { sql: FIND_USER, params: &find, plan: Once });
        let rows = self.identity().run(Mode::Write, Sight::NONE, &calls).await?;
        Attempt::judge(&rows)?;
        Ok(rows[throttle::STATEMENTS].first().map(|row| Found {
            user: row_user(row, 0),
            hash: row.get(5),
            factor: second_factor::stored(row, 6),
        }))
    }
}

/// A user who wants to log in, and what they have to show.
struct Found {
    user: User,
    hash: String,
    factor: Option<SecondFactor>,
}

/// A session that is about to start.
pub(super) struct Start {
    pub(super) user: Id<User>,
    pub(super) session: Id<Session>,
    account: Option<Id<Account>>,
    provider: Option<String>,
    token: RefreshToken,
    hash: Vec<u8>,
    session_life: f64,
    token_life: f64,
    ip: Option<String>,
    agent: Option<String>,
}

impl Start {
    /// Of this user; in this account, or in the one joined first.
    pub(super) fn new(
        authenticator: &Authenticator,
        user: Id<User>,
        account: Option<Id<Account>>,
        peer: &Peer,
    ) -> Result<Self> {
        let token = RefreshToken::generate(user)?;
        Ok(Self {
            user,
            session: Id::new(),
            account,
            provider: None,
            hash: token.hash().to_vec(),
            token,
            session_life: authenticator.config().session_ttl.as_secs_f64(),
            token_life: authenticator.config().refresh_ttl.as_secs_f64(),
            ip: peer.ip_text(),
            agent: peer.agent_text(),
        })
    }

    /// By somebody who has shown who they are to this provider.
    pub(super) fn through(self, provider: String) -> Self {
        Self { provider: Some(provider), ..self }
    }

    pub(super) fn session_params<'a>(
        &'a self,
        password_hash: &'a String,
    ) -> [&'a (dyn ToSql + Sync); 8] {
        let Self { user, session, session_life, ip, agent, account, provider, .. } = self;
        [user, session, session_life, ip, agent, password_hash, account, provider]
    }

    pub(super) fn switch_params<'a>(
        &'a self,
        before: &'a Option<Id<Session>>,
    ) -> [&'a (dyn ToSql + Sync); 6] {
        let Self { user, session, ip, agent, account, .. } = self;
        [user, session, ip, agent, account, before]
    }

    pub(super) fn token_params(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.user, &self.session, &self.hash, &self.token_life]
    }

    pub(super) fn finish(
        &self,
        authenticator: &Authenticator,
        user: User,
        found: &Row,
    ) -> Result<AuthTokens> {
        authenticator.tokens_for(self.session, &self.token, user, found, 0)
    }
}

pub(super) fn is_duplicate(error: &Error) -> bool {
    has_state(error, &SqlState::UNIQUE_VIOLATION)
}

/// What statements fail with that must change a row and found none.
pub(super) fn is_division_by_zero(error: &Error) -> bool {
    has_state(error, &SqlState::DIVISION_BY_ZERO)
}

/// The same, where it is to be told from the other.
pub(super) fn is_logarithm_of_zero(error: &Error) -> bool {
    has_state(error, &SqlState::INVALID_ARGUMENT_FOR_LOG)
}

/// The same of a third kind.
pub(super) fn is_power_of_zero(error: &Error) -> bool {
    has_state(error, &SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION)
}

fn wrong() -> Error {
    Error::new(ErrorCode::InvalidCredentials, "the e-mail address or the password is wrong")
}

fn has_state(error: &Error, state: &SqlState) -> bool {
    let cause = std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    cause.and_then(tokio_postgres::Error::code) == Some(state)
}

/// This tells that the address is registered. An API that answers a new user
/// with tokens cannot keep that a secret.
fn email_taken(error: Error) -> Error {
    Error::new(ErrorCode::EmailTaken, "the e-mail address is registered already; log in instead")
        .because(error)
}
