//! Finishing a sign-in: from a provider's verified answer to a session.
//!
//! Who somebody is depends on issuer and subject alone. An e-mail address makes
//! nobody a user who exists, whatever the provider says of it: whoever runs a
//! provider, or gets an address there, could be anybody.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::{Authenticator, row_user};
use super::external_identity::ADD_IDENTITY;
use super::invitation::{self, Invited};
use super::joining::{Joining, Joins};
use super::login::{
    ADD_ACCOUNT, ADD_MEMBERSHIP, ADD_REFRESH_TOKEN, ADD_SESSION, FIND_ACCOUNT, FORGET_OLD,
    STILL_VERIFIED, Start, is_division_by_zero, is_duplicate, is_logarithm_of_zero,
};
use super::oidc_reply::SignInReply;
use super::second_factor::{self, Shown, second_factor};
use super::sign_in::{Ticket, refused};
use super::throttle::{Attempt, Forgiven};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{
    AuthTokens, ErrorCode, ExternalIdentity, FinishSignIn, Id, User, Validate, normalize_email,
};
use crate::tenant::Peer;

/// Of a sign-in that adds no identity. `$1` id, `$2` and `$3` hashes of token and
/// state.
const FIND: &str = concat!(
    "select u.id, u.email, u.name, u.created_at, u.email_verified_at, u.password_hash, ",
    second_factor!("u"),
    ", i.id, s.provider, s.issuer, s.subject, s.email, s.email_verified, s.name
     from nexo.oidc_sign_ins s
     left join nexo.external_identities i on i.issuer = s.issuer and i.subject = s.subject
     left join nexo.users u on u.id = i.user_id
     where s.id = $1 and s.token_hash = $2 and s.state_hash = $3 and s.user_id is null
       and s.verified_at is not null and s.expires_at > now()"
);
/// Fails with a division by zero when somebody was first, and with it everything
/// that is sent in the same flush. `$1` id, `$2` the token's hash.
pub(super) const USE_UP: &str = "with used as (
         delete from nexo.oidc_sign_ins
         where id = $1 and token_hash = $2 and verified_at is not null and expires_at > now() returning id)
     select 1 / count(*) from used";
/// The same when the identity was taken from the user meanwhile. After the user's
/// row is held, as by those who take it. `$1` identity, `$2` user.
const USE_IDENTITY: &str = "with used as (
         update nexo.external_identities set last_used_at = now() where id = $1 and user_id = $2 returning id)
     select 1 / count(*) from used";
const HAS_ADDRESS: &str = "select from nexo.users where email = $1";
/// `$1` user, `$2` address, `$3` name, `$4` a hash that no password has.
const ADD_USER: &str =
    "insert into nexo.users (id, email, name, password_hash, has_password, email_verified_at)
     values ($1, $2, $3, $4, false, now())
     returning id, email, name, created_at, email_verified_at";

impl Authenticator {
    /// Signs in whoever the provider's answer names. Somebody new becomes a user,
    /// without a password, if they ask to be registered or show an invitation;
    /// `registers` says whether the provider's people may register by themselves.
    ///
    /// # Errors
    /// `invalid_oidc_reply` when the sign-in is not verified, used or over;
    /// `identity_not_linked`; `email_not_verified`; `second_factor_required` and
    /// `invalid_code`; `invalid_invitation`; `invalid_credentials` when the user is
    /// in no such account; `validation_failed`; `too_many_requests`.
    pub async fn finish_sign_in(
        &self,
        finish: &FinishSignIn,
        registers: bool,
        peer: &Peer,
    ) -> Result<AuthTokens> {
        let (sign_in_token, state) = (&*finish.sign_in_token, &*finish.state);
        let ticket = Ticket::read(SignInReply { sign_in_token, state })?;
        let params = ticket.with_state();
        let find = [Call { sql: FIND, params: &params, plan: Once }];
        let rows = self.identity().run(Mode::Read, ticket.sight(peer), &find).await?;
        let found = rows[0].first().ok_or_else(refused)?;
        let invited = match &finish.invitation {
            Some(token) => Some(self.invited(token).await?),
            None => None,
        };
        if let Some(invited) = &invited {
            // Whoever was told the token must have the address as well.
            if invited.email != verified_address(found)? {
                return Err(invitation::refused());
            }
        }
        match found.get::<_, Option<Id<User>>>(0) {
            Some(user) => self.sign_in_known(&ticket, user, found, invited, finish, peer).await,
            None => {
                let joining = match (invited, &finish.register) {
                    (Some(invited), _) => Joining::Invited(invited),
                    (None, Some(wanted)) if registers => {
                        wanted.validate().map_err(Error::invalid)?;
                        Joining::Own(Id::new(), wanted.account_name.clone())
                    }
                    _ => return Err(not_linked()),
                };
                self.sign_in_newcomer(&ticket, found, &joining, finish, peer).await
            }
        }
    }

