//! Signing in through a provider, and who the session's user is there.

use nexo_core::model::{
    ExternalIdentities, ExternalIdentity, FinishSignIn, Id, LinkIdentity, Profile, SignInProviders,
    StartIdentityLink, StartSignIn, StartedSignIn,
};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

impl Nexo {
    /// The providers that people can sign in through.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn sign_in_providers(&self) -> Result<SignInProviders> {
        self.request(Method::GET, "/api/auth/oidc").anonymous().send().await
    }

    /// Begins to sign in: open the page that this answers in a browser. The
    /// provider sends it back to `redirect_uri` with `state` and `code`, for
    /// [`finish_sign_in`](Self::finish_sign_in). Keep the token where the sign-in
    /// was begun, and send it nowhere else.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for a provider or a redirect
    /// URI that there is not;
    /// [`ErrorCode::OidcUnavailable`](nexo_core::model::ErrorCode) while the
    /// provider does not answer.
    pub async fn start_sign_in(&self, provider: &str, redirect_uri: &str) -> Result<StartedSignIn> {
        let start =
            StartSignIn { provider: provider.to_owned(), redirect_uri: redirect_uri.to_owned() };
        let request = self.request(Method::POST, "/api/auth/oidc/start").json(&start);
        request.anonymous().send().await
    }

    /// Signs in with what the browser came back with.
    ///
    /// # Errors
    /// By their [`ErrorCode`](nexo_core::model::ErrorCode): `IdentityNotLinked` of
    /// somebody new, and `SecondFactorRequired`, after which the same can be sent
    /// again with what was missing; `InvalidOidcReply` when it must begin again;
    /// `EmailNotVerified`; `OidcUnavailable`.
    pub async fn finish_sign_in(&self, finish: &FinishSignIn) -> Result<Profile> {
        self.authenticate("/api/auth/oidc/finish", finish).await
    }

    /// Who the session's user is at providers.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn external_identities(&self) -> Result<ExternalIdentities> {
        self.request(Method::GET, "/api/auth/identities").send().await
    }

    /// Begins to add an identity to those of the session's user, as
    /// [`start_sign_in`](Self::start_sign_in) begins to sign in.
    ///
    /// # Errors
    /// As there; [`is_validation`](crate::Error::is_validation) for the wrong
    /// password.
    pub async fn start_identity_link(&self, start: &StartIdentityLink) -> Result<StartedSignIn> {
        self.request(Method::POST, "/api/auth/identities/start").json(start).send().await
    }

    /// Adds the identity with what the browser came back with.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) when somebody has it;
    /// [`ErrorCode::InvalidOidcReply`](nexo_core::model::ErrorCode).
    pub async fn link_identity(&self, link: &LinkIdentity) -> Result<ExternalIdentity> {
        self.request(Method::POST, "/api/auth/identities").json(link).send().await
    }

    /// Takes an identity away: it signs nobody in any more.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found);
    /// [`is_conflict`](crate::Error::is_conflict) when it is the only way in.
    pub async fn unlink_identity(&self, id: Id<ExternalIdentity>) -> Result<()> {
        let path = format!("/api/auth/identities/{id}");
        self.request(Method::DELETE, path).send().await
    }
}
