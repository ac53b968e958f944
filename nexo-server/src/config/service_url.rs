//! Where a service is.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Http1,
    /// HTTP/2 without TLS, known beforehand.
    H2c,
}

/// Where a service is: `http://crm.internal:4002`, or `h2c://…` for HTTP/2. A
/// name that has several addresses means all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl {
    protocol: Protocol,
    host: String,
    port: u16,
}

/// What was given is no address of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected addresses such as http://crm.internal:4002 or h2c://10.0.0.7:4002, without a path"
)]
pub struct ParseServiceUrlError;

impl ServiceUrl {
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The name or address, without brackets.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What requests have as their `Host`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for ServiceUrl {
    type Err = ParseServiceUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(ParseServiceUrlError)?;
        let protocol = match scheme {
            "http" => Protocol::Http1,
            "h2c" => Protocol::H2c,
            _ => return Err(ParseServiceUrlError),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: Authority = rest.parse().map_err(|_| ParseServiceUrlError)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(ParseServiceUrlError);
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if !has_port => 80,
            _ => return Err(ParseServiceUrlError),
        };
        Ok(Self { protocol, host: authority.host().to_owned(), port })
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http1 => "http",
            Protocol::H2c => "h2c",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_services() {
        let parsed = |text: &str| text.parse::<ServiceUrl>().map(|url| url.to_string());
        assert_eq!(parsed("http://crm:4002").as_deref(), Ok("http://crm:4002"));
        assert_eq!(parsed("h2c://10.0.0.7:4002/").as_deref(), Ok("h2c://10.0.0.7:4002"));
        assert_eq!(parsed("http://[::1]:4002").as_deref(), Ok("http://[::1]:4002"));
        assert_eq!(parsed("http://crm").as_deref(), Ok("http://crm:80"));
        let v6: ServiceUrl = "http://[::1]:4002".parse().expect("an address");
        assert_eq!((v6.host(), v6.authority().as_str()), ("::1", "[::1]:4002"));
        for wrong in [
            "",
            "crm:4002",
            "https://crm",
            "http://",
            "http://u:p@crm:1",
            "http://crm:0",
            "http://crm/x",
            "http://crm:x",
        ] {
            assert_eq!(wrong.parse::<ServiceUrl>(), Err(ParseServiceUrlError), "{wrong}");
        }
    }
}
