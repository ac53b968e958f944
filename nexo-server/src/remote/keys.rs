//! The keys that verify access tokens, from the service that signs them.

use std::sync::Arc;
use std::time::Duration;

use nexo_core::{Database, TenantScope, TokenVerifier};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::upstream::Upstream;
use super::watch::ask;
use crate::failure::Outcome;

/// The time within which every process knows of a new or a retired key.
const AGE: Duration = Duration::from_secs(60);
/// How often an unknown key may make them be fetched: whoever invents keys must
/// not be able to keep the service busy.
const PAUSE: Duration = Duration::from_secs(5);
/// How soon they are asked for again while there are none.
const AGAIN: Duration = Duration::from_millis(250);

/// Verifies tokens with published keys.
#[derive(Debug, Clone)]
pub(crate) struct PublishedKeys {
    verifier: TokenVerifier,
    upstream: Arc<Upstream>,
    fetched: Arc<Mutex<Option<Instant>>>,
}

impl PublishedKeys {
    pub(super) fn new(verifier: TokenVerifier, upstream: Arc<Upstream>) -> Self {
        Self { verifier, upstream, fetched: Arc::default() }
    }

    /// The same keys, and API keys are looked up there.
    pub(crate) fn with_api_keys(&self, database: &Database) -> Self {
        Self { verifier: self.verifier.with_api_keys(database), ..self.clone() }
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.verifier.has_keys()
    }

    /// The scope of a token.
    pub(crate) async fn verify(&self, token: &str) -> Outcome<TenantScope> {
        if let Some(scope) = self.verifier.recall(token) {
            return Ok(scope);
        }
        if self.verifier.lacks_key_of(token) {
            // Seldom, and large: not a part of every request's future.
            Box::pin(self.fetch_if_older_than(PAUSE)).await;
        }
        Ok(self.verifier.verify(token).await?)
    }

    /// Keeps the keys up to date, for ever.
    pub(crate) async fn watch(self) {
        loop {
            self.fetch_if_older_than(AGAIN / 2).await;
            sleep(if self.has_keys() { AGE } else { AGAIN }).await;
        }
    }

    /// One caller at a time does so, and the others wait for it.
    async fn fetch_if_older_than(&self, age: Duration) {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < age) {
            return;
        }
        for backend in self.upstream.backends().iter() {
            let Some((status, body)) = ask(backend, "/.well-known/jwks.json").await else {
                continue;
            };
            if !status.is_success() {
                continue;
            }
            let keys = serde_json::from_slice(&body).unwrap_or_default();
            match self.verifier.trust(&keys) {
                Ok(()) => {
                    *fetched = Some(Instant::now());
                    return;
                }
                Err(error) => {
                    tracing::warn!(backend = %backend.address(), %error, "no keys to verify tokens");
                }
            }
        }
        // Not with every request while nobody answers.
        *fetched = Some(Instant::now());
    }
}
