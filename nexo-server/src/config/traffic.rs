//! How many requests are served, to whom, and how many at a time.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::{RedisUrl, values};
use crate::traffic::Quota;

/// The rates at which requests may come, where they are counted, and how many of
/// them are served at a time. `/health` and other probes are never refused.
#[derive(Debug, Clone)]
pub struct TrafficLimits {
    /// All requests of one address (IPv6: of one /64).
    pub per_ip: Option<Quota>,
    /// Its requests to routes that take a password, a code or a token of any kind
    /// in exchange for access; they count as requests of the address, too.
    pub credentials_per_ip: Option<Quota>,
    /// The requests of one user by their sessions, and apart from them those by
    /// each API key.
    pub per_user: Option<Quota>,
    /// Where to count for several servers together. Without it each one counts for
    /// itself, and of two a caller has twice the rates.
    pub redis: Option<RedisUrl>,
    /// How long Redis may take to count a request.
    pub redis_timeout: Duration,
    /// What becomes of requests that Redis does not count.
    pub on_redis_failure: OnRedisFailure,
    /// The most requests in flight; further ones are refused as `overloaded`.
    pub max_in_flight: Option<usize>,
}

/// What becomes of requests while Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRedisFailure {
    /// They are served, and each server counts for itself meanwhile.
    Open,
    /// They are refused as `unavailable`.
    Closed,
}

impl TrafficLimits {
    /// Everything may come, as often as it likes.
    #[must_use]
    pub fn off() -> Self {
        Self {
            per_ip: None,
            credentials_per_ip: None,
            per_user: None,
            max_in_flight: None,
            ..Self::default()
        }
    }
}

impl Default for TrafficLimits {
    fn default() -> Self {
        Self {
            per_ip: Some(Quota::of_seconds(100, 60)),
            credentials_per_ip: Some(Quota::of_seconds(20, 60)),
            per_user: Some(Quota::of_seconds(600, 60)),
            redis: None,
            redis_timeout: Duration::from_millis(100),
            on_redis_failure: OnRedisFailure::Open,
            max_in_flight: Some(512),
        }
    }
}

/// The flags of it.
#[derive(Debug, Args)]
pub(crate) struct TrafficArgs {
    /// Most requests of one address (IPv6: of one /64) in a time, or off
    #[arg(
        long, env = "NEXO_RATE_LIMIT", value_name = "QUOTA", default_value = "100/60s",
        default_value_ifs = [("role", "auth", "off"), ("role", "crm", "off")]
    )]
    rate_limit: OrOff<Quota>,

    /// Most of them with passwords, codes and refresh tokens, or off
    #[arg(
        long, env = "NEXO_RATE_LIMIT_AUTH", value_name = "QUOTA", default_value = "20/60s",
        default_value_ifs = [("role", "auth", "off"), ("role", "crm", "off")]
    )]
    rate_limit_auth: OrOff<Quota>,

    /// Most requests of one user, and of one API key, wherever they come from, or off
    #[arg(long, env = "NEXO_RATE_LIMIT_USER", value_name = "QUOTA", default_value = "600/60s")]
    rate_limit_user: OrOff<Quota>,

    /// Redis in which several servers count together (rediss:// for TLS); without it each counts for itself
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<RedisUrl>,

    /// Time for Redis to count a request
    #[arg(
        long, env = "NEXO_REDIS_TIMEOUT", value_name = "DURATION", default_value = "100ms",
        value_parser = values::timeout
    )]
    redis_timeout: Duration,

    /// While Redis does not answer: open lets each server count for itself, closed refuses with 503
    #[arg(
        long,
        env = "NEXO_RATE_LIMIT_ON_REDIS_FAILURE",
        value_name = "POLICY",
        default_value = "open", value_parser = policy
    )]
    rate_limit_on_redis_failure: OnRedisFailure,

    /// Most requests in flight, or off; further ones are refused at once with 503, probes never
    #[arg(long, env = "NEXO_MAX_IN_FLIGHT", value_name = "COUNT", default_value = "512")]
    max_in_flight: OrOff<Count>,
}

impl TrafficArgs {
    pub(super) fn limits(&self) -> TrafficLimits {
        TrafficLimits {
            per_ip: self.rate_limit.0,
            credentials_per_ip: self.rate_limit_auth.0,
            per_user: self.rate_limit_user.0,
            redis: self.redis_url.clone(),
            redis_timeout: self.redis_timeout,
            on_redis_failure: self.rate_limit_on_redis_failure,
            max_in_flight: self.max_in_flight.0.map(|Count(count)| count),
        }
    }
}

fn policy(text: &str) -> Result<OnRedisFailure, String> {
    match text.to_ascii_lowercase().as_str() {
        "open" => Ok(OnRedisFailure::Open),
        "closed" => Ok(OnRedisFailure::Closed),
        _ => Err("expected open or closed".to_owned()),
    }
}

/// A limit that can be taken away.
#[derive(Debug, Clone, Copy)]
struct OrOff<T>(Option<T>);

impl<T: FromStr> FromStr for OrOff<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.eq_ignore_ascii_case("off") {
            Ok(Self(None))
        } else {
            text.parse().map(Some).map(Self)
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Count(usize);

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        values::count(text).map(Self).map_err(|expected| format!("{expected}, or off"))
    }
}
