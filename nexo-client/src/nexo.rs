//! The handle: identity, and the way to everything else.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use nexo_core::model::{
    AcceptInvitation, Account, AuthTokens, Id, JoinedAccounts, LoginRequest, PasswordChange,
    Profile, ProfilePatch, RegisterRequest, SearchParams, SearchResult, SwitchAccount,
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api_keys::ApiKeys;
use crate::audit::Audit;
use crate::builder::Builder;
use crate::error::Result;
use crate::imports::Imports;
use crate::people::People;
use crate::refresh::Inner;
use crate::request::Request;
use crate::retry::Repeat;
use crate::session::Session;

/// A handle to a NEXO server and to one session there.
///
/// Clones are cheap and share the session. For a second session, build a
/// second handle.
#[derive(Clone)]
pub struct Nexo {
    pub(crate) inner: Arc<Inner>,
}

/// How a server is, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// `ok`, or what is the matter: `starting`, `degraded`, `draining`.
    pub status: String,
    /// The database: `ok`, `unknown` or `unreachable`.
    pub database: String,
    /// The server's version.
    pub version: String,
}

impl Health {
    /// Whether server and database do their work.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

impl Nexo {
    /// A handle to the server at `url`, with no session yet.
    ///
    /// Prefer `https`: over `http`, whoever is on the way can read passwords
    /// and tokens.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new(url: impl Into<String>) -> Result<Self> {
        Self::builder(url).build()
    }

