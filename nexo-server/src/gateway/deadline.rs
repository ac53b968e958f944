//! How long a request may take: as long as the server permits, or as long as a
//! gateway in front still waits.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use nexo_core::model::ErrorCode;

use crate::config::HttpConfig;
use crate::failure::Failure;
use crate::respond::Reply;

/// Milliseconds that a gateway waits for the answer. Only a trusted proxy's is
/// believed: from others it would be a way to have work begun and given up.
pub(crate) const X_REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// What a service adds to its answer to a request whose time was over, so that the gateway in
/// front does not have another one begin with it. It goes no further.
pub(crate) const X_REQUEST_LATE: HeaderName = HeaderName::from_static("x-request-late");

pub(super) fn tell(config: &HttpConfig, failure: &Failure, reply: &mut Reply) {
    if failure.code() == ErrorCode::Timeout && !config.role.is_entry() {
        reply.headers_mut().insert(X_REQUEST_LATE, HeaderValue::from_static("1"));
    }
}

pub(super) fn limit(config: &HttpConfig, socket: SocketAddr, headers: &HeaderMap) -> Duration {
    let most = config.request_timeout;
    let Some(asked) = headers.get(X_REQUEST_TIMEOUT) else { return most };
    // In front of the first of us is no gateway of ours.
    if config.role.is_entry() || !config.trusts(socket.ip()) {
        return most;
    }
    let asked = asked.to_str().ok().and_then(|asked| asked.parse().ok());
    asked.map_or(most, |asked| Duration::from_millis(asked).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_may_shorten_the_time_and_nobody_else() {
        let config = HttpConfig {
            role: crate::config::Role::Crm,
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            ..HttpConfig::default()
        };
        let limit = |socket: &str, asked: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_TIMEOUT, HeaderValue::from_static(asked));
            let socket = SocketAddr::new(socket.parse().expect("an address"), 4711);
            limit(&config, socket, &headers).as_millis()
        };
        assert_eq!(limit("10.0.0.1", "1500"), 1500);
        assert_eq!(limit("10.0.0.1", "0"), 0);
        assert_eq!(limit("203.0.113.9", "1500"), 30_000);
        for odd in ["99999999", "-1", "soon", "1e3"] {
            assert_eq!(limit("10.0.0.1", odd), 30_000, "{odd}");
        }
    }
}
