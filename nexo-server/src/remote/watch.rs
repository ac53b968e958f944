//! Who is there: names are resolved and processes asked, again and again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::backend::{Backend, Readiness};
use super::head;
use super::outbound::Outbound;
use super::upstream::Upstream;
use crate::config::ServiceUrl;

/// How long a process may take to say that it is ready: its own ping of the
/// database has a second.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long a name may take to be resolved.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);
/// So many probes in a row that nobody answered, and a backend is away.
const PROBES: u32 = 2;
/// A reply to a question of the gateway's own has at most so many bytes.
const MOST: usize = 64 * 1024;

/// Keeps the backends of a service up to date, for ever.
pub(super) async fn watch(upstream: Arc<Upstream>) {
    let config = upstream.config().clone();
    let mut ticks = interval(config.probe_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resolved: Option<Instant> = None;
    let mut silent: Vec<(SocketAddr, u32)> = Vec::new();
    loop {
        ticks.tick().await;
        let is_due = resolved.is_none_or(|at| at.elapsed() >= config.resolve_interval);
        // A service of which nobody is known is looked for each time.
        if is_due || upstream.backends().is_empty() {
            resolve(&upstream).await;
            resolved = Some(Instant::now());
        }
        let backends = upstream.backends();
        let probes = join_all(backends.iter().map(|backend| probe(backend))).await;
        let mut still_silent = Vec::new();
        for (backend, found) in backends.iter().zip(probes) {
            if let Some(found) = found {
                backend.probed(found);
                continue;
            }
            let before = silent.iter().find(|(address, _)| *address == backend.address());
            let times = before.map_or(0, |(_, times)| *times) + 1;
            still_silent.push((backend.address(), times));
            if times >= PROBES || backend.readiness() == Readiness::Unknown {
                backend.probed(Readiness::Away);
            }
        }
        silent = still_silent;
    }
}

/// Looks all names up. What cannot be looked up stays as it was.
async fn resolve(upstream: &Upstream) {
    let known = upstream.backends();
    let mut now: Vec<Arc<Backend>> = Vec::new();
    for url in upstream.urls() {
        let found: Vec<SocketAddr> = match url.host().parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, url.port())],
            Err(_) => match look_up(url).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(service = %upstream.service(), %url, %error, "cannot resolve the name");
                    let is_of_it = |backend: &&Arc<Backend>| backend.is(url, backend.address());
                    now.extend(known.iter().filter(is_of_it).cloned());
                    continue;
                }
            },
        };
        for address in found {
            if now.iter().any(|backend| backend.address() == address) {
                continue;
            }
            let backend = known.iter().find(|backend| backend.is(url, address)).cloned();
            now.push(backend.unwrap_or_else(|| {
                tracing::info!(service = %upstream.service(), backend = %address, "found a backend");
                Arc::new(Backend::new(url, address, upstream.config()))
            }));
        }
    }
    upstream.set_backends(now);
}

/// The addresses of a name. A resolver that hangs must not keep processes from being
/// asked how they are.
async fn look_up(url: &ServiceUrl) -> std::io::Result<Vec<SocketAddr>> {
    let found = timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host((url.host(), url.port()))).await;
    Ok(found.map_err(|_| std::io::ErrorKind::TimedOut)??.collect())
}

/// What a process says of itself; none if it says nothing.
async fn probe(backend: &Backend) -> Option<Readiness> {
    let (status, _) = ask(backend, "/ready").await?;
    Some(if status.is_success() { Readiness::Ready } else { Readiness::NotReady })
}

/// Asks a backend something on the gateway's own account.
pub(super) async fn ask(
    backend: &Backend,
    path: &'static str,
) -> Option<(http::StatusCode, bytes::Bytes)> {
    let mut request = Request::new(Outbound::nothing());
    let target = http::uri::PathAndQuery::from_static(path);
    head::address(&mut request, backend, Some(target));
    let asking = async {
        let (reply, lease) = backend.ask(request).await.ok()?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), MOST).collect().await.ok()?;
        backend.give_back(lease);
        Some((status, body.to_bytes()))
    };
    timeout(PROBE_TIMEOUT, asking).await.ok().flatten()
}
