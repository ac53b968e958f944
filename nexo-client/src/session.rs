//! A session: the tokens, whose they are, and how fresh they are.

use std::fmt;
use std::time::{Duration, Instant};

use nexo_core::model::{Account, AuthTokens, Permissions, Profile, RoleRef, TokenType, User};
use secrecy::{ExposeSecret, SecretString};

/// A login, as a program may keep it from one run to the next.
///
/// Turn it into [`AuthTokens`] with [`export`](Self::export) to store it, and
/// back with `Session::from`; then give it to
/// [`Builder::session`](crate::Builder::session). `Debug` shows no token.
///
/// A refresh token is used once and replaced by its successor, and a copy that
/// is older than the newest may end the session when it is used. So a stored
/// session must follow the live one:
/// [`Builder::on_session_change`](crate::Builder::on_session_change) tells each
/// change.
#[derive(Clone)]
pub struct Session {
    access_token: SecretString,
    refresh_token: SecretString,
    user: User,
    account: Account,
    role: RoleRef,
    permissions: Permissions,
    // Age is measured by the monotonic clock from before the tokens were asked
    // for: the wall clock may jump, and differs from the server's.
    asked_at: Instant,
    life: Duration,
}

impl Session {
    /// Who is logged in.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The account that the session works in.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The user's role in the account, as of the newest token.
    #[must_use]
    pub fn role(&self) -> RoleRef {
        self.role
    }

    /// What the role permits. A change of it is known with the next token, which
    /// comes with the first request after it.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The tokens in the open. Store them where only your program can read.
    ///
    /// `expires_in` is what is left of the access token's life now. Time that
    /// passes in storage is not seen; the server then says that the token has
    /// expired, and the handle refreshes it.
    #[must_use]
    pub fn export(&self) -> AuthTokens {
        AuthTokens {
            access_token: self.access_token.expose_secret().to_owned(),
            refresh_token: self.refresh_token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: self.remaining(Instant::now()).as_secs(),
            user: self.user.clone(),
            account: self.account.clone(),
            role: self.role,
            permissions: self.permissions,
        }
    }

    pub(crate) fn new(tokens: AuthTokens, asked_at: Instant) -> Self {
        Self {
            access_token: tokens.access_token.into(),
            refresh_token: tokens.refresh_token.into(),
            user: tokens.user,
            account: tokens.account,
            role: tokens.role,
            permissions: tokens.permissions,
            asked_at,
            life: Duration::from_secs(tokens.expires_in),
        }
    }

    pub(crate) fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    pub(crate) fn refresh_token(&self) -> &SecretString {
        &self.refresh_token
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile {
            user: self.user.clone(),
            account: self.account.clone(),
            role: self.role,
            permissions: self.permissions,
        }
    }

    /// Whether the two act for the same user in the same account.
    pub(crate) fn is_same_identity(&self, other: &Self) -> bool {
        self.user.id == other.user.id && self.account.id == other.account.id
    }

    /// What is left of the access token's life.
    pub(crate) fn remaining(&self, now: Instant) -> Duration {
        self.life.saturating_sub(now.saturating_duration_since(self.asked_at))
    }

    /// Whether so little is left that a refresh is due: a tenth of the life,
    /// or a minute if that is less.
    pub(crate) fn is_ageing(&self, now: Instant) -> bool {
        self.remaining(now) <= (self.life / 10).min(Duration::from_secs(60))
    }
}

impl From<AuthTokens> for Session {
    fn from(tokens: AuthTokens) -> Self {
        Self::new(tokens, Instant::now())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("user", &self.user)
            .field("account", &self.account)
            .field("remaining", &self.remaining(Instant::now()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A session with a token of that many seconds, some of which have gone.
    pub(crate) fn session(expires_in: u64, age: Duration) -> Session {
        let tokens = serde_json::json!({
            "access_token": "secret-a", "refresh_token": "secret-r",
            "token_type": "Bearer", "expires_in": expires_in,
            "user": {
                "id": "019c0000-0000-7000-8000-000000000001", "email": "a@b.example",
                "name": "A", "created_at": "2026-01-01T00:00:00Z",
            },
            "account": { "id": "019c0000-0000-7000-8000-000000000002", "name": "B" },
            "role": "member", "permissions": ["client:read"],
        });
        let tokens: AuthTokens = serde_json::from_value(tokens).expect("a valid answer");
        Session::new(tokens, Instant::now().checked_sub(age).expect("the machine has been up"))
    }

    #[test]
    fn ages_by_a_tenth_or_a_minute() {
        for (life, ageing_from) in [(600, 540), (7200, 7140), (10, 9), (0, 0)] {
            let session = session(life, Duration::ZERO);
            let after = |seconds| session.asked_at + Duration::from_secs(seconds);
            assert!(session.is_ageing(after(ageing_from)), "{life}");
            if ageing_from > 0 {
                assert!(!session.is_ageing(after(ageing_from - 1)), "{life}");
            }
            assert_eq!(session.remaining(after(life + 1)), Duration::ZERO);
        }
    }

    #[test]
    fn never_prints_a_token() {
        let printed = format!("{:?}", session(600, Duration::ZERO));
        assert!(printed.contains("a@b.example") && !printed.contains("secret"), "{printed}");
    }
}
