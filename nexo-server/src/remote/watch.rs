//! Who is there: names are resolved and processes asked, again and again.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use http::Request;
use http_body_util::{BodyExt, Limited};
use tokio::select;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

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

/// Keeps the backends of a service up to date, for ever. Names are resolved beside the
/// probes: a resolver that hangs keeps nobody from being asked how they are.
pub(super) async fn watch(upstream: Arc<Upstream>) {
    let found = Notify::new();
    join(look_for(&upstream, &found), probe_all(&upstream, &found)).await;
}

/// Looks for the backends again and again.
async fn look_for(upstream: &Upstream, found: &Notify) {
    let config = upstream.config();
    loop {
        if resolve(upstream, addresses).await {
            found.notify_one();
        }
        // A service of which nobody is known is looked for as often as it would be asked.
        let is_empty = upstream.backends().is_empty();
        sleep(if is_empty { config.probe_interval } else { config.resolve_interval }).await;
    }
}

/// Asks all of them again and again, and when others are found.
async fn probe_all(upstream: &Upstream, found: &Notify) {
    let mut ticks = interval(upstream.config().probe_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent: Vec<(SocketAddr, u32)> = Vec::new();
    // Nobody is known before.
    found.notified().await;
    loop {
        select! {
            _ = ticks.tick() => {}
            () = found.notified() => {}
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

/// Looks all names up, at the same time. What cannot be looked up stays as it was. Tells
/// whether somebody else is there now.
async fn resolve(
    upstream: &Upstream,
    look_up: impl AsyncFn(&ServiceUrl) -> io::Result<Vec<SocketAddr>>,
) -> bool {
    let known = upstream.backends();
    let mut now: Vec<Arc<Backend>> = Vec::new();
    let looked_up = join_all(upstream.urls().iter().map(|url| look_up(url))).await;
    for (url, found) in upstream.urls().iter().zip(looked_up) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(service = %upstream.service(), %url, %error, "cannot resolve the name");
                let is_of_it = |backend: &&Arc<Backend>| backend.is(url, backend.address());
                now.extend(known.iter().filter(is_of_it).cloned());
                continue;
            }
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
    let is_known = |backend: &Arc<Backend>| known.iter().any(|one| Arc::ptr_eq(one, backend));
    let has_changed = now.len() != known.len() || !now.iter().all(is_known);
    upstream.set_backends(now);
    has_changed
}

async fn addresses(url: &ServiceUrl) -> io::Result<Vec<SocketAddr>> {
    match url.host().parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, url.port())]),
        Err(_) => look_up(url).await,
    }
}

/// The addresses of a name.
async fn look_up(url: &ServiceUrl) -> io::Result<Vec<SocketAddr>> {
    let found = timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host((url.host(), url.port()))).await;
    Ok(found.map_err(|_| io::ErrorKind::TimedOut)??.collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RemoteConfig, Service};

    fn upstream(urls: &[&str]) -> Upstream {
        let urls = urls.iter().map(|url| url.parse().expect("an address")).collect();
        Upstream::new(Service::Crm, urls, RemoteConfig::default())
    }

    /// What a name means by the digits at its end; `None` of a name that has none today.
    async fn means(upstream: &Upstream, today: &[(&str, Option<&[u8]>)]) -> bool {
        let look_up = async |url: &ServiceUrl| {
            let (_, found) = today.iter().find(|(name, _)| *name == url.host()).expect("a name");
            let found = found.ok_or(io::ErrorKind::NotFound)?;
            Ok(found.iter().map(|last| SocketAddr::from(([10, 0, 0, *last], url.port()))).collect())
        };
        resolve(upstream, look_up).await
    }

    fn known(upstream: &Upstream) -> Vec<(u8, bool)> {
        let told = |backend: &Arc<Backend>| {
            let IpAddr::V4(ip) = backend.address().ip() else { panic!("IPv4") };
            (ip.octets()[3], backend.readiness() == Readiness::Ready)
        };
        upstream.backends().iter().map(told).collect()
    }

    #[tokio::test]
    async fn a_name_that_means_others_now_has_others() {
        let upstream = upstream(&["http://crm.test:4002"]);
        assert!(means(&upstream, &[("crm.test", Some(&[1, 2]))]).await, "somebody is there");
        upstream.backends().iter().for_each(|backend| backend.probed(Readiness::Ready));
        assert!(
            !means(&upstream, &[("crm.test", Some(&[2, 1, 1]))]).await,
            "the same, in any order"
        );
        assert!(means(&upstream, &[("crm.test", Some(&[3, 2]))]).await);
        // What is known of who stays is kept, and of the new one nothing is known.
        assert_eq!(known(&upstream), [(3, false), (2, true)]);
        assert!(means(&upstream, &[("crm.test", Some(&[]))]).await, "a name may have nobody");
        assert_eq!(known(&upstream), []);
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_means_what_it_did() {
        let upstream = upstream(&["http://one.test:4002", "http://two.test:4002"]);
        assert!(means(&upstream, &[("one.test", Some(&[1])), ("two.test", Some(&[2]))]).await);
        upstream.backends().iter().for_each(|backend| backend.probed(Readiness::Ready));
        assert!(means(&upstream, &[("one.test", None), ("two.test", Some(&[3]))]).await);
        assert_eq!(known(&upstream), [(1, true), (3, false)]);
        assert!(!means(&upstream, &[("one.test", None), ("two.test", None)]).await);
        assert_eq!(known(&upstream).len(), 2);
    }
}
