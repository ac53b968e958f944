//! Signing in through OpenID Connect providers: what is spoken with them.
//!
//! Providers are the operator's choice alone. Whoever could name one for an
//! account could sign in as its users.

mod config;
mod discovery;
mod http;
mod provider;
mod reply;
mod uri;

use nexo_core::model::{ErrorCode, SignInProvider, SignInProviders};

use crate::failure::{Failure, Outcome};

pub(crate) use config::read_file;
pub use config::{OidcConfigError, OidcProviders};
pub(crate) use provider::Provider;
pub(crate) use reply::{Brought, settle};

/// The providers of a server.
#[derive(Debug, Default)]
pub(crate) struct Oidc {
    providers: Vec<Provider>,
}

impl Oidc {
    /// Asks none of them anything yet: a provider that is away must not keep the
    /// server from starting.
    pub(crate) fn new(providers: OidcProviders) -> Self {
        Self { providers: providers.into_inner().into_iter().map(Provider::new).collect() }
    }

    /// What callers are told of them.
    pub(crate) fn list(&self) -> SignInProviders {
        let told = |provider: &Provider| SignInProvider {
            id: provider.config().id.clone(),
            name: provider.config().name.clone(),
        };
        SignInProviders { data: self.providers.iter().map(told).collect() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.config().id == id)
    }

    /// The provider of a sign-in that was begun; the operator may have taken it away.
    pub(crate) fn begun_at(&self, id: &str) -> Outcome<&Provider> {
        self.get(id).ok_or_else(|| Failure::of(ErrorCode::InvalidOidcReply))
    }
}
