//! Requests: how many, how they ended, how long they took.
//!
//! Labels are rows of the route table, known methods and known statuses, and
//! nothing that a caller chooses, so that there is an end to them.

use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::routes::Route;

/// From what the fastest reads take to when every request has been given up.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 10.0, 30.0];

/// In order. Any other is `other`.
const STATUSES: [u16; 27] = [
    200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415,
    422, 428, 429, 431, 500, 501, 503, 507,
];

/// Of requests that no route was found for. Any other is `other`.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// What stands for a route where there is none.
const NO_ROUTE: &str = "-";

pub(crate) struct Requests {
    in_flight: IntGauge,
    abandoned: IntCounter,
    total: IntCounterVec,
    duration: HistogramVec,
    /// By the routes' numbers.
    routes: Vec<Series>,
    /// By method.
    unrouted: Vec<Series>,
}

/// What is counted of one route. Each series begins with its first request and
/// is looked up by its labels that once; afterwards, to count is to add.
struct Series {
    method: String,
    route: String,
    statuses: [OnceLock<IntCounter>; STATUSES.len() + 1],
    duration: OnceLock<Histogram>,
}

impl Series {
    fn new(method: &str, route: &str) -> Self {
        Self {
            method: method.to_owned(),
            route: route.to_owned(),
            statuses: Default::default(),
            duration: OnceLock::new(),
        }
    }
}

impl Requests {
    pub(super) fn new<'a>(
        registry: &Registry,
        routes: impl IntoIterator<Item = (&'a Method, &'a str)>,
    ) -> prometheus::Result<Self> {
        let name = |name: &str, help: &str| Opts::new(format!("nexo_http_{name}"), help);
        let requests = Self {
            in_flight: IntGauge::with_opts(name(
                "requests_in_flight",
                "Requests that are being answered.",
            ))?,
            abandoned: IntCounter::with_opts(name(
                "requests_abandoned_total",
                "Requests whose callers went away before they were answered.",
            ))?,
            total: IntCounterVec::new(
                name("requests_total", "Requests that were answered."),
                &["method", "route", "status"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::from(name(
                    "request_duration_seconds",
                    "Time from the head of a request to its reply.",
                ))
                .buckets(SECONDS.to_vec()),
                &["method", "route"],
            )?,
            routes: routes
                .into_iter()
                .map(|(method, route)| Series::new(method.as_str(), route))
                .collect(),
            unrouted: METHODS
                .iter()
                .chain(&["other"])
                .map(|method| Series::new(method, NO_ROUTE))
                .collect(),
        };
        registry.register(Box::new(requests.in_flight.clone()))?;
        registry.register(Box::new(requests.abandoned.clone()))?;
        registry.register(Box::new(requests.total.clone()))?;
        registry.register(Box::new(requests.duration.clone()))?;
        Ok(requests)
    }

    /// A request came in.
    pub(crate) fn begin(&self) -> Counted<'_> {
        self.in_flight.inc();
        Counted { requests: self, is_answered: false }
    }

    fn series(&self, method: &Method, route: Option<&Route>) -> &Series {
        match route {
            Some(route) => &self.routes[route.number()],
            None => {
                let at = METHODS.binary_search(&method.as_str()).unwrap_or(METHODS.len());
                &self.unrouted[at]
            }
        }
    }

    fn count(&self, series: &Series, status: StatusCode, took: Duration) {
        let at = STATUSES.binary_search(&status.as_u16()).unwrap_or(STATUSES.len());
        let (method, route) = (series.method.as_str(), series.route.as_str());
        let total = series.statuses[at].get_or_init(|| {
            let status = STATUSES.get(at).map_or("other".to_owned(), u16::to_string);
            self.total.with_label_values(&[method, route, &status])
        });
        total.inc();
        let duration =
            series.duration.get_or_init(|| self.duration.with_label_values(&[method, route]));
        duration.observe(took.as_secs_f64());
    }
}

/// A request that is being answered.
pub(crate) struct Counted<'a> {
    requests: &'a Requests,
    is_answered: bool,
}

impl Counted<'_> {
    /// It was answered.
    pub(crate) fn end(
        mut self,
        method: &Method,
        route: Option<&Route>,
        status: StatusCode,
        took: Duration,
    ) {
        self.is_answered = true;
        self.requests.count(self.requests.series(method, route), status, took);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.requests.in_flight.dec();
        if !self.is_answered {
            self.requests.abandoned.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order() {
        assert!(STATUSES.is_sorted() && METHODS.is_sorted());
    }

    /// P9: what callers invent is no label.
    #[test]
    fn p9_invented_methods_and_statuses_are_one_series() {
        let registry = Registry::new();
        let requests = Requests::new(&registry, []).expect("the names are good");
        for method in ["BREW", "PROPFIND", "\u{41}BC"] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            for status in [299, 499, 599] {
                let status = StatusCode::from_u16(status).expect("a status");
                requests.begin().end(&method, None, status, Duration::ZERO);
            }
        }
        drop(requests.begin());
        let families = registry.gather();
        let text = prometheus::TextEncoder::new().encode_to_string(&families).expect("text");
        let line = r#"nexo_http_requests_total{method="other",route="-",status="other"} 9"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\nnexo_http_requests_in_flight 0\n"), "{text}");
        assert!(text.contains("\nnexo_http_requests_abandoned_total 1\n"), "{text}");
    }
}
