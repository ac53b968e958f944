//! A user's second factor: setting it up, taking it away, and asking for it.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::login::{HOLD_MEMBERSHIPS, is_power_of_zero};
use super::one_time::FORGET_RESET;
use super::profile::Reauthenticated;
use super::throttle;
use super::totp::{self, Code, SecondFactor};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{
    ConfirmSecondFactor, ErrorCode, ForgotPassword, Id, RecoveryCodes, SecondFactorProof,
    SecondFactorSetup, SecondFactorState, SetUpSecondFactor, User,
};
use crate::tenant::{Peer, TenantScope};

/// The columns that [`stored`] reads.
macro_rules! second_factor {
    ($users:literal) => {
        concat!(
            $users,
            ".second_factor_at is not null, ",
            $users,
            ".second_factor_secret, ",
            $users,
            ".second_factor_step"
        )
    };
}
pub(super) use second_factor;

const READ: &str =
    "select second_factor_at, cardinality(recovery_codes) from nexo.users where id = $1";
const READ_FACTOR: &str =
    concat!("select ", second_factor!("u"), ", u.email from nexo.users u where u.id = $1");

/// Not over one that is asked for already. `$1` user, `$2` secret.
const SET_SECRET: &str = "update nexo.users set second_factor_secret = $2, second_factor_step = 0
     where id = $1 and second_factor_at is null returning email";
/// Only of the secret that the code was of; fails with a power of zero when it is
/// another by now, or confirmed. `$1` user, `$2` secret, `$3` step, `$4` hashes.
const CONFIRM: &str = "with confirmed as (
         update nexo.users set second_factor_at = now(), second_factor_step = $3, recovery_codes = $4
         where id = $1 and second_factor_at is null and second_factor_secret = $2 returning id)
     select power((select count(*) from confirmed)::float8, -1)";
const SET_RECOVERY_CODES: &str =
    "update nexo.users set recovery_codes = $2 where id = $1 and second_factor_at is not null";
const REQUIRED_BY: &str =
    "select a.name from nexo.memberships m join nexo.accounts a on a.id = m.account_id
     where m.user_id = $1 and m.second_factor_required and m.disabled_at is null order by m.created_at limit 1";
const REMOVE: &str = "update nexo.users
     set second_factor_secret = null, second_factor_at = null, second_factor_step = 0, recovery_codes = '{}'
     where id = $1 returning id";
const END_OTHER_SESSIONS: &str =
    "update nexo.sessions set revoked_at = now(), revoked_for = 'second_factor'
     where user_id = $1 and id <> $2 and revoked_at is null";

/// Takes a code, once. Fails with a power of zero when it was taken already, and
/// with it everything that is sent in the same flush; of a user who has no
/// second factor, it takes none. It comes before whatever only reads the user:
/// of two at once, one waits for the other. `$1` user, `$2` step or null, `$3`
/// the hash of a recovery code or null.
const TAKE: &str = "with taken as (
         update nexo.users
         set second_factor_step = greatest(second_factor_step, $2), recovery_codes = array_remove(recovery_codes, $3)
         where id = $1 and second_factor_at is not null
           and ($2::bigint > second_factor_step or $3::bytea = any(recovery_codes))
         returning id)
     select power(case when $2 is null and $3 is null then 1 else (select count(*) from taken) end::float8, -1)";

/// What was shown and is to be taken in the transaction that it is good for;
/// nothing of a user who has no second factor.
#[derive(Default)]
pub(super) struct Shown {
    step: Option<i64>,
    recovery: Option<Vec<u8>>,
}

impl Shown {
    pub(super) fn params<'a>(&'a self, user: &'a Id<User>) -> [&'a (dyn ToSql + Sync); 3] {
        [user, &self.step, &self.recovery]
    }

    pub(super) const fn call<'a>(params: &'a [&'a (dyn ToSql + Sync); 3]) -> Call<'a> {
        Call { sql: TAKE, params, plan: Once }
    }
}

/// The second factor in a row, from column `at` on, if it is asked for.
pub(super) fn stored(row: &Row, at: usize) -> Option<SecondFactor> {
    let is_on: bool = row.get(at);
    is_on.then(|| SecondFactor { secret: row.get(at + 1), step: row.get(at + 2) })
}

