//! Other processes that answer for this one.
//!
//! ```text
//! forward → upstream (which backend, how often) → backend (breaker, load) → connections → socket
//! ```
//!
//! A watch for each service resolves its names and asks its backends whether
//! they are ready. Nothing here knows what a request means.

mod backend;
mod breaker;
mod budget;
mod connections;
mod fetch;
mod forward;
mod head;
mod keys;
mod outbound;
mod upstream;
mod watch;

use std::sync::Arc;

use nexo_core::TokenVerifier;
use tokio::task::JoinSet;

use crate::config::{RemoteConfig, Service};

pub(crate) use backend::{Backend, Readiness};
pub(crate) use breaker::BreakerState;
pub(crate) use connections::LARGEST_WINDOW;
pub(crate) use fetch::fetch;
pub(crate) use forward::forward;
pub(crate) use keys::PublishedKeys;
pub(crate) use upstream::Upstream;

/// The services that other processes are asked for.
#[derive(Debug, Default)]
pub(crate) struct Remotes {
    auth: Option<Arc<Upstream>>,
    crm: Option<Arc<Upstream>>,
    keys: Option<PublishedKeys>,
}

impl Remotes {
    pub(crate) fn new(config: &RemoteConfig) -> Self {
        let upstream = |service, urls: &Vec<_>| {
            (!urls.is_empty())
                .then(|| Arc::new(Upstream::new(service, urls.clone(), config.clone())))
        };
        let (auth, crm) =
            (upstream(Service::Auth, &config.auth), upstream(Service::Crm, &config.crm));
        let keys =
            auth.clone().map(|auth| PublishedKeys::new(TokenVerifier::new(&config.issuer), auth));
        Self { auth, crm, keys }
    }

    /// Who is asked for a service that is not answered here.
    pub(crate) fn upstream(&self, service: Service) -> Option<&Arc<Upstream>> {
        match service {
            Service::Process | Service::Entry => None,
            Service::Auth => self.auth.as_ref(),
            Service::Crm => self.crm.as_ref(),
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.auth.iter().chain(&self.crm)
    }

    /// What verifies tokens that are signed elsewhere.
    pub(crate) fn keys(&self) -> Option<&PublishedKeys> {
        self.keys.as_ref()
    }

    /// Looks after the backends until dropped.
    pub(crate) fn watch(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for upstream in self.all() {
            tasks.spawn(watch::watch(upstream.clone()));
        }
        if let Some(keys) = &self.keys {
            tasks.spawn(keys.clone().watch());
        }
        tasks
    }
}
