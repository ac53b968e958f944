//! Connections: how many there are, and how many were turned away.

use prometheus::{IntCounter, IntGauge, Opts, Registry};

/// Counts of a listener's connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    open: IntGauge,
    accepted: IntCounter,
    refused: IntCounter,
}

impl Connections {
    pub(super) fn new(registry: &Registry, most: usize) -> prometheus::Result<Self> {
        let name =
            |name: &str, help: &str| Opts::new(format!("nexo_http_connections_{name}"), help);
        let connections = Self {
            open: IntGauge::with_opts(name("open", "Connections that are open."))?,
            accepted: IntCounter::with_opts(name(
                "accepted_total",
                "Connections that were accepted and served.",
            ))?,
            refused: IntCounter::with_opts(name(
                "refused_total",
                "Connections that were closed because their caller had as many as it may.",
            ))?,
        };
        let max = IntGauge::with_opts(name("max", "The most connections; further ones wait."))?;
        max.set(i64::try_from(most).unwrap_or(i64::MAX));
        registry.register(Box::new(connections.open.clone()))?;
        registry.register(Box::new(connections.accepted.clone()))?;
        registry.register(Box::new(connections.refused.clone()))?;
        registry.register(Box::new(max))?;
        Ok(connections)
    }

    /// One is served, until what is returned is dropped.
    pub(crate) fn open(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}

/// A connection that is open.
pub(crate) struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
