//! How long things last, and who is asking.

use std::time::Duration;

/// How the authenticator works. The defaults are meant for production.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthConfig {
    /// `iss` and `aud` of access tokens. Servers that accept each other's
    /// tokens share it. Default: `nexo`.
    pub issuer: String,
    /// Life of an access token. Default: 10 minutes.
    pub access_ttl: Duration,
    /// A session ends when it has not been refreshed for so long. Default: 14 days.
    pub refresh_ttl: Duration,
    /// A session ends so long after the log-in at the latest. Default: 90 days.
    pub session_ttl: Duration,
    /// For so long after a refresh, the token that was used answers the same
    /// successor again: for parallel refreshes and lost replies. Default: 30 s.
    pub refresh_grace: Duration,
    /// Passwords hashed at the same time, each in 19 MiB. Default: the number
    /// of processors less one, and at least one.
    pub hash_concurrency: usize,
    /// Hashings that may wait for their turn; more are refused as overloaded.
    /// Default: 64.
    pub hash_queue: usize,
}

impl Default for AuthConfig {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            issuer: "nexo".to_owned(),
            access_ttl: Duration::from_secs(600),
            refresh_ttl: 14 * DAY,
            session_ttl: 90 * DAY,
            refresh_grace: Duration::from_secs(30),
            hash_concurrency: (processors - 1).max(1),
            hash_queue: 64,
        }
    }
}
