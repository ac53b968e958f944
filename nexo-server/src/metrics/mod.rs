//! What the server counts of itself, in the text format of Prometheus.
//!
//! No label has a value that a caller chooses: neither accounts, nor users, nor
//! paths. A part that has something to tell gives [`Metrics::add`] a function that
//! reads it when somebody asks, or registers a collector.

mod connections;
mod core;
mod edge;
pub(crate) mod family;
mod listener;
mod requests;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::Method;
use nexo_core::{Authenticator, Database};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use crate::failure::{Failure, Outcome};
use crate::gateway::ReplyMemory;
use crate::health::State;
use crate::mail::Mailer;
use crate::remote::Upstream;
use crate::traffic::TrafficCounters;

pub(crate) use connections::Connections;
pub(crate) use listener::MetricsListener;
pub(crate) use requests::Requests;

/// Reads what it knows when somebody asks.
type Source = Box<dyn Fn() -> Vec<MetricFamily> + Send + Sync>;

pub(crate) struct Metrics {
    registry: Registry,
    sources: RwLock<Vec<Source>>,
    requests: Requests,
    connections: Connections,
}

impl Metrics {
    /// For these routes, by their numbers, and so many connections.
    pub(crate) fn new<'a>(
        routes: impl IntoIterator<Item = (&'a Method, &'a str)>,
        max_connections: usize,
    ) -> Self {
        const GOOD: &str = "the names are good, and each is there once";
        let registry = Registry::new();
        let metrics = Self {
            requests: Requests::new(&registry, routes).expect(GOOD),
            connections: Connections::new(&registry, max_connections).expect(GOOD),
            sources: RwLock::default(),
            registry,
        };
        #[cfg(target_os = "linux")]
        metrics.register(prometheus::process_collector::ProcessCollector::for_self());
        metrics.add(|| {
            let labels = [("version", env!("CARGO_PKG_VERSION"))];
            vec![family::gauge(
                "nexo_build_info",
                "What runs here; always 1.",
                [(&labels[..], 1.0)],
            )]
        });
        metrics
    }

    /// Tells what this reads, from now on.
    pub(crate) fn add(&self, source: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// Tells what this collects, from now on.
    pub(crate) fn register(&self, collector: impl Collector + 'static) {
        if let Err(error) = self.registry.register(Box::new(collector)) {
            tracing::error!(%error, "a metric cannot be told");
        }
    }

    /// Tells what the core knows of itself.
    pub(crate) fn add_core(&self, database: Database, authenticator: Option<Authenticator>) {
        self.add(move || core::of_database(&database));
        if let Some(authenticator) = authenticator {
            self.add(move || core::of_hashing(&authenticator));
        }
    }

    /// Tells what the limits on traffic do.
    pub(crate) fn add_traffic(&self, counters: TrafficCounters, most_in_flight: Option<usize>) {
        self.add(move || edge::of_traffic(&counters, most_in_flight));
    }

    /// Tells how the processes are that requests are handed to.
    pub(crate) fn add_backends(&self, upstreams: Vec<Arc<Upstream>>) {
        if !upstreams.is_empty() {
            self.add(move || edge::of_backends(&upstreams));
        }
    }

    /// Tells how much room unread replies take.
    pub(crate) fn add_reply_memory(&self, memory: ReplyMemory) {
        self.add(move || {
            let (taken, most) = memory.taken();
            vec![
                family::gauge(
                    "nexo_http_reply_memory_bytes",
                    "Memory of replies that are not sent yet.",
                    [(&[][..], taken as f64)],
                ),
                family::gauge(
                    "nexo_http_reply_memory_max_bytes",
                    "The most of it; beyond it large reads are refused.",
                    [(&[][..], most as f64)],
                ),
            ]
        });
    }

    /// Tells how many letters wait, if any are sent.
    pub(crate) fn add_mail(&self, mailer: Option<Mailer>) {
        let Some(mailer) = mailer else { return };
        self.add(move || {
            let (waiting, most) = mailer.waiting();
            let one = |name: &str, help: &str, value: usize| {
                family::gauge(name, help, [(&[][..], value as f64)])
            };
            vec![
                one("nexo_mail_waiting_letters", "Letters that wait to be sent.", waiting),
                one("nexo_mail_waiting_letters_max", "The most letters that may wait.", most),
            ]
        });
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// All of it, and how the services are.
    pub(crate) fn text(
        &self,
        is_ready: bool,
        services: &[(&'static str, State)],
    ) -> Outcome<String> {
        let mut families = self.registry.gather();
        for source in self.sources.read().unwrap_or_else(PoisonError::into_inner).iter() {
            families.extend(source());
        }
        let labels: Vec<_> = services.iter().map(|(name, _)| [("service", *name)]).collect();
        let up = services.iter().zip(&labels);
        families.push(family::gauge(
            "nexo_service_up",
            "Whether a service answers.",
            up.map(|((_, state), labels)| (&labels[..], f64::from(u8::from(state.is_ok())))),
        ));
        families.push(family::gauge(
            "nexo_ready",
            "Whether the server takes requests: it is started, has its database, and does not stop.",
            [(&[][..], f64::from(u8::from(is_ready)))],
        ));
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        TextEncoder::new().encode_to_string(&families).map_err(Failure::internal)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
