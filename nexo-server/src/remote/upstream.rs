//! A service in other processes: which of them is asked, and what happens when
//! that one does not answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use nexo_core::model::ErrorCode;
use tokio::time::Instant;

use super::backend::{Backend, Readiness, Until, Visit};
use super::budget::Budget;
use super::connections::{SendError, Unsent};
use super::head::Head;
use super::outbound::{CallerFault, Outbound};
use crate::config::{RemoteConfig, Service, ServiceUrl};
use crate::failure::{Failure, Outcome};
use crate::gateway::X_REQUEST_LATE;

/// Backends that one request is sent to at most.
const TRIES: usize = 3;
/// A service that is awaited for so long before the request's own end has not
/// even said that it takes too long.
const LAST_MOMENT: Duration = Duration::from_millis(20);

/// A service and its backends.
#[derive(Debug)]
pub(crate) struct Upstream {
    service: Service,
    urls: Vec<ServiceUrl>,
    config: RemoteConfig,
    backends: RwLock<Arc<[Arc<Backend>]>>,
    looked_for: AtomicBool,
    budget: Budget,
    retries: AtomicU64,
}

/// What one request needs besides its head.
pub(super) struct Sending<'a> {
    pub(super) head: Head<'a>,
    pub(super) body: Outbound,
    pub(super) fault: CallerFault,
    pub(super) until: Until,
    /// Nothing changes if it is done twice.
    pub(super) is_safe: bool,
}

