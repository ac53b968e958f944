//! Sign-ins at a provider that are under way: what was sent there is kept until
//! the browser is back, and whoever comes back with it must be who began.
//!
//! Speaking to the provider is the program's own work; here is what must hold
//! whoever does it: a sign-in is one browser's, its code is tried once, and its
//! answer is good for one session.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::oidc_reply::{NewSignIn, PendingSignIn, ProviderIdentity, SignInReply};
use super::secret::{Kind, OpaqueToken, hash};
use super::throttle::Attempt;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, Id, SignIn, User};
use crate::tenant::{Peer, TenantScope};

/// From going to the provider until somebody is signed in.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// `$1` id, `$2` and `$3` hashes of token and state, `$4` nonce, `$5` verifier,
/// `$6` provider, `$7` redirect URI, `$8` seconds of life, `$9` user or null.
const BEGIN: &str = "insert into nexo.oidc_sign_ins
        (id, token_hash, state_hash, nonce, pkce_verifier, provider, redirect_uri, expires_at, user_id)
     values ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second', $9)";
const FORGET_OLD: &str = "delete from nexo.oidc_sign_ins where id in (
        select id from nexo.oidc_sign_ins where expires_at < now()
        order by expires_at limit 50 for update skip locked)
     returning id";
/// `$1` id, `$2` and `$3` hashes of token and state.
const READ: &str =
    "select state_hash = $3, user_id, used_at is null, verified_at is not null, provider, redirect_uri, nonce, pkce_verifier
     from nexo.oidc_sign_ins where id = $1 and token_hash = $2 and expires_at > now()";
/// Of many at once, one may try the code. `$1` id, `$2` the token's hash.
const USE_CODE: &str = "update nexo.oidc_sign_ins set used_at = now()
     where id = $1 and token_hash = $2 and used_at is null and expires_at > now() returning id";
/// `$1` id, `$2` the token's hash, then what was found to be so.
const VERIFY: &str = "update nexo.oidc_sign_ins
     set issuer = $3, subject = $4, email = $5, email_verified = $6, name = $7, verified_at = now()
     where id = $1 and token_hash = $2 and used_at is not null and verified_at is null and expires_at > now()
     returning id";

/// A token that was shown, by what is kept of it.
pub(super) struct Ticket {
    pub(super) id: Id<SignIn>,
    pub(super) token_hash: Vec<u8>,
    pub(super) state_hash: Vec<u8>,
}

impl Ticket {
    pub(super) fn read(reply: SignInReply<'_>) -> Result<Self> {
        let token = OpaqueToken::parse(Kind::SignIn, reply.sign_in_token).ok_or_else(refused)?;
        let (id, token_hash) = (token.owner(), token.hash().to_vec());
        Ok(Self { id, token_hash, state_hash: hash_of_state(reply.state) })
    }

    pub(super) fn sight<'a>(&self, peer: &'a Peer) -> Sight<'a> {
        Sight { sign_in: Some(self.id), peer: Some(peer), ..Sight::NONE }
    }

    pub(super) fn shown(&self) -> [&(dyn ToSql + Sync); 2] {
        [&self.id, &self.token_hash]
    }

    pub(super) fn with_state(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.id, &self.token_hash, &self.state_hash]
    }
}

fn hash_of_state(state: &str) -> Vec<u8> {
    hash(&[b"nexo sign-in state", state.as_bytes()]).to_vec()
}

impl Authenticator {
    /// Keeps a sign-in that goes to a provider. What this answers stays with
    /// whoever begins it, and is good for ten minutes.
    ///
    /// # Errors
    /// `too_many_requests` when many from there were begun and none ended well.
    pub async fn begin_sign_in(&self, new: &NewSignIn, peer: &Peer) -> Result<String> {
        self.count(&Attempt::at_sign_in(peer)).await?;
        let (token, begin) = Begin::new(new, None)?;
        let begun = begin.params();
        let calls = [
            Call { sql: BEGIN, params: &begun, plan: Once },
            Call { sql: FORGET_OLD, params: &[], plan: Once },
        ];
        self.identity().run(Mode::Write, begin.sight(peer), &calls).await?;
        Ok(token.expose())
    }

