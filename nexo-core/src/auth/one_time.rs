//! What is mailed to an address: setting a password anew, and showing that the
//! address is one's own. Sending it is the program's own work.

use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::external_identity::HOLD_USER;
use super::login::{HOLD_MEMBERSHIPS, is_division_by_zero};
use super::secret::{Kind, OpaqueToken};
use super::throttle::{self, Attempt};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, ForgotPassword, Id, Invite, MailedToken, ResetPassword, User, VerifyEmail,
    normalize_email,
};
use crate::tenant::{Peer, TenantScope};

const PASSWORD_RESET: &str = "password_reset";
const EMAIL_VERIFICATION: &str = "email_verification";

/// How long a password can be set by it, and an address be shown to be one's own.
const RESET_LIFE: Duration = Duration::from_secs(30 * 60);
const VERIFICATION_LIFE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

const FIND_BY_EMAIL: &str = "select id, name from nexo.users where email = $1";
const FIND: &str =
    "select email, name, email_verified_at is not null from nexo.users where id = $1";

/// In place of the one before. `$1` user, `$2` purpose, `$3` the token's hash,
/// `$4` seconds of life, `$5` whether it is mailed.
const ISSUE: &str =
    "insert into nexo.one_time_tokens (user_id, purpose, token_hash, expires_at, mailed)
     values ($1, $2, $3, now() + $4 * interval '1 second', $5)
     on conflict (user_id, purpose) do update
     set token_hash = excluded.token_hash, created_at = now(), expires_at = excluded.expires_at,
         mailed = excluded.mailed";

/// `$1` user, `$2` purpose, `$3` the token's hash.
const IS_GOOD: &str =
    "select u.email, u.name, t.mailed from nexo.one_time_tokens t join nexo.users u on u.id = t.user_id
     where t.user_id = $1 and t.purpose = $2 and t.token_hash = $3 and t.expires_at > now()";

/// Fails with a division by zero when it is not good, or was used meanwhile, and
/// with it everything that is sent in the same flush. Parameters as above.
const USE: &str = "with used as (
         delete from nexo.one_time_tokens
         where user_id = $1 and purpose = $2 and token_hash = $3 and expires_at > now() returning purpose)
     select 1 / count(*) from used";

/// Whoever got the token by mail has the address too. A second factor that was set
/// up before anybody had shown that goes: it may be that of somebody who took the
/// address. `$1` user, `$2` hash, `$3` whether it was mailed.
const SET_PASSWORD: &str = "update nexo.users
     set password_hash = $2, updated_at = now(),
         email_verified_at = case when $3 then coalesce(email_verified_at, now()) else email_verified_at end,
         second_factor_secret = case when email_verified_at is not null or not $3 then second_factor_secret end,
         second_factor_at = case when email_verified_at is not null or not $3 then second_factor_at end,
         recovery_codes = case when email_verified_at is not null or not $3 then recovery_codes else '{}' end
     where id = $1";
/// So do identities that were added before: whose they are is as little known.
/// `$1` user, `$2` whether it was mailed.
const FORGET_IDENTITIES: &str = "delete from nexo.external_identities i using nexo.users u
     where i.user_id = $1 and u.id = $1 and u.email_verified_at is null and $2";
/// With a new password, or a second factor, what was mailed before sets none any more.
pub(super) const FORGET_RESET: &str =
    "delete from nexo.one_time_tokens where user_id = $1 and purpose = 'password_reset'";
const SET_VERIFIED: &str =
    "update nexo.users set email_verified_at = coalesce(email_verified_at, now()) where id = $1";
const END_ALL_SESSIONS: &str =
    "update nexo.sessions set revoked_at = now(), revoked_for = 'password_reset'
     where user_id = $1 and revoked_at is null";

