//! What the limits on traffic did, and how the processes behind a gateway are.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::family::{counter, gauge};
use crate::remote::{Backend, BreakerState, Readiness, Upstream};
use crate::traffic::{RateLimitKind, TrafficCounters};

pub(super) fn of_traffic(
    counters: &TrafficCounters,
    most_in_flight: Option<usize>,
) -> Vec<MetricFamily> {
    let kinds = RateLimitKind::ALL.map(|kind| ([("kind", kind.as_str())], counters.limited(kind)));
    let one = |value: f64| [(&[][..], value)];
    let mut families = vec![
        counter(
            "nexo_rate_limited_total",
            "Requests that a rate limit refused.",
            kinds.iter().map(|(labels, count)| (&labels[..], *count as f64)),
        ),
        counter(
            "nexo_rate_limit_allowed_total",
            "Requests that were within every rate limit.",
            one(counters.allowed() as f64),
        ),
        counter(
            "nexo_requests_shed_total",
            "Requests that were refused because as many as allowed were in flight.",
            one(counters.shed() as f64),
        ),
        counter(
            "nexo_redis_errors_total",
            "Requests that Redis should have counted and did not.",
            one(counters.redis_errors() as f64),
        ),
    ];
    families.push(gauge(
        "nexo_http_places_taken",
        "Requests with a place: without probes, and exports until they are written.",
        one(counters.in_flight() as f64),
    ));
    if let Some(most) = most_in_flight {
        families.push(gauge(
            "nexo_http_places_max",
            "The most places; beyond it requests are shed.",
            one(most as f64),
        ));
    }
    // Without one there is nothing to be told of it.
    if counters.has_redis() {
        let answers = f64::from(u8::from(counters.redis_answers()));
        families.push(gauge("nexo_redis_up", "Whether Redis counts requests.", one(answers)));
    }
    families
}

pub(super) fn of_backends(upstreams: &[Arc<Upstream>]) -> Vec<MetricFamily> {
    let backends: Vec<(Arc<Backend>, String, String)> = upstreams
        .iter()
        .flat_map(|upstream| {
            let service = upstream.service().to_string();
            let backends = upstream.backends();
            let named = backends
                .iter()
                .map(|backend| (backend.clone(), service.clone(), backend.address().to_string()));
            named.collect::<Vec<_>>()
        })
        .collect();
    let labels: Vec<_> = backends
        .iter()
        .map(|(_, service, address)| [("service", service.as_str()), ("backend", address)])
        .collect();
    let each = |read: fn(&Backend) -> f64| {
        let samples = backends.iter().zip(&labels);
        samples.map(move |((backend, ..), labels)| (&labels[..], read(backend)))
    };
    let services: Vec<_> = upstreams
        .iter()
        .map(|upstream| (upstream.service().to_string(), upstream.retries()))
        .collect();
    let services: Vec<_> = services
        .iter()
        .map(|(service, retries)| ([("service", service.as_str())], retries))
        .collect();
    vec![
        gauge(
            "nexo_backend_breaker_state",
            "The circuit breaker of a process that requests are handed to: 0 closed, 1 half-open, 2 open.",
            each(|backend| match backend.breaker_state() {
                BreakerState::Closed => 0.0,
                BreakerState::HalfOpen => 1.0,
                BreakerState::Open => 2.0,
            }),
        ),
        gauge(
            "nexo_backend_ready",
            "Whether a process that requests are handed to says that it is ready.",
            each(|backend| f64::from(u8::from(backend.readiness() == Readiness::Ready))),
        ),
        gauge(
            "nexo_backend_requests_in_flight",
            "Requests that a process has at the moment.",
            each(|backend| backend.in_flight() as f64),
        ),
        counter(
            "nexo_backend_failures_total",
            "Requests that a process did not answer.",
            each(|backend| backend.failures() as f64),
        ),
        counter(
            "nexo_service_retries_total",
            "Requests that were sent to another process of a service.",
            services.iter().map(|(labels, retries)| (&labels[..], **retries as f64)),
        ),
    ]
}
