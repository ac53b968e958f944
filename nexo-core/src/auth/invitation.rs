//! Accepting an invitation.

use tokio_postgres::types::ToSql;

use super::authenticator::{Authenticator, row_user};
use super::login::{
    ADD_REFRESH_TOKEN, ADD_SESSION, ADD_USER, FIND_ACCOUNT, STILL_VERIFIED, Start,
    is_division_by_zero, is_duplicate, is_logarithm_of_zero,
};
use super::second_factor::{self, Shown, second_factor};
use super::secret::{Kind, OpaqueToken};
use super::throttle::{self, Attempt, Forgiven};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{
    AcceptInvitation, Account, AuthTokens, ErrorCode, FieldCode, Id, User, Validator,
};
use crate::people::ONE_AFTER_THE_OTHER;
use crate::tenant::Peer;

/// `$1` account, `$2` the token's hash.
const FIND: &str = concat!(
    "select i.email, u.id, u.email, u.name, u.created_at, u.email_verified_at, u.password_hash, i.mailed, ",
    second_factor!("u"),
    " from nexo.invitations i left join nexo.users u on u.email = i.email
     where i.account_id = $1 and i.token_hash = $2 and i.accepted_at is null and i.expires_at > now()"
);

/// Fails with a division by zero when it was accepted or withdrawn meanwhile,
/// and with it everything that is sent in the same flush.
pub(super) const MARK: &str = "with accepted as (
         update nexo.invitations set accepted_at = now()
         where account_id = $1 and token_hash = $2 and accepted_at is null and expires_at > now()
         returning id)
     select 1 / count(*) from accepted";

/// `$1` account, `$2` the token's hash, `$3` user.
pub(super) const JOIN: &str = "insert into nexo.memberships (account_id, user_id, role, role_id)
     select account_id, $3, role, role_id from nexo.invitations where account_id = $1 and token_hash = $2";

/// Whoever got it by mail has the address. `$1` user, `$2` whether they did.
const SET_VERIFIED: &str =
    "update nexo.users set email_verified_at = coalesce(email_verified_at, now())
     where id = $1 and $2 returning email_verified_at";

impl Authenticator {
    /// Makes whoever has the token a member, and logs them in to the account.
    /// Somebody new becomes a user with the name and the password given; a
    /// user shows that they are by their password.
    ///
    /// # Errors
    /// `invalid_invitation` for a token that is unknown, expired, withdrawn or
    /// used; `invalid_credentials` for the wrong password;
    /// `validation_failed` without the name of somebody new, or for a password
    /// that cannot be chosen; `conflict` when the user is a member already;
    /// `too_many_requests`; `overloaded`.
    pub async fn accept_invitation(
        &self,
        accept: &AcceptInvitation,
        peer: &Peer,
    ) -> Result<AuthTokens> {
        let token = OpaqueToken::parse(Kind::Invitation, &accept.token).ok_or_else(refused)?;
        let (account, token_hash) = (token.owner::<Account>(), token.hash().to_vec());
        let find: [&(dyn ToSql + Sync); 2] = [&account, &token_hash];
        let calls = [Call { sql: FIND, params: &find, plan: Once }];
        let rows = self
            .identity()
            .run(Mode::Read, Sight { account: Some(account), ..Sight::NONE }, &calls)
            .await?;
        let found = rows[0].first().ok_or_else(refused)?;
        // The attempts are those to log in: an invitation must not be a way to
        // guess a password more often.
        let attempt = Attempt::new(found.get(0), peer);

        let (user, new) = match found.get::<_, Option<Id<User>>>(1) {
            Some(user) => (user, None),
            None => (Id::new(), Some(self.newcomer(accept, found.get(0)).await?)),
        };
        let has_factor = new.is_none() && found.get(8);
        let (known, shown, of_code) = match new {
            Some(_) => (None, Shown::default(), None),
            None => {
                let known = self.verified(accept, user, found.get(6), &attempt, peer).await?;
                let (factor, code) = (second_factor::stored(found, 8), accept.code.as_deref());
                let shown = self.shown(user, factor.as_ref(), code, &attempt, peer).await?;
                (Some(known), shown.0, shown.1)
            }
        };
        let hash = new.as_ref().map(|new| &new.hash).or(known.as_ref()).expect("one of the two");
        let taken = shown.params(&user);

        let start = Start::new(self, user, Some(account), peer)?;
        let (session, refresh) = (start.session_params(hash), start.token_params());
        let join: [&(dyn ToSql + Sync); 3] = [&account, &token_hash, &user];
        let add: Option<[&(dyn ToSql + Sync); 4]> = new
            .as_ref()
            .map(|it| -> [&(dyn ToSql + Sync); 4] { [&user, &it.email, &it.name, &it.hash] });
        let still: [&(dyn ToSql + Sync); 3] = [&user, hash, &has_factor];
        let who = match &add {
            Some(add) => Call { sql: ADD_USER, params: add, plan: Once },
            None => Call { sql: STILL_VERIFIED, params: &still, plan: Once },
        };
        // A user's row is held by others too; somebody new is nobody's yet.
        let shows_address = new.is_some() && found.get(7);
        let (of_account, opened): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
            ([&account], [&start.user, &start.session]);
        let verify: [&(dyn ToSql + Sync); 2] = [&user, &shows_address];
        let (forgiven, code_forgiven) =
            (attempt.forgiven(), of_code.as_ref().map(Attempt::forgiven));
        let [here, anywhere, network] = forgiven.calls();
        let mut calls = vec![
            Call { sql: ONE_AFTER_THE_OTHER, params: &of_account, plan: Once },
            Call { sql: MARK, params: &find, plan: Once },
            Shown::call(&taken),
            who,
            Call { sql: JOIN, params: &join, plan: Once },
            Call { sql: ADD_SESSION, params: &session, plan: Once },
            Call { sql: ADD_REFRESH_TOKEN, params: &refresh, plan: Once },
            Call { sql: FIND_ACCOUNT, params: &opened, plan: Once },
            Call { sql: SET_VERIFIED, params: &verify, plan: Once },
            Call { sql: throttle::KNOWN, ..here },
        ];
        // Somebody new has made no attempt.
        if add.is_none() {
            calls.extend([anywhere, network]);
            calls.extend(code_forgiven.iter().flat_map(Forgiven::calls));
        }
        let sight = Sight { account: Some(account), ..Sight::of(user, peer) };
        let rows = self.identity().run(Mode::Write, sight, &calls).await;
        let rows = rows.map_err(explain)?;
        let joined = rows[7].first().ok_or_else(refused)?;
        let user = match add {
            Some(_) => row_user(&rows[3][0], 0),
            None => row_user(found, 1),
        };
        let verified = rows[8].first().map(|row| row.get(0));
        let user = User { email_verified_at: verified.or(user.email_verified_at), ..user };
        start.finish(self, user, joined)
    }