    /// Forgets sign-ins whose time is over, and whom they named; to be called now and
    /// then, since nobody may begin another one. `nexo-server` does so by itself.
    ///
    /// # Errors
    /// When the database is away; what is left goes the next time.
    pub async fn forget_old_sign_ins(&self) -> Result<()> {
        loop {
            let calls = [Call { sql: FORGET_OLD, params: &[], plan: Once }];
            let gone = self.identity().run(Mode::Write, Sight::NONE, &calls).await?;
            if gone[0].is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether the scope's user may add an identity to theirs: they show their
    /// password, or, if they have none, have signed in a moment ago.
    ///
    /// # Errors
    /// `validation_failed` naming `password`; `too_many_requests`; `session_ended`.
    pub async fn admit_identity_link(
        &self,
        scope: &TenantScope,
        password: Option<&str>,
    ) -> Result<()> {
        let shown = self.reauthenticated(scope, "password", password.unwrap_or_default()).await?;
        let forgiven = shown.attempt.forgiven();
        self.identity().run_alive(Mode::Write, scope, &forgiven.calls()).await.map(drop)
    }

    /// The same as [`begin_sign_in`](Self::begin_sign_in), to add an identity to
    /// those of the scope's user, who was
    /// [admitted](Self::admit_identity_link) a moment ago.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn begin_identity_link(
        &self,
        scope: &TenantScope,
        new: &NewSignIn,
    ) -> Result<String> {
        let user = scope.user_id().ok_or_else(Error::session_ended)?;
        let (token, begin) = Begin::new(new, Some(user))?;
        let begun = begin.params();
        let calls = [
            Call { sql: BEGIN, params: &begun, plan: Once },
            Call { sql: FORGET_OLD, params: &[], plan: Once },
        ];
        self.identity().run_alive_with(Mode::Write, scope, begin.id, &calls).await?;
        Ok(token.expose())
    }

    /// The sign-in whose token and state somebody shows.
    ///
    /// # Errors
    /// `invalid_oidc_reply` when there is none, its time is over, its code was
    /// tried, or the state is another one's.
    pub async fn pending_sign_in(
        &self,
        reply: SignInReply<'_>,
        peer: &Peer,
    ) -> Result<PendingSignIn> {
        let ticket = Ticket::read(reply)?;
        let params = ticket.with_state();
        let read = [Call { sql: READ, params: &params, plan: Once }];
        let rows = self.identity().run(Mode::Read, ticket.sight(peer), &read).await?;
        self.judge(rows[0].first(), None, peer).await
    }

    /// The same of one that adds an identity to those of the scope's user.
    ///
    /// # Errors
    /// As [`pending_sign_in`](Self::pending_sign_in); `session_ended`.
    pub async fn pending_identity_link(
        &self,
        scope: &TenantScope,
        reply: SignInReply<'_>,
    ) -> Result<PendingSignIn> {
        // What is no token may be shown by somebody whose session has ended.
        let ticket = Ticket::read(reply);
        let id = ticket.as_ref().map_or_else(|_| Id::new(), |ticket| ticket.id);
        let params = ticket.as_ref().ok().map(Ticket::with_state);
        let read = params.as_ref().map(|params| Call { sql: READ, params, plan: Once });
        let calls: Vec<Call<'_>> = read.into_iter().collect();
        let rows = self.identity().run_alive_with(Mode::Read, scope, id, &calls).await?;
        let row = rows.first().and_then(|rows| rows.first());
        let peer = scope.peer().cloned().unwrap_or_default();
        self.judge(row, scope.user_id(), &peer).await
    }

    async fn judge(
        &self,
        row: Option<&Row>,
        by: Option<Id<User>>,
        peer: &Peer,
    ) -> Result<PendingSignIn> {
        let row = row.ok_or_else(refused)?;
        let (is_state, of): (bool, Option<Id<User>>) = (row.get(0), row.get(1));
        let (is_unused, is_verified): (bool, bool) = (row.get(2), row.get(3));
        if !is_state && let Some(user) = of {
            self.tell_refused(user, row.get(4), "state", peer).await?;
        }
        if !is_state || of != by || !(is_unused || is_verified) {
            return Err(refused());
        }
        Ok(PendingSignIn {
            provider: row.get(4),
            redirect_uri: row.get(5),
            nonce: row.get(6),
            pkce_verifier: row.get(7),
            is_verified,
        })
    }

    /// Takes the right to try the code of a sign-in, once and for all.
    ///
    /// # Errors
    /// `invalid_oidc_reply` when somebody has.
    pub async fn use_sign_in_code(&self, reply: SignInReply<'_>, peer: &Peer) -> Result<()> {
        let ticket = Ticket::read(reply)?;
        let params = ticket.shown();
        let take = [Call { sql: USE_CODE, params: &params, plan: Once }];
        let rows = self.identity().run(Mode::Write, ticket.sight(peer), &take).await?;
        rows[0].first().map(drop).ok_or_else(refused)
    }

    /// Keeps who the provider's answer says that somebody is, for whoever
    /// finishes the sign-in. The answer must have been verified: its signature,
    /// issuer, audience, nonce and time.
    ///
    /// # Errors
    /// `invalid_oidc_reply` when the sign-in's time is over.
    pub async fn verify_sign_in(
        &self,
        reply: SignInReply<'_>,
        identity: &ProviderIdentity,
        peer: &Peer,
    ) -> Result<()> {
        let ticket = Ticket::read(reply)?;
        let ProviderIdentity { issuer, subject, email, email_verified, name } = identity;
        let [id, token_hash] = ticket.shown();
        let params = [id, token_hash, issuer, subject, email, email_verified, name];
        let verify = [Call { sql: VERIFY, params: &params, plan: Once }];
        let rows = self.identity().run(Mode::Write, ticket.sight(peer), &verify).await?;
        rows[0].first().map(drop).ok_or_else(refused)
    }
}

/// A sign-in as it is kept.
struct Begin<'a> {
    id: Id<SignIn>,
    token_hash: Vec<u8>,
    state_hash: Vec<u8>,
    new: &'a NewSignIn,
    life: f64,
    user: Option<Id<User>>,
}

impl<'a> Begin<'a> {
    fn new(new: &'a NewSignIn, user: Option<Id<User>>) -> Result<(OpaqueToken, Self)> {
        let id = Id::new();
        let token = OpaqueToken::generate(Kind::SignIn, id)?;
        let (token_hash, state_hash) = (token.hash().to_vec(), hash_of_state(&new.state));
        let life = LIFE.as_secs_f64();
        Ok((token, Self { id, token_hash, state_hash, new, life, user }))
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 9] {
        let NewSignIn { provider, redirect_uri, nonce, pkce_verifier, .. } = self.new;
        let Self { id, token_hash, state_hash, life, user, .. } = self;
        [id, token_hash, state_hash, nonce, pkce_verifier, provider, redirect_uri, life, user]
    }

    fn sight<'b>(&self, peer: &'b Peer) -> Sight<'b> {
        Sight { sign_in: Some(self.id), peer: Some(peer), ..Sight::NONE }
    }
}

/// The same whatever is wrong: nobody learns how far they came.
pub(super) fn refused() -> Error {
    Error::new(
        ErrorCode::InvalidOidcReply,
        "this sign-in is unknown, used or over, or what came back is not its answer; begin again",
    )
}