/// What of a code is to be taken.
///
/// # Errors
/// `second_factor_required` without one; `invalid_code`.
pub(super) fn asked(factor: Option<&SecondFactor>, code: Option<&str>) -> Result<Shown> {
    let Some(factor) = factor else { return Ok(Shown::default()) };
    let code = code.ok_or_else(|| {
        Error::new(
            ErrorCode::SecondFactorRequired,
            "the code of the authenticator app is needed too",
        )
    })?;
    match factor.read(code)?.ok_or_else(wrong)? {
        Code::Step(step) => Ok(Shown { step: Some(step), ..Shown::default() }),
        Code::Recovery(hash) => Ok(Shown { recovery: Some(hash), ..Shown::default() }),
    }
}

fn wrong() -> Error {
    Error::new(ErrorCode::InvalidCode, "the code is wrong, was used, or is of another time")
}

impl Authenticator {
    /// Whether the scope's user has a second factor.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn second_factor(&self, scope: &TenantScope) -> Result<SecondFactorState> {
        let read = Call { sql: READ, params: &[&scope.user_id()], plan: Once };
        let rows = self.identity().run_alive(Mode::Read, scope, &[read]).await?;
        let row = rows[0].first().ok_or_else(Error::session_ended)?;
        let left: i32 = row.get(1);
        let recovery_codes_left = u32::try_from(left).unwrap_or(0);
        Ok(SecondFactorState { enabled_at: row.get(0), recovery_codes_left })
    }

    /// Makes a secret for an authenticator app. It is asked for once a code has
    /// shown that the app has it.
    ///
    /// # Errors
    /// `validation_failed` naming `password`; `conflict` when there is one
    /// already; `too_many_requests`.
    pub async fn set_up_second_factor(
        &self,
        scope: &TenantScope,
        set_up: &SetUpSecondFactor,
    ) -> Result<SecondFactorSetup> {
        let Reauthenticated { user, attempt, .. } =
            self.reauthenticated(scope, "password", &set_up.password).await?;
        let (factor, forgiven) = (SecondFactor::generate()?, attempt.forgiven());
        let set: [&(dyn ToSql + Sync); 2] = [&user, &factor.secret];
        let mut calls = vec![Call { sql: SET_SECRET, params: &set, plan: Once }];
        calls.extend(forgiven.calls());
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        let row = rows[0].first().ok_or_else(already)?;
        let (secret, uri) = factor.told(row.get(0), &self.config().issuer)?;
        Ok(SecondFactorSetup { secret, uri })
    }

    /// From now on the second factor is asked for; the user's other sessions end.
    /// The codes for when the app is lost are told this once.
    ///
    /// # Errors
    /// `invalid_code`; `conflict` when nothing was set up, or it is on already;
    /// `too_many_requests`.
    pub async fn confirm_second_factor(
        &self,
        scope: &TenantScope,
        confirm: &ConfirmSecondFactor,
    ) -> Result<RecoveryCodes> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let attempt = attempt_in(scope, user);
        let params = attempt.params();
        let mut calls = params.calls().to_vec();
        let read: [&(dyn ToSql + Sync); 1] = [&user];
        calls.push(Call { sql: READ_FACTOR, params: &read, plan: Once });
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        throttle::Attempt::judge(&rows)?;
        let row = rows[throttle::STATEMENTS].first().ok_or_else(Error::session_ended)?;
        if row.get(0) {
            return Err(already());
        }
        let secret: Option<Vec<u8>> = row.get(1);
        let secret = secret.ok_or_else(|| {
            Error::new(ErrorCode::Conflict, "there is no second factor to confirm; set one up")
        })?;
        let factor = SecondFactor { secret, step: 0 };
        let Some(Code::Step(step)) = factor.read(&confirm.code)? else { return Err(wrong()) };
        let (codes, hashes) = totp::recovery_codes()?;
        let confirmed: [&(dyn ToSql + Sync); 4] = [&user, &factor.secret, &step, &hashes];
        let (session, forgiven) = (scope.session_id(), attempt.forgiven());
        let others: [&(dyn ToSql + Sync); 2] = [&user, &session];
        let mut calls = vec![
            Call { sql: CONFIRM, params: &confirmed, plan: Once },
            Call { sql: HOLD_MEMBERSHIPS, params: &read, plan: Once },
            Call { sql: END_OTHER_SESSIONS, params: &others, plan: Once },
            Call { sql: FORGET_RESET, params: &read, plan: Once },
        ];
        calls.extend(forgiven.calls());
        let done = self.identity().run_alive(Mode::Write, scope, &calls).await;
        done.map_err(|error| if is_power_of_zero(&error) { already() } else { error })?;
        Ok(RecoveryCodes { recovery_codes: codes })
    }

    /// New codes for when the app is lost, in place of those before.
    ///
    /// # Errors
    /// `validation_failed` naming `password`; `second_factor_required` and
    /// `invalid_code`; `conflict` without a second factor; `too_many_requests`.
    pub async fn renew_recovery_codes(
        &self,
        scope: &TenantScope,
        proof: &SecondFactorProof,
    ) -> Result<RecoveryCodes> {
        let (codes, hashes) = totp::recovery_codes()?;
        self.proved(scope, proof, SET_RECOVERY_CODES, &[&hashes]).await?;
        Ok(RecoveryCodes { recovery_codes: codes })
    }

    /// From now on no second factor is asked for.
    ///
    /// # Errors
    /// As [`renew_recovery_codes`](Self::renew_recovery_codes); `conflict` while an
    /// account of the user asks for it.
    pub async fn remove_second_factor(
        &self,
        scope: &TenantScope,
        proof: &SecondFactorProof,
    ) -> Result<()> {
        let user = scope.user_id();
        let required = [Call { sql: REQUIRED_BY, params: &[&user], plan: Once }];
        let rows = self.identity().run_alive(Mode::Read, scope, &required).await?;
        if let Some(row) = rows[0].first() {
            let account: &str = row.get(0);
            let told = format!("{account} asks for a second factor; leave it first");
            return Err(Error::new(ErrorCode::Conflict, told));
        }
        self.proved(scope, proof, REMOVE, &[]).await
    }

    /// Takes the second factor from whoever has the address, for whoever runs the
    /// program: app and recovery codes of the user are lost. False if nobody has
    /// the address.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn reset_second_factor(&self, of: &ForgotPassword) -> Result<bool> {
        let Some((user, _, _)) = self.find_by_email(of).await? else { return Ok(false) };
        let remove = [Call { sql: REMOVE, params: &[&user], plan: Once }];
        let peer = Peer::default();
        let done = self.identity().run(Mode::Write, Sight::of(user, &peer), &remove).await?;
        Ok(!done[0].is_empty())
    }

    /// Does it for somebody who is logged in and has shown password and code.
    /// Parameters without the user, who is `$1`.
    async fn proved(
        &self,
        scope: &TenantScope,
        proof: &SecondFactorProof,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<()> {
        let Reauthenticated { user, row, attempt } =
            self.reauthenticated(scope, "password", &proof.password).await?;
        let factor = stored(&row, 3)
            .ok_or_else(|| Error::new(ErrorCode::Conflict, "there is no second factor"))?;
        // Counted apart: whoever has the password must not be able to forgive
        // themselves wrong codes by it.
        let of_code = attempt_in(scope, user);
        self.count(&of_code).await?;
        let shown = match asked(Some(&factor), Some(&proof.code)) {
            Ok(shown) => shown,
            Err(wrong) => {
                let peer = scope.peer().cloned().unwrap_or_default();
                self.tell_failure("code", user, Some(scope.account_id()), &of_code, &peer).await?;
                return Err(wrong);
            }
        };
        let taken = shown.params(&user);
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![&user];
        all.extend_from_slice(params);
        let mut calls = vec![Shown::call(&taken), Call { sql, params: &all, plan: Once }];
        let forgiven = [attempt.forgiven(), of_code.forgiven()];
        calls.extend(forgiven.iter().flat_map(throttle::Forgiven::calls));
        self.identity().run_alive(Mode::Write, scope, &calls).await.map(drop).map_err(explain)
    }
}

/// An attempt at a code: counted by the user, whatever asks for it.
pub(super) fn attempt(user: Id<User>, peer: &Peer) -> throttle::Attempt {
    throttle::Attempt::new(&format!("code of {user:?}"), peer)
}

fn attempt_in(scope: &TenantScope, user: Id<User>) -> throttle::Attempt {
    attempt(user, &scope.peer().cloned().unwrap_or_default())
}

/// A failure of a flush that takes a code.
pub(super) fn explain(error: Error) -> Error {
    if is_power_of_zero(&error) { wrong() } else { error }
}

fn already() -> Error {
    Error::new(ErrorCode::Conflict, "there is a second factor already; remove it first")
}