    async fn newcomer(&self, accept: &AcceptInvitation, email: String) -> Result<Newcomer> {
        let mut check = Validator::new();
        match &accept.name {
            Some(name) => check.text("name", name, 1, 200),
            None => check.refuse("name", FieldCode::Required, "must be given by somebody new"),
        }
        check.finish().map_err(Error::invalid)?;
        let name = accept.name.clone().unwrap_or_default();
        let context = vec![email.clone(), name.clone()];
        let hash = self.passwords().accept("password", &accept.password, context).await?;
        Ok(Newcomer { email, name, hash })
    }

    /// Of an invitation that somebody shows the token of.
    pub(super) async fn invited(&self, token: &str) -> Result<Invited> {
        let token = OpaqueToken::parse(Kind::Invitation, token).ok_or_else(refused)?;
        let (account, token_hash) = (token.owner::<Account>(), token.hash().to_vec());
        let find = [Call { sql: FIND, params: &[&account, &token_hash], plan: Once }];
        let sight = Sight { account: Some(account), ..Sight::NONE };
        let rows = self.identity().run(Mode::Read, sight, &find).await?;
        let email = rows[0].first().ok_or_else(refused)?.get(0);
        Ok(Invited { account, email, token_hash })
    }

    /// The hash that the password was verified by.
    async fn verified(
        &self,
        accept: &AcceptInvitation,
        user: Id<User>,
        stored: String,
        attempt: &Attempt,
        peer: &Peer,
    ) -> Result<String> {
        let place = self.passwords().reserve()?;
        self.count(attempt).await?;
        let verdict =
            self.passwords().verify(place, &accept.password, Some(stored.clone())).await?;
        if verdict.matches {
            return Ok(stored);
        }
        self.tell_failure("password", user, None, attempt, peer).await?;
        Err(wrong_password())
    }
}

/// What somebody was invited to, and under which address.
pub(super) struct Invited {
    pub(super) account: Id<Account>,
    pub(super) email: String,
    pub(super) token_hash: Vec<u8>,
}

/// Somebody who becomes a user by this.
struct Newcomer {
    email: String,
    name: String,
    hash: String,
}

fn explain(error: Error) -> Error {
    if is_division_by_zero(&error) {
        return refused();
    }
    if is_logarithm_of_zero(&error) {
        return wrong_password();
    }
    if is_duplicate(&error) {
        // Of the membership, or of a user who has registered meanwhile.
        return Error::new(
            ErrorCode::Conflict,
            "you are a member already, or have just registered; log in",
        )
        .because(error);
    }
    second_factor::explain(error)
}

fn wrong_password() -> Error {
    Error::new(
        ErrorCode::InvalidCredentials,
        "the invited address is a user's; this is not their password",
    )
}

pub(super) fn refused() -> Error {
    Error::new(
        ErrorCode::InvalidInvitation,
        "the invitation is unknown, used, withdrawn or has expired; ask for a new one",
    )
}