impl Upstream {
    pub(super) fn new(service: Service, urls: Vec<ServiceUrl>, config: RemoteConfig) -> Self {
        let backends = RwLock::new(Arc::from([]));
        let (looked_for, budget, retries) =
            (AtomicBool::new(false), Budget::new(), AtomicU64::new(0));
        Self { service, urls, config, backends, looked_for, budget, retries }
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    pub(super) fn urls(&self) -> &[ServiceUrl] {
        &self.urls
    }

    pub(crate) fn config(&self) -> &RemoteConfig {
        &self.config
    }

    /// Those that are known at the moment.
    pub(crate) fn backends(&self) -> Arc<[Arc<Backend>]> {
        self.backends.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the names were looked up, with whatever was found.
    pub(crate) fn was_looked_for(&self) -> bool {
        self.looked_for.load(Ordering::Relaxed)
    }

    pub(super) fn set_backends(&self, backends: Vec<Arc<Backend>>) {
        self.looked_for.store(true, Ordering::Relaxed);
        *self.backends.write().unwrap_or_else(PoisonError::into_inner) = backends.into();
    }

    /// How many requests were sent to another one.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Whether some process takes requests of this service.
    pub(crate) fn is_ready(&self) -> bool {
        self.backends().iter().any(|backend| backend.readiness() == Readiness::Ready)
    }

    /// Sends a request to one backend; to another one if that is certain to do
    /// no harm: nothing of it was sent, or it only reads.
    pub(super) async fn send(&self, sending: Sending<'_>) -> Outcome<(Response<Incoming>, Visit)> {
        let Sending { head, mut body, fault, until, is_safe } = sending;
        let until = match until {
            Until::Then(deadline) => Until::Then(deadline - LAST_MOMENT),
            after => after,
        };
        self.budget.earn();
        let mut tried: Vec<Arc<Backend>> = Vec::new();
        let mut last: Option<Failure> = None;
        while tried.len() < TRIES {
            let Some(backend) = self.pick(&tried) else { break };
            if !tried.is_empty() {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            let request = head.request(&backend, std::mem::replace(&mut body, Outbound::nothing()));
            tried.push(backend.clone());
            let begun = Instant::now();
            match backend.send(request, until, &fault).await {
                Ok((reply, visit)) => {
                    let is_refused = reply.status() == StatusCode::SERVICE_UNAVAILABLE
                        && !reply.headers().contains_key(X_REQUEST_LATE);
                    // Another one may have a free place, or a database.
                    if is_refused
                        && is_safe
                        && until.is_as_long_as(begun.elapsed())
                        && self.may_try_another(&tried)
                    {
                        continue;
                    }
                    return Ok((reply, visit));
                }
                Err(Unsent { request, cause }) => {
                    if let Some(code) = fault.get() {
                        return Err(Failure::of(code));
                    }
                    let may_repeat = is_safe || request.is_some();
                    tracing::debug!(service = %self.service, backend = %backend.address(), error = crate::failure::chain(&cause), "a backend has failed");
                    last = Some(failure(&cause, may_repeat));
                    let has_time = until.is_as_long_as(begun.elapsed());
                    match request {
                        // It costs nobody anything, so it is not counted.
                        Some(request) => body = request.into_body(),
                        None if is_safe && has_time && self.may_try_another(&tried) => {}
                        None => break,
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| self.nobody()))
    }

    fn nobody(&self) -> Failure {
        Failure::caused(
            ErrorCode::Unavailable,
            format!("no process of the service {} can be asked", self.service),
        )
    }

    fn may_try_another(&self, tried: &[Arc<Backend>]) -> bool {
        let is_other = |backend: &Arc<Backend>| !is_among(backend, tried) && backend.allows();
        tried.len() < TRIES
            && self.backends().iter().any(is_other)
            && self.budget.spend(Instant::now())
    }

    /// The less busy one of two that are picked at random, of those that are
    /// ready; if none is, of those that may be: they say themselves what is wrong.
    fn pick(&self, tried: &[Arc<Backend>]) -> Option<Arc<Backend>> {
        let backends = self.backends();
        let usable = |backend: &&Arc<Backend>| backend.allows() && !is_among(backend, tried);
        let is_ready = |backend: &&Arc<Backend>| {
            matches!(backend.readiness(), Readiness::Ready | Readiness::Unknown)
        };
        less_busy(backends.iter().filter(usable).filter(is_ready))
            .or_else(|| less_busy(backends.iter().filter(usable)))
            .cloned()
    }
}

fn is_among(backend: &Arc<Backend>, tried: &[Arc<Backend>]) -> bool {
    tried.iter().any(|one| Arc::ptr_eq(one, backend))
}

/// Power of two choices: nearly as good as asking all, and two processes that
/// balance do not run after the same one.
fn less_busy<'a>(
    mut candidates: impl Iterator<Item = &'a Arc<Backend>> + Clone,
) -> Option<&'a Arc<Backend>> {
    let count = candidates.clone().count();
    if count <= 1 {
        return candidates.next();
    }
    let first = fastrand::usize(..count);
    let second = (first + fastrand::usize(1..count)) % count;
    let (a, b) = (candidates.clone().nth(first)?, candidates.nth(second)?);
    Some(if b.in_flight() < a.in_flight() { b } else { a })
}

fn failure(cause: &SendError, may_repeat: bool) -> Failure {
    let code = match cause {
        SendError::Timeout => ErrorCode::Timeout,
        _ => ErrorCode::Unavailable,
    };
    let failure = Failure::caused(code, crate::failure::chain(cause));
    if may_repeat {
        failure
    } else {
        failure.with_detail(
            "the service broke off before it answered: whether it was done is not known, so look \
             before you repeat it, or repeat it with the same Idempotency-Key",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(backends: usize) -> Upstream {
        let url: ServiceUrl = "http://127.0.0.1:1".parse().expect("an address");
        let config = RemoteConfig::default();
        let made = (0..backends).map(|at| {
            let port = 1 + u16::try_from(at).expect("few");
            Arc::new(Backend::new(&url, ([127, 0, 0, 1], port).into(), &config))
        });
        let upstream = Upstream::new(Service::Crm, vec![url.clone()], config.clone());
        upstream.set_backends(made.collect());
        upstream
    }

    #[test]
    fn the_busier_of_two_is_never_picked() {
        let upstream = upstream(2);
        let busy = upstream.backends()[0].clone();
        let _visit = Visit::begin(busy.clone());
        for _ in 0..100 {
            assert!(!Arc::ptr_eq(&upstream.pick(&[]).expect("one"), &busy));
        }
    }

    #[test]
    fn who_is_not_ready_is_asked_only_if_nobody_is() {
        let upstream = upstream(3);
        let all = upstream.backends();
        all[0].probed(Readiness::NotReady);
        all[1].probed(Readiness::Away);
        for _ in 0..100 {
            assert!(Arc::ptr_eq(&upstream.pick(&[]).expect("one"), &all[2]));
        }
        assert!(!Arc::ptr_eq(&upstream.pick(&[all[2].clone()]).expect("another"), &all[2]));
        assert!(upstream.pick(&all).is_none());
    }

    #[test]
    fn load_is_spread() {
        let upstream = upstream(4);
        let visits: Vec<_> =
            (0..400).map(|_| Visit::begin(upstream.pick(&[]).expect("one"))).collect();
        for backend in upstream.backends().iter() {
            assert!((95..=105).contains(&backend.in_flight()), "{}", backend.in_flight());
        }
        drop(visits);
        assert!(upstream.backends().iter().all(|backend| backend.in_flight() == 0));
    }
}