impl Authenticator {
    /// Whether a mail may be asked for to set the password of an address anew:
    /// the same for every address, whether or not it is somebody's.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub async fn admit_password_reset(&self, forgot: &ForgotPassword, peer: &Peer) -> Result<()> {
        // Counted apart from log-ins, so that neither holds the other up.
        let subject = format!("forgotten password of {}", address(forgot));
        self.count(&Attempt::at_mail(&subject, peer)).await
    }

    /// Whether an invitation to this address may be mailed, by somebody who may
    /// invite ([`InvitationRepository::check`](crate::InvitationRepository::check)).
    ///
    /// # Errors
    /// `too_many_requests`.
    pub async fn admit_invitation_mail(&self, scope: &TenantScope, invite: &Invite) -> Result<()> {
        let peer = scope.peer().cloned().unwrap_or_default();
        let (account, email) = (scope.account_id(), normalize_email(&invite.email));
        let subject = format!("invitation of {email} to {account}");
        self.count(&Attempt::at_mail(&subject, &peer)).await
    }

    /// A token to mail to the address, which sets the password anew for half an
    /// hour and ends the one before; none where the address is nobody's. How
    /// long this takes tells which: whoever asked must not wait for it.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn issue_password_reset(
        &self,
        forgot: &ForgotPassword,
        peer: &Peer,
    ) -> Result<Option<MailedToken>> {
        let Some((user, email, name)) = self.find_by_email(forgot).await? else { return Ok(None) };
        let (purpose, good_for) = (PASSWORD_RESET, RESET_LIFE);
        let token = self.issue(user, Kind::PasswordReset, purpose, good_for, true, peer).await?;
        Ok(Some(MailedToken { email, name, token, good_for }))
    }

    /// The same token, for whoever runs the program to give to a user that they
    /// know: it does not show that the user has the address.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn hand_out_password_reset(&self, of: &ForgotPassword) -> Result<Option<String>> {
        let Some((user, _, _)) = self.find_by_email(of).await? else { return Ok(None) };
        let (kind, peer) = (Kind::PasswordReset, Peer::default());
        self.issue(user, kind, PASSWORD_RESET, RESET_LIFE, false, &peer).await.map(Some)
    }

    /// Who has the address: id, address and name.
    pub(super) async fn find_by_email(
        &self,
        of: &ForgotPassword,
    ) -> Result<Option<(Id<User>, String, String)>> {
        let email = address(of);
        let find = [Call { sql: FIND_BY_EMAIL, params: &[&email], plan: Once }];
        let found = self.identity().run(Mode::Read, Sight::NONE, &find).await?;
        Ok(found[0].first().map(|row| (row.get(0), email, row.get(1))))
    }

    /// Sets a password by the token that was mailed, once, and ends every
    /// session of the user.
    ///
    /// # Errors
    /// `invalid_token` for one that is unknown, used, replaced or expired;
    /// `validation_failed` for a password that cannot be chosen; `overloaded`.
    pub async fn reset_password(&self, reset: &ResetPassword, peer: &Peer) -> Result<()> {
        let token = OpaqueToken::parse(Kind::PasswordReset, &reset.token).ok_or_else(refused)?;
        let (user, token_hash) = (token.owner::<User>(), token.hash().to_vec());
        let shown: [&(dyn ToSql + Sync); 3] = [&user, &PASSWORD_RESET, &token_hash];
        let sight = Sight::of(user, peer);
        // Before a password is hashed, which is a lot of work.
        let is_good = [Call { sql: IS_GOOD, params: &shown, plan: Once }];
        let found = self.identity().run(Mode::Read, sight, &is_good).await?;
        let row = found[0].first().ok_or_else(refused)?;
        let (email, name, mailed): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
        let attempt = Attempt::new(&email, peer);
        let hash = self.passwords().accept("password", &reset.password, vec![email, name]).await?;
        let calls = [
            Call { sql: USE, params: &shown, plan: Once },
            Call { sql: HOLD_USER, params: &[&user], plan: Once },
            Call { sql: FORGET_IDENTITIES, params: &[&user, &mailed], plan: Once },
            Call { sql: SET_PASSWORD, params: &[&user, &hash, &mailed], plan: Once },
            Call { sql: HOLD_MEMBERSHIPS, params: &[&user], plan: Once },
            Call { sql: END_ALL_SESSIONS, params: &[&user], plan: Once },
            // Who has forgotten it has tried: they are not to wait now.
            Call { sql: throttle::CLEAR, params: &[&attempt.here], plan: Once },
            Call { sql: throttle::CLEAR, params: &[&attempt.anywhere], plan: Once },
        ];
        self.identity().run(Mode::Write, sight, &calls).await.map(drop).map_err(explain)
    }

    /// A token to mail to the address of the scope's user, which shows for three
    /// days that it is theirs; none where that is known already.
    ///
    /// # Errors
    /// `too_many_requests`; `session_ended`.
    pub async fn issue_email_verification(
        &self,
        scope: &TenantScope,
    ) -> Result<Option<MailedToken>> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let peer = scope.peer().cloned().unwrap_or_default();
        let attempt = Attempt::at_mail(&format!("verification of {user}"), &peer);
        let params = attempt.params();
        let mut calls = params.calls().to_vec();
        let find: [&(dyn ToSql + Sync); 1] = [&user];
        calls.push(Call { sql: FIND, params: &find, plan: Once });
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        Attempt::judge(&rows)?;
        let row = rows[throttle::STATEMENTS].first().ok_or_else(Error::session_ended)?;
        if row.get(2) {
            return Ok(None);
        }
        let (email, name) = (row.get(0), row.get(1));
        self.mail_verification(user, email, name, &peer).await.map(Some)
    }

    /// The same for somebody who has just become a user.
    ///
    /// # Errors
    /// `too_many_requests` when many have from there.
    pub async fn issue_first_email_verification(
        &self,
        user: &User,
        peer: &Peer,
    ) -> Result<MailedToken> {
        self.count(&Attempt::at_mail(&format!("verification of {}", user.id), peer)).await?;
        self.mail_verification(user.id, user.email.clone(), user.name.clone(), peer).await
    }

    async fn mail_verification(
        &self,
        user: Id<User>,
        email: String,
        name: String,
        peer: &Peer,
    ) -> Result<MailedToken> {
        let (kind, good_for) = (Kind::EmailVerification, VERIFICATION_LIFE);
        let token = self.issue(user, kind, EMAIL_VERIFICATION, good_for, true, peer).await?;
        Ok(MailedToken { email, name, token, good_for })
    }

    /// Takes the token that was mailed, once: the address is its user's.
    ///
    /// # Errors
    /// `invalid_token`.
    pub async fn verify_email(&self, verify: &VerifyEmail, peer: &Peer) -> Result<()> {
        let token =
            OpaqueToken::parse(Kind::EmailVerification, &verify.token).ok_or_else(refused)?;
        let (user, token_hash) = (token.owner::<User>(), token.hash().to_vec());
        let shown: [&(dyn ToSql + Sync); 3] = [&user, &EMAIL_VERIFICATION, &token_hash];
        let calls = [
            Call { sql: USE, params: &shown, plan: Once },
            Call { sql: SET_VERIFIED, params: &[&user], plan: Once },
        ];
        let done = self.identity().run(Mode::Write, Sight::of(user, peer), &calls).await;
        done.map(drop).map_err(explain)
    }

    async fn issue(
        &self,
        user: Id<User>,
        kind: Kind,
        purpose: &str,
        life: Duration,
        mailed: bool,
        peer: &Peer,
    ) -> Result<String> {
        let token = OpaqueToken::generate(kind, user)?;
        let (hash, seconds) = (token.hash().to_vec(), life.as_secs_f64());
        let params: [&(dyn ToSql + Sync); 5] = [&user, &purpose, &hash, &seconds, &mailed];
        let calls = [Call { sql: ISSUE, params: &params, plan: Once }];
        self.identity().run(Mode::Write, Sight::of(user, peer), &calls).await?;
        Ok(token.expose())
    }
}

/// As addresses are kept. PostgreSQL cannot even be asked for one with U+0000.
fn address(forgot: &ForgotPassword) -> String {
    normalize_email(&forgot.email).replace('\0', "")
}

fn explain(error: Error) -> Error {
    if is_division_by_zero(&error) { refused() } else { error }
}

fn refused() -> Error {
    Error::new(
        ErrorCode::InvalidToken,
        "what was mailed is unknown, used, replaced or has expired; ask for a new one",
    )
}