    /// A handle with timeouts, retries or a session of your choice.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url)
    }

    /// Registers a user with an account of their own, and logs in.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) if the e-mail address is
    /// taken, [`is_validation`](crate::Error::is_validation) for a weak
    /// password, and every transport error.
    pub async fn register(&self, request: &RegisterRequest) -> Result<Profile> {
        self.authenticate("/api/auth/register", request).await
    }

    /// Logs in. A session that the handle has is replaced, not ended.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidCredentials`](nexo_core::model::ErrorCode) if
    /// address and password do not match, and every transport error.
    pub async fn login(&self, email: &str, password: &str) -> Result<Profile> {
        let request = LoginRequest::new(email, password);
        self.authenticate("/api/auth/login", &request).await
    }

    /// Accepts an invitation and logs in to its account: as the user with the
    /// invited address, by their password, or as somebody new.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInvitation`](nexo_core::model::ErrorCode) for a token
    /// that is used, withdrawn or expired, and those of
    /// [`register`](Self::register) and [`login`](Self::login).
    pub async fn accept_invitation(&self, accept: &AcceptInvitation) -> Result<Profile> {
        self.authenticate("/api/auth/invitations/accept", accept).await
    }

    /// The accounts that the user is a member of.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn accounts(&self) -> Result<JoinedAccounts> {
        self.request(Method::GET, "/api/auth/accounts").send().await
    }

    /// Goes on in another account of the user: the session ends, and the handle
    /// has one there.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) for an account that the user
    /// is no member of, and every error of a write.
    pub async fn switch_account(&self, account: Id<Account>) -> Result<Profile> {
        let asked_at = Instant::now();
        let session = self.inner.keeper.session()?;
        let refresh_token = session.refresh_token().expose_secret().to_owned();
        let to = SwitchAccount { account_id: account, refresh_token };
        let tokens: AuthTokens =
            self.request(Method::POST, "/api/auth/switch").json(&to).send().await?;
        Ok(self.keep(tokens, asked_at))
    }

    /// Leaves the account of the session, whatever the user may do in it: their
    /// sessions and API keys there end.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) for the account's last owner,
    /// and every error of a write.
    pub async fn leave_account(&self) -> Result<()> {
        self.request(Method::POST, "/api/auth/leave").send::<()>().await?;
        self.inner.keeper.log_out();
        Ok(())
    }

    /// Ends the session, here and on the server. Without a session it does
    /// nothing.
    ///
    /// # Errors
    /// If the server cannot be told. The session then stays, so that the
    /// log-out can be tried again.
    pub async fn logout(&self) -> Result<()> {
        // Done twice it is the same, so it is repeated like a read.
        match self.request(Method::POST, "/api/auth/logout").repeatable().send::<()>().await {
            // Whoever is not logged in is logged out.
            Err(error) if !error.is_unauthenticated() => Err(error),
            _ => {
                self.inner.keeper.log_out();
                Ok(())
            }
        }
    }

    /// Ends every session of the user, this one included.
    ///
    /// # Errors
    /// If there is no session, or the server cannot be told.
    pub async fn logout_everywhere(&self) -> Result<()> {
        self.request(Method::POST, "/api/auth/logout-all").send::<()>().await?;
        self.inner.keeper.log_out();
        Ok(())
    }

    /// The user and the account of the session, as the server has them now.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn profile(&self) -> Result<Profile> {
        self.request(Method::GET, "/api/auth/profile").send().await
    }

    /// Changes the user's own data.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation), and every error of a
    /// write.
    pub async fn update_profile(&self, patch: &ProfilePatch) -> Result<Profile> {
        self.request(Method::PATCH, "/api/auth/profile").merge_patch(patch).send().await
    }

    /// Changes the password and ends the user's other sessions; this one
    /// stays.
    ///
    /// # Errors
    /// If the current password is wrong or the new one is weak, and every
    /// error of a write.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<()> {
        let change =
            PasswordChange { current_password: current.to_owned(), new_password: new.to_owned() };
        self.request(Method::POST, "/api/auth/password").json(&change).send().await
    }

    /// How the server is. Asks once, without retries, and needs no session.
    ///
    /// # Errors
    /// [`is_unavailable`](crate::Error::is_unavailable) if nothing answers.
    pub async fn health(&self) -> Result<Health> {
        self.request(Method::GET, "/health").anonymous().repeat(Repeat::Never).send().await
    }

    /// The session, if there is one. See [`Session`] for how to keep it.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.inner.keeper.session().ok().map(|session| Session::clone(&session))
    }

    /// The account's roles, members and invitations.
    #[must_use]
    pub fn people(&self) -> People {
        People::new(self)
    }

    /// The account's API keys.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self)
    }

    /// Who did what in the account.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self)
    }

    /// The account's imports of files.
    #[must_use]
    pub fn imports(&self) -> Imports {
        Imports::new(self)
    }

    /// Searches all collections of the account, the best hits first.
    ///
    /// # Errors
    /// The server refuses a text without letters and digits, a collection that
    /// it does not know, and a limit out of range.
    pub async fn search(&self, params: &SearchParams) -> Result<SearchResult> {
        let mut request = self.request(Method::GET, "/api/crm/search").query("q", &params.q);
        if !params.collections.is_empty() {
            request = request.query("in", params.collections.join(","));
        }
        if let Some(limit) = params.limit {
            request = request.query("limit", limit);
        }
        request.send().await
    }

    /// Sends a GET to a path of the server.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn get<R: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<R> {
        let request = self.request(Method::GET, path);
        query
            .iter()
            .fold(request, |request, (name, value)| request.query(*name, value))
            .send()
            .await
    }

    /// Sends a POST with a JSON body to a path of the server.
    ///
    /// # Errors
    /// Every error of a write.
    pub async fn post<B, R>(&self, path: &str, body: &B) -> Result<R>
    where
        B: Serialize + Sync + ?Sized,
        R: DeserializeOwned,
    {
        self.request(Method::POST, path).json(body).send().await
    }

    /// Begins a request of any kind to a path of the server.
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request {
        Request::new(self, method, path)
    }

    pub(crate) async fn authenticate<B: Serialize + Sync>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<Profile> {
        self.inner.keeper.refuse_key()?;
        let asked_at = Instant::now();
        let tokens: AuthTokens =
            self.request(Method::POST, path).json(body).anonymous().send().await?;
        Ok(self.keep(tokens, asked_at))
    }

    fn keep(&self, tokens: AuthTokens, asked_at: Instant) -> Profile {
        let session = Session::new(tokens, asked_at);
        let profile = session.profile();
        self.inner.keeper.log_in(session);
        profile
    }
}

impl fmt::Debug for Nexo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nexo")
            .field("url", &self.inner.transport.base.as_str())
            .field("session", &self.session())
            .finish()
    }
}
