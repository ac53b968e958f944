//! Who a user is at providers: adding that, taking it away, and reading it.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::login::{is_division_by_zero, is_duplicate};
use super::oidc_reply::SignInReply;
use super::sign_in::{Ticket, refused};
use super::signed_in::USE_UP;
use crate::db::Plan::Once;
use crate::db::{Call, Mode};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, ExternalIdentities, ExternalIdentity, Id};
use crate::tenant::TenantScope;

/// `$1` id, `$2` user, `$3` issuer, `$4` subject, `$5` provider, `$6` address.
pub(super) const ADD_IDENTITY: &str =
    "insert into nexo.external_identities (id, user_id, issuer, subject, provider, email)
     values ($1, $2, $3, $4, $5, $6)
     returning id, provider, issuer, email, created_at, last_used_at";
/// What the answer of a sign-in names that this user began to add it. `$1` id,
/// `$2` and `$3` hashes of token and state, `$4` user.
const FIND: &str = "select issuer, subject, provider, email from nexo.oidc_sign_ins
     where id = $1 and token_hash = $2 and state_hash = $3 and user_id = $4
       and verified_at is not null and expires_at > now()";
pub(super) const READ: &str = "select id, provider, issuer, email, created_at, last_used_at
     from nexo.external_identities where user_id = $1 order by created_at, id limit 100";
const HAS_PASSWORD: &str = "select has_password from nexo.users where id = $1";
/// Before identities are taken away: of two at once, none takes what the other
/// leaves, and nobody is signed in by one meanwhile.
pub(super) const HOLD_USER: &str = "select from nexo.users where id = $1 for no key update";
/// Unless it is the last way in. `$1` user, `$2` identity.
const REMOVE: &str = "delete from nexo.external_identities i
     where i.user_id = $1 and i.id = $2
       and (exists (select from nexo.users where id = $1 and has_password)
            or exists (select from nexo.external_identities other where other.user_id = $1 and other.id <> $2))
     returning i.id";
const EXISTS: &str = "select from nexo.external_identities where user_id = $1 and id = $2";

pub(super) fn identity(row: &Row) -> ExternalIdentity {
    ExternalIdentity {
        id: row.get(0),
        provider: row.get(1),
        issuer: row.get(2),
        email: row.get(3),
        created_at: row.get(4),
        last_used_at: row.get(5),
    }
}

impl Authenticator {
    /// Who the scope's user is at providers.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn external_identities(&self, scope: &TenantScope) -> Result<ExternalIdentities> {
        let user = scope.user_id();
        let calls = [
            Call { sql: READ, params: &[&user], plan: Once },
            Call { sql: HAS_PASSWORD, params: &[&user], plan: Once },
        ];
        let rows = self.identity().run_alive(Mode::Read, scope, &calls).await?;
        let has_password = rows[1].first().ok_or_else(Error::session_ended)?.get(0);
        Ok(ExternalIdentities { data: rows[0].iter().map(identity).collect(), has_password })
    }

    /// Adds the identity that the provider's answer names to those of the scope's
    /// user, who began this.
    ///
    /// # Errors
    /// `invalid_oidc_reply` when the sign-in is not verified, used, over, or
    /// another one's; `conflict` when somebody has the identity; `session_ended`.
    pub async fn link_identity(
        &self,
        scope: &TenantScope,
        reply: SignInReply<'_>,
    ) -> Result<ExternalIdentity> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let ticket = Ticket::read(reply)?;
        let [id, token, state] = ticket.with_state();
        let find = [Call { sql: FIND, params: &[id, token, state, &user], plan: Once }];
        let found = self.identity().run_alive_with(Mode::Read, scope, ticket.id, &find).await?;
        let found = found[0].first().ok_or_else(refused)?;
        let (issuer, subject): (&str, &str) = (found.get(0), found.get(1));
        let (provider, email): (&str, Option<&str>) = (found.get(2), found.get(3));
        let identity_id = Id::<ExternalIdentity>::new();
        let (used, add): (_, [&(dyn ToSql + Sync); 6]) =
            (ticket.shown(), [&identity_id, &user, &issuer, &subject, &provider, &email]);
        let calls = [
            Call { sql: USE_UP, params: &used, plan: Once },
            Call { sql: ADD_IDENTITY, params: &add, plan: Once },
        ];
        let added = self.identity().run_alive_with(Mode::Write, scope, ticket.id, &calls).await;
        let added = added.map_err(|error| match error {
            error if is_division_by_zero(&error) => refused(),
            error if is_duplicate(&error) => {
                Error::new(ErrorCode::Conflict, "a user has this identity already").because(error)
            }
            error => error,
        })?;
        added[1].first().map(identity).ok_or_else(refused)
    }

    /// Takes an identity from the scope's user: it signs nobody in any more.
    ///
    /// # Errors
    /// `not_found`; `conflict` when it is the only way in of a user without a
    /// password; `session_ended`.
    pub async fn unlink_identity(
        &self,
        scope: &TenantScope,
        id: Id<ExternalIdentity>,
    ) -> Result<()> {
        let user = scope.user_id();
        let one: [&(dyn ToSql + Sync); 2] = [&user, &id];
        let calls = [
            Call { sql: HOLD_USER, params: &[&user], plan: Once },
            Call { sql: EXISTS, params: &one, plan: Once },
            Call { sql: REMOVE, params: &one, plan: Once },
        ];
        let rows = self.identity().run_alive(Mode::Write, scope, &calls).await?;
        match (rows[1].is_empty(), rows[2].is_empty()) {
            (true, _) => Err(Error::not_found()),
            (false, true) => Err(Error::new(
                ErrorCode::Conflict,
                "it is your only way in; set a password first, or add another identity",
            )),
            (false, false) => Ok(()),
        }
    }
}
