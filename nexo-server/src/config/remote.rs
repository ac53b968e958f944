//! How other processes are called.

use std::time::Duration;

use super::service_url::ServiceUrl;

/// How other processes are called.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// Where the authentication service is.
    pub auth: Vec<ServiceUrl>,
    /// Where the CRM service is.
    pub crm: Vec<ServiceUrl>,
    /// `iss` of the tokens that the authentication service signs.
    pub issuer: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How often each process is asked whether it is ready.
    pub probe_interval: Duration,
    /// How often names are resolved again.
    pub resolve_interval: Duration,
    /// How long a connection is kept that nobody uses: less than what the other
    /// side waits.
    pub idle_timeout: Duration,
    /// So many failures in a row open a process's circuit breaker.
    pub breaker_failures: u32,
    /// How long it stays open at first; twice as long after each probe that
    /// failed, and at most sixteen times.
    pub breaker_pause: Duration,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            auth: Vec::new(),
            crm: Vec::new(),
            issuer: "nexo".to_owned(),
            connect_timeout: Duration::from_secs(1),
            probe_interval: Duration::from_secs(1),
            resolve_interval: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(1),
        }
    }
}
