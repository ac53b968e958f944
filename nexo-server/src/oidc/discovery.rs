//! What a provider says of itself, and its keys, for an hour.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexo_core::model::ErrorCode;
use openidconnect::core::{CoreJsonWebKeySet, CoreProviderMetadata};
use openidconnect::{DiscoveryError, IssuerUrl};
use tokio::sync::Mutex;

use super::config::ProviderConfig;
use super::http::{HttpError, ProviderHttp};
use super::uri::is_plain_loopback;
use crate::failure::{Failure, Outcome};

/// For how long a key that the provider has taken back is still good.
const AGE: Duration = Duration::from_secs(60 * 60);
/// How often tokens with unknown keys may make the keys be read again.
const RELOADS: u32 = 6;
const RELOADS_EACH: Duration = Duration::from_secs(60);

/// What is known of a provider. One caller at a time asks it; the others wait
/// for what comes of that.
#[derive(Debug, Default)]
pub(super) struct Discovery(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    found: Option<Found>,
    failed_at: Option<Instant>,
    /// Since when reloads are counted, and how many there were.
    reloads: Option<(Instant, u32)>,
}

#[derive(Debug)]
struct Found {
    metadata: Arc<CoreProviderMetadata>,
    at: Instant,
}

impl Discovery {
    /// What the provider says of itself.
    pub(super) async fn get(
        &self,
        config: &ProviderConfig,
        http: &ProviderHttp,
    ) -> Outcome<Arc<CoreProviderMetadata>> {
        let asked_at = Instant::now();
        let mut state = self.0.lock().await;
        if let Some(found) = state.found.as_ref().filter(|found| found.at.elapsed() < AGE) {
            return Ok(found.metadata.clone());
        }
        // Somebody has found out while this one waited.
        if state.failed_at.is_some_and(|at| at >= asked_at) {
            return Err(unavailable());
        }
        match discover(config, http).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                state.found = Some(Found { metadata: metadata.clone(), at: Instant::now() });
                Ok(metadata)
            }
            Err(why) => {
                state.failed_at = Some(Instant::now());
                tracing::warn!(provider = config.id, ?why, "a provider cannot be asked");
                Err(unavailable())
            }
        }
    }

    /// The same with newer keys than those that `known` has, because a token is of
    /// none of them; or `None` where there are no newer ones.
    pub(super) async fn renewed(
        &self,
        config: &ProviderConfig,
        http: &ProviderHttp,
        known: &Arc<CoreProviderMetadata>,
    ) -> Option<Arc<CoreProviderMetadata>> {
        let mut state = self.0.lock().await;
        if let Some(found) = &state.found
            && !Arc::ptr_eq(&found.metadata, known)
        {
            return Some(found.metadata.clone());
        }
        let (since, count) = match state.reloads {
            Some((since, count)) if since.elapsed() < RELOADS_EACH => (since, count),
            _ => (Instant::now(), 0),
        };
        if count >= RELOADS {
            return None;
        }
        state.reloads = Some((since, count + 1));
        let keys = CoreJsonWebKeySet::fetch_async(known.jwks_uri(), http).await;
        let keys = keys
            .inspect_err(|error| {
                let why = explain(error);
                tracing::warn!(provider = config.id, ?why, "a provider's keys cannot be read");
            })
            .ok()?;
        let metadata = Arc::new(CoreProviderMetadata::clone(known).set_jwks(keys));
        state.found = Some(Found { metadata: metadata.clone(), at: Instant::now() });
        Some(metadata)
    }
}

async fn discover(
    config: &ProviderConfig,
    http: &ProviderHttp,
) -> Result<CoreProviderMetadata, String> {
    let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|error| error.to_string())?;
    let metadata = CoreProviderMetadata::discover_async(issuer, http).await;
    let metadata = metadata.map_err(|error| explain(&error))?;
    let page = metadata.authorization_endpoint().url();
    if page.scheme() != "https" && !(config.is_here() && is_plain_loopback(page)) {
        return Err("its page to sign in at has no TLS".to_owned());
    }
    Ok(metadata)
}

/// In words of our own, but for what came of a connection.
fn explain(error: &DiscoveryError<HttpError>) -> String {
    match error {
        DiscoveryError::Request(error) => error.to_string(),
        DiscoveryError::Response(status, ..) => {
            format!("it answers with status {}, or not in JSON", status.as_u16())
        }
        DiscoveryError::Validation(_) => "it says that it is another issuer".to_owned(),
        error => match error.source() {
            Some(_) => "its answer is not that of a provider".to_owned(),
            None => error.to_string(),
        },
    }
}

pub(super) fn unavailable() -> Failure {
    Failure::of(ErrorCode::OidcUnavailable)
}
