//! Refreshing: each use of a refresh token gives its successor.
//!
//! All of it is one transaction in one round trip, so that whatever happens on
//! the way, either everybody sees the rotation or nobody.

use super::authenticator::{Authenticator, row_user};
use super::secret::{RefreshToken, random};
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::{AuthTokens, ErrorCode, Id, RefreshRequest, Session};
use crate::tenant::Peer;

/// Holds the session before its token, as those who end it do. `$1` user, `$2`
/// token.
const HOLD: &str = "select from nexo.sessions s join nexo.refresh_tokens t
         on t.account_id = s.account_id and t.session_id = s.id
     where s.user_id = $1 and t.user_id = $1 and t.token_hash = $2 for no key update of s";

/// Marks the token as used, if it is good and nobody was first.
/// `$1` user, `$2` token, `$3` nonce, `$4` successor.
const ROTATE: &str = "update nexo.refresh_tokens t
     set rotated_at = clock_timestamp(), successor_nonce = $3, successor_hash = $4
     from nexo.sessions s
     where t.user_id = $1 and t.token_hash = $2 and t.rotated_at is null
       and t.expires_at > clock_timestamp()
       and s.user_id = $1 and s.account_id = t.account_id and s.id = t.session_id
       and s.revoked_at is null and s.expires_at > clock_timestamp()";

/// Adds the successor, if it was this request that rotated.
/// `$1` user, `$2` token, `$3` nonce, `$4` seconds of life.
const ADD_SUCCESSOR: &str = "insert into nexo.refresh_tokens
        (account_id, session_id, user_id, token_hash, expires_at)
     select account_id, session_id, user_id, successor_hash, clock_timestamp() + $4 * interval '1 second'
     from nexo.refresh_tokens
     where user_id = $1 and token_hash = $2 and successor_nonce = $3";

/// Ends the session when a used token comes again: later than the grace, or
/// after its successor has been used too. One of the two bearers is a thief.
/// `$1` user, `$2` token, `$3` nonce, `$4` seconds of grace.
const REVOKE_REUSED: &str = "update nexo.sessions s
     set revoked_at = clock_timestamp(), revoked_for = 'token_reuse'
     from nexo.refresh_tokens t
     where t.user_id = $1 and t.token_hash = $2
       and t.rotated_at is not null and t.successor_nonce <> $3
       and s.user_id = $1 and s.account_id = t.account_id and s.id = t.session_id and s.revoked_at is null
       and (t.rotated_at < clock_timestamp() - $4 * interval '1 second'
            or exists (select from nexo.refresh_tokens next
                       where next.user_id = $1 and next.token_hash = t.successor_hash
                         and next.rotated_at is not null))
     returning s.id";

/// What came of it: the nonce that whoever was first has left.
const OUTCOME: &str =
    "select u.id, u.email, u.name, u.created_at, u.email_verified_at, a.id, a.name,
            m.role, m.role_id, s.permissions, s.id, t.successor_nonce
     from nexo.refresh_tokens t
     join nexo.sessions s on s.user_id = t.user_id and s.account_id = t.account_id and s.id = t.session_id
     join nexo.users u on u.id = t.user_id
     join nexo.accounts a on a.id = t.account_id
     join nexo.memberships m on m.account_id = t.account_id and m.user_id = t.user_id
     where t.user_id = $1 and t.token_hash = $2 and t.successor_nonce is not null
       and s.revoked_at is null and s.expires_at > clock_timestamp()";

impl Authenticator {
    /// Exchanges a refresh token for new tokens.
    ///
    /// A token is good once. Within the grace after it was used it answers the
    /// same successor again, for parallel requests and lost replies; later, or
    /// after the successor has been used, it ends the session.
    ///
    /// # Errors
    /// `invalid_refresh_token` when it is unknown, expired, revoked or reused.
    pub async fn refresh(&self, request: &RefreshRequest, peer: &Peer) -> Result<AuthTokens> {
        let token = RefreshToken::parse(&request.refresh_token).ok_or_else(refused)?;
        let user = token.user;
        let hash = token.hash().to_vec();
        let nonce = random()?.to_vec();
        let successor = token.successor(&nonce).hash().to_vec();
        let life = self.config().refresh_ttl.as_secs_f64();
        let grace = self.config().refresh_grace.as_secs_f64();

        let calls = [
            Call { sql: HOLD, params: &[&user, &hash], plan: Once },
            Call { sql: ROTATE, params: &[&user, &hash, &nonce, &successor], plan: Once },
            Call { sql: ADD_SUCCESSOR, params: &[&user, &hash, &nonce, &life], plan: Once },
            Call { sql: REVOKE_REUSED, params: &[&user, &hash, &nonce, &grace], plan: Once },
            Call { sql: OUTCOME, params: &[&user, &hash], plan: Once },
        ];
        let rows = self.identity().run(Mode::Write, Sight::of(user, peer), &calls).await?;

        if let Some(revoked) = rows[3].first() {
            let session: Id<Session> = revoked.get(0);
            tracing::warn!(%user, %session, "refresh token reused: session revoked");
        }
        let row = rows[4].first().ok_or_else(refused)?;
        let stored_nonce: Vec<u8> = row.get(11);
        self.tokens_for(row.get(10), &token.successor(&stored_nonce), row_user(row, 0), row, 5)
    }
}

pub(super) fn refused() -> Error {
    Error::new(ErrorCode::InvalidRefreshToken, "the refresh token is not valid; log in again")
}