    async fn sign_in_known(
        &self,
        ticket: &Ticket,
        user: Id<User>,
        found: &Row,
        invited: Option<Invited>,
        finish: &FinishSignIn,
        peer: &Peer,
    ) -> Result<AuthTokens> {
        let (hash, identity): (String, Id<ExternalIdentity>) = (found.get(5), found.get(9));
        let (provider, email): (String, &str) = (found.get(10), found.get(1));
        let factor = second_factor::stored(found, 6);
        let (has_factor, code) = (factor.is_some(), finish.second_factor_code.as_deref());
        let attempt = Attempt::new(email, peer);
        let (shown, of_code) = self.shown(user, factor.as_ref(), code, &attempt, peer).await?;

        let account = invited.as_ref().map(|invited| invited.account);
        let start = Start::new(self, user, account.or(finish.account_id), peer)?;
        let start = start.through(provider.clone());
        let (used, taken) = (ticket.shown(), shown.params(&user));
        let still: [&(dyn ToSql + Sync); 3] = [&user, &hash, &has_factor];
        let by: [&(dyn ToSql + Sync); 2] = [&identity, &user];
        let (session, refresh) = (start.session_params(&hash), start.token_params());
        let (of_user, opened): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
            ([&user], [&user, &start.session]);
        let begun = Attempt::at_sign_in(peer);
        let (forgiven, code_forgiven) = (begun.forgiven(), of_code.as_ref().map(Attempt::forgiven));
        let joins = invited.as_ref().map(|invited| Joins::of(invited, &user));
        let mut calls: Vec<Call<'_>> = joins.iter().flat_map(Joins::before).collect();
        calls.extend([
            Call { sql: USE_UP, params: &used, plan: Once },
            Shown::call(&taken),
            Call { sql: STILL_VERIFIED, params: &still, plan: Once },
            Call { sql: USE_IDENTITY, params: &by, plan: Once },
        ]);
        calls.extend(joins.iter().map(Joins::after));
        calls.extend(forgiven.calls());
        calls.extend(code_forgiven.iter().flat_map(Forgiven::calls));
        calls.extend([
            Call { sql: ADD_SESSION, params: &session, plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &refresh, plan: Once },
            Call { sql: FORGET_OLD, params: &of_user, plan: Once },
            Call { sql: FIND_ACCOUNT, params: &opened, plan: Once },
        ]);
        let sight = Sight { user: Some(user), account, ..ticket.sight(peer) };
        let rows = self.identity().run(Mode::Write, sight, &calls).await;
        let rows = rows.map_err(|error| second_factor::explain(explain(error)))?;
        let Some(account) = rows.last().and_then(|rows| rows.first()) else {
            // Disabled there, or no member any more: as a log-in is answered.
            self.tell_refused(user, &provider, "account", peer).await?;
            return Err(no_account());
        };
        start.finish(self, row_user(found, 0), account)
    }

