//! One process that a service is made of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

use super::breaker::{Breaker, BreakerState};
use super::connections::{Connections, Lease, SendError, Unsent};
use super::outbound::{CallerFault, Outbound};
use crate::config::{Protocol, RemoteConfig, ServiceUrl};

/// An address, with what is known of who is there.
#[derive(Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    protocol: Protocol,
    authority: String,
    host: HeaderValue,
    connections: Connections,
    breaker: Breaker,
    readiness: AtomicU8,
    in_flight: AtomicUsize,
    failures: AtomicU64,
}

/// What its `/ready` said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It was not asked yet.
    Unknown = 0,
    /// It takes requests.
    Ready = 1,
    /// It answers, and wants none: it drains, or has no database.
    NotReady = 2,
    /// It does not answer.
    Away = 3,
}

impl Backend {
    pub(super) fn new(url: &ServiceUrl, address: SocketAddr, config: &RemoteConfig) -> Self {
        let (connect, idle) = (config.connect_timeout, config.idle_timeout);
        let authority = url.authority();
        Self {
            address,
            protocol: url.protocol(),
            host: HeaderValue::try_from(&authority).expect("an authority is header text"),
            authority,
            connections: Connections::new(address, url.protocol(), connect, idle),
            breaker: Breaker::new(config.breaker_failures, config.breaker_pause),
            readiness: AtomicU8::new(Readiness::Unknown as u8),
            in_flight: AtomicUsize::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Whether this is what is at the address.
    pub(super) fn is(&self, url: &ServiceUrl, address: SocketAddr) -> bool {
        self.address == address
            && self.protocol == url.protocol()
            && self.authority == url.authority()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    pub(crate) fn readiness(&self) -> Readiness {
        match self.readiness.load(Ordering::Relaxed) {
            0 => Readiness::Unknown,
            1 => Readiness::Ready,
            2 => Readiness::NotReady,
            _ => Readiness::Away,
        }
    }

    /// Notes what a probe found. One that is ready again needs no request to be
    /// found out by; one that was ready all the while, and failed its requests, does.
    pub(super) fn probed(&self, found: Readiness) {
        let before = self.readiness();
        self.readiness.store(found as u8, Ordering::Relaxed);
        if found != before {
            if found == Readiness::Ready {
                self.breaker.close();
            }
            tracing::info!(backend = %self.address, readiness = ?found, "a backend has changed");
        }
    }

    pub(crate) fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }

    pub(super) fn allows(&self) -> bool {
        self.breaker.allows(Instant::now())
    }

    /// How many requests it has at the moment.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many requests it did not answer.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Sends a request, if the breaker lets it. What the caller's own body was
    /// the cause of says nothing of the backend.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: Request<Outbound>,
        until: Until,
        fault: &CallerFault,
    ) -> Result<(Response<Incoming>, Visit), Unsent> {
        let Some(leave) = self.breaker.enter(Instant::now()) else {
            return Err(Unsent { request: Some(request), cause: SendError::BreakerOpen });
        };
        let visit = Visit::begin(self.clone());
        let sending = self.connections.send(request);
        let late = async {
            match until {
                Until::Then(deadline) => sleep_until(deadline).await,
                Until::Stalled(patience) => fault.stalled(patience).await,
            }
        };
        let sent = tokio::select! {
            sent = sending => sent,
            () = late => {
                fault.ran_out();
                Err(Unsent { request: None, cause: SendError::Timeout })
            }
        };
        match sent {
            Ok((reply, lease)) => {
                leave.succeeded();
                Ok((reply, visit.with(lease)))
            }
            Err(failed) => {
                if matches!(failed.cause, SendError::Stream(_)) {
                    leave.succeeded();
                } else if fault.get().is_none() {
                    leave.failed(Instant::now());
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
                Err(failed)
            }
        }
    }

    /// A request that is not a caller's, and says nothing to the breaker.
    pub(super) async fn ask(
        &self,
        request: Request<Outbound>,
    ) -> Result<(Response<Incoming>, Lease), Unsent> {
        self.connections.send(request).await
    }

    pub(super) fn give_back(&self, lease: Lease) {
        self.connections.give_back(lease);
    }
}

/// How long an answer is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Then(Instant),
    /// For so long after a piece of the body was handed on, however many there are.
    Stalled(Duration),
}

impl Until {
    /// Whether another one has as much time left as the last one took: with less it would
    /// be late without being slow.
    pub(super) fn is_as_long_as(self, took: Duration) -> bool {
        match self {
            Self::Then(deadline) => deadline.saturating_duration_since(Instant::now()) >= took,
            Self::Stalled(_) => true,
        }
    }
}

/// One request to a backend, counted until its reply is read.
#[derive(Debug)]
pub(super) struct Visit {
    backend: Arc<Backend>,
    lease: Option<Lease>,
}

impl Visit {
    pub(super) fn begin(backend: Arc<Backend>) -> Self {
        backend.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { backend, lease: None }
    }

    fn with(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The whole reply was read: the connection is good for another one.
    pub(super) fn end(mut self) {
        if let Some(lease) = self.lease.take() {
            self.backend.connections.give_back(lease);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.backend.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
