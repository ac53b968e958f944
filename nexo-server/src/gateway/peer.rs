//! Who calls: the socket's address, unless a trusted proxy says otherwise.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::config::HttpConfig;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The right-most hop that no trusted proxy stands for. Everything to its left
/// was written by the caller and proves nothing.
pub(super) fn address(config: &HttpConfig, socket: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let mut nearest = socket.ip().to_canonical();
    for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        for hop in value.to_str().unwrap_or_default().rsplit(',') {
            if !config.trusts(nearest) {
                return nearest;
            }
            let Ok(hop) = hop.trim().parse::<IpAddr>() else { return nearest };
            nearest = hop.to_canonical();
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(socket: &str, trusted: &[&str], forwarded: &[&'static str]) -> String {
        let config = HttpConfig {
            trusted_proxies: trusted.iter().map(|net| net.parse().expect("a network")).collect(),
            ..HttpConfig::default()
        };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let socket = SocketAddr::new(socket.parse().expect("an address"), 4711);
        address(&config, socket, &headers).to_string()
    }

    #[test]
    fn strangers_cannot_forge_their_address() {
        assert_eq!(seen("203.0.113.9", &[], &["1.2.3.4"]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["10.0.0.0/8"], &["1.2.3.4"]), "203.0.113.9");
    }

    #[test]
    fn the_last_untrusted_hop_counts() {
        let trusted = ["10.0.0.0/8", "::1"];
        assert_eq!(seen("10.0.0.1", &trusted, &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &trusted, &["6.6.6.6, 1.2.3.4, 10.9.9.9"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &trusted, &["6.6.6.6", "1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("::1", &trusted, &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &trusted, &["1.2.3.4, junk"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &trusted, &[]), "10.0.0.1");
    }
}
