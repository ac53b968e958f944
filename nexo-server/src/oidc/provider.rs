//! One provider: going there to sign in.

use nexo_core::NewSignIn;
use nexo_core::model::{ErrorCode, FieldCode, FieldError};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce,
    PkceCodeChallenge, RedirectUrl, Scope,
};

use super::Oidc;
use super::config::ProviderConfig;
use super::discovery::{Discovery, unavailable};
use super::http::ProviderHttp;
use crate::failure::{Failure, Outcome};

/// A client of a provider that says where its endpoints are.
pub(super) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider, and what is known of it.
#[derive(Debug)]
pub(crate) struct Provider {
    config: ProviderConfig,
    pub(super) http: ProviderHttp,
    pub(super) discovery: Discovery,
}

impl Provider {
    pub(super) fn new(config: ProviderConfig) -> Self {
        let http = ProviderHttp::new(config.is_here());
        Self { config, http, discovery: Discovery::default() }
    }

    pub(super) fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// Whether its people may register by themselves.
    pub(crate) fn registers(&self) -> bool {
        self.config.registration
    }

    pub(super) fn client(
        &self,
        metadata: &CoreProviderMetadata,
        redirect_uri: &str,
    ) -> Outcome<Client> {
        let secret = self.config.client_secret.clone().map(ClientSecret::new);
        let id = ClientId::new(self.config.client_id.clone());
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(Failure::internal)?;
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret);
        Ok(client.set_redirect_uri(redirect))
    }

    /// What goes there, and its page to sign in at.
    pub(crate) async fn begin(&self, redirect_uri: &str) -> Outcome<(NewSignIn, String)> {
        let metadata = self.discovery.get(&self.config, &self.http).await?;
        if metadata.token_endpoint().is_none() {
            return Err(unavailable());
        }
        let client = self.client(&metadata, redirect_uri)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        // 256 random bits each.
        let state = CsrfToken::new_random_len(32);
        let nonce = Nonce::new_random_len(32);
        let (its_state, its_nonce) = (state.clone(), nonce.clone());
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || its_state, || its_nonce)
            // `openid` is asked for by itself.
            .add_scopes(
                self.config.scopes.iter().filter(|it| *it != "openid").cloned().map(Scope::new),
            )
            .set_pkce_challenge(challenge);
        let (page, ..) = request.url();
        let new = NewSignIn {
            provider: self.config.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            pkce_verifier: verifier.into_secret(),
        };
        Ok((new, page.into()))
    }
}

impl Oidc {
    /// The provider that somebody wants to go to, and come back from there.
    pub(crate) fn asked_for(&self, id: &str, redirect_uri: &str) -> Outcome<&Provider> {
        let Some(provider) = self.get(id) else {
            return Err(refuse("provider", FieldCode::UnknownReference, "names no provider"));
        };
        if !provider.config.may_redirect_to(redirect_uri) {
            let told = "is none of those that the operator has named";
            return Err(refuse("redirect_uri", FieldCode::Mismatch, told));
        }
        Ok(provider)
    }
}

fn refuse(field: &'static str, code: FieldCode, told: &'static str) -> Failure {
    let detail = format!("{field} {told}");
    Failure::new(ErrorCode::ValidationFailed, detail)
        .with_fields(vec![FieldError::new(field, code, told)])
}