    async fn sign_in_newcomer(
        &self,
        ticket: &Ticket,
        found: &Row,
        joining: &Joining,
        finish: &FinishSignIn,
        peer: &Peer,
    ) -> Result<AuthTokens> {
        let email = verified_address(found)?;
        let taken = [Call { sql: HAS_ADDRESS, params: &[&email], plan: Once }];
        let taken = self.identity().run(Mode::Read, Sight::NONE, &taken).await?;
        if !taken[0].is_empty() {
            return Err(not_linked());
        }
        let given = finish.register.as_ref().and_then(|wanted| wanted.name.as_deref());
        let name = name(given, found.get(15), &email);
        let (hash, user) = (self.passwords().hash_of_none()?, Id::<User>::new());
        let account = joining.account();
        let (provider, identity): (String, _) = (found.get(10), Id::<ExternalIdentity>::new());
        let (issuer, subject): (&str, &str) = (found.get(11), found.get(12));
        let start = Start::new(self, user, Some(account), peer)?.through(provider.clone());

        let (used, begun) = (ticket.shown(), Attempt::at_sign_in(peer));
        let (add, forgiven): ([&(dyn ToSql + Sync); 4], _) =
            ([&user, &email, &name, &hash], begun.forgiven());
        let linked: [&(dyn ToSql + Sync); 6] =
            [&identity, &user, &issuer, &subject, &provider, &email];
        let (session, refresh) = (start.session_params(&hash), start.token_params());
        let opened: [&(dyn ToSql + Sync); 2] = [&user, &start.session];
        let joins = joining.invited().map(|invited| Joins::of(invited, &user));
        let own = joining.own().map(|(account, name)| -> [[&(dyn ToSql + Sync); 2]; 2] {
            [[account, name], [account, &user]]
        });
        let mut calls: Vec<Call<'_>> = joins.iter().flat_map(Joins::before).collect();
        let added = calls.len() + 1;
        calls.extend([
            Call { sql: USE_UP, params: &used, plan: Once },
            Call { sql: ADD_USER, params: &add, plan: Once },
        ]);
        calls.extend(joins.iter().map(Joins::after));
        calls.extend(own.iter().flat_map(|[account, membership]| {
            [
                Call { sql: ADD_ACCOUNT, params: account, plan: Once },
                Call { sql: ADD_MEMBERSHIP, params: membership, plan: Once },
            ]
        }));
        calls.extend([
            Call { sql: ADD_IDENTITY, params: &linked, plan: Once },
            Call { sql: ADD_SESSION, params: &session, plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &refresh, plan: Once },
        ]);
        calls.extend(forgiven.calls());
        calls.push(Call { sql: FIND_ACCOUNT, params: &opened, plan: Once });
        let sight = Sight { user: Some(user), account: Some(account), ..ticket.sight(peer) };
        let rows = self.identity().run(Mode::Write, sight, &calls).await.map_err(explain)?;
        let opened = rows.last().and_then(|rows| rows.first()).ok_or_else(Error::session_ended)?;
        start.finish(self, row_user(&rows[added][0], 0), opened)
    }
}

/// The address that the provider says is theirs, as addresses are kept.
fn verified_address(found: &Row) -> Result<String> {
    let (email, is_verified): (Option<&str>, bool) = (found.get(13), found.get(14));
    email.filter(|_| is_verified).map(normalize_email).ok_or_else(|| {
        Error::new(
            ErrorCode::EmailNotVerified,
            "the provider does not say that the e-mail address is yours",
        )
    })
}

/// What somebody new is called: as they say, or else the provider.
fn name(given: Option<&str>, told: Option<String>, email: &str) -> String {
    let told = given.map(str::to_owned).or(told);
    told.unwrap_or_else(|| email.split('@').next().unwrap_or(email).to_owned())
}

fn explain(error: Error) -> Error {
    if is_division_by_zero(&error) || is_logarithm_of_zero(&error) {
        return refused();
    }
    if is_duplicate(&error) {
        return just_now(error);
    }
    error
}

/// Of a membership, or of a user or an identity that somebody was faster with.
fn just_now(error: Error) -> Error {
    let told = "you are a member already, or have just become a user; sign in again";
    Error::new(ErrorCode::Conflict, told).because(error)
}

fn not_linked() -> Error {
    Error::new(
        ErrorCode::IdentityNotLinked,
        "nobody has this identity; log in another way and add it to yours, or, if the address is no user's yet, register",
    )
}

fn no_account() -> Error {
    Error::new(ErrorCode::InvalidCredentials, "this identity signs in to no such account")
}
