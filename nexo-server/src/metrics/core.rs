//! What the core tells of itself: pools, PostgreSQL's answers, passwords.

use nexo_core::{Authenticator, Database, PoolCount};
use prometheus::proto::MetricFamily;

use super::family::{counter, gauge, histogram};

pub(super) fn of_database(database: &Database) -> Vec<MetricFamily> {
    let pools = database.pools();
    let labels: Vec<_> = pools.iter().map(|pool| [("pool", pool.name)]).collect();
    let of_pools = |name: &str, help: &str, read: fn(&PoolCount) -> usize| {
        let samples = pools.iter().zip(&labels);
        gauge(name, help, samples.map(|(pool, labels)| (&labels[..], read(pool) as f64)))
    };
    let latencies = database.latencies();
    let roles: Vec<_> = latencies.iter().map(|(role, _)| [("role", *role)]).collect();
    let latencies = latencies.into_iter().zip(&roles);
    vec![
        of_pools("nexo_db_pool_max_connections", "The most connections of a pool.", |p| p.most),
        of_pools("nexo_db_pool_open_connections", "Connections to PostgreSQL.", |p| p.open),
        of_pools("nexo_db_pool_idle_connections", "Open ones that nobody uses.", |p| p.idle),
        of_pools("nexo_db_pool_waiting", "Requests that wait for a connection.", |p| p.waiting),
        histogram(
            "nexo_db_flush_duration_seconds",
            "Time from sending statements that travel together to PostgreSQL's last answer.",
            latencies.map(|((_, latency), labels)| (&labels[..], latency)),
        ),
    ]
}

pub(super) fn of_hashing(authenticator: &Authenticator) -> Vec<MetricFamily> {
    let hashing = authenticator.hashing();
    let one = |name: &str, help: &str, value: usize| gauge(name, help, [(&[][..], value as f64)]);
    vec![
        one("nexo_password_hashing_running", "Passwords that are being hashed.", hashing.running),
        one(
            "nexo_password_hashing_waiting",
            "Passwords that wait for their turn.",
            hashing.waiting,
        ),
        one(
            "nexo_password_hashing_waiting_max",
            "The most passwords that may wait; more are refused.",
            hashing.most_waiting,
        ),
        counter(
            "nexo_password_hashing_refused_total",
            "Log-ins and new passwords that were refused because too many waited.",
            [(&[][..], hashing.refused as f64)],
        ),
    ]
}
