//! Values that settings are made of, and how they are written.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::uri::Authority;
use lettre::message::Mailbox;

/// An origin as browsers send it: `https://app.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// What was given is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one origin, such as https://app.example.com, without a path; `*` is not allowed")]
pub struct ParseOriginError;

impl Origin {
    /// The origin, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| !host.contains(['@', '*']) && host.parse::<Authority>().is_ok();
        if host.is_some_and(is_host) { Ok(Self(text)) } else { Err(ParseOriginError) }
    }
}

/// An address or a range of them: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What was given is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or a network, such as 10.0.0.0/8 or ::1")]
pub struct ParseNetworkError;

impl Network {
    /// Whether the address lies in this network. An IPv4 address written as
    /// IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let hidden = 32 - u32::from(self.prefix);
                let difference = network.to_bits() ^ address.to_bits();
                difference.checked_shr(hidden).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let hidden = 128 - u32::from(self.prefix);
                let difference = network.to_bits() ^ address.to_bits();
                difference.checked_shr(hidden).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| ParseNetworkError)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| ParseNetworkError)?,
            None => longest,
        };
        if prefix > longest { Err(ParseNetworkError) } else { Ok(Self { address, prefix }) }
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an IP address and a port, such as 127.0.0.1:4000 or [::]:4000".to_owned()
    })
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

pub(super) fn name(text: &str) -> Result<String, String> {
    let fits = (1..=200).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("expected 1 to 200 characters".to_owned()) }
}

/// A number with a unit: `500ms`, `30s`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let in_unit = |number: u64| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    };
    let day = Duration::from_secs(24 * 3600);
    let duration = number.parse().ok().and_then(in_unit).filter(|duration| *duration <= day);
    duration.ok_or_else(|| {
        "expected a duration of up to a day, such as 500ms, 30s, 5m or 1h".to_owned()
    })
}

/// A duration in which something must be able to happen.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration above zero, such as 500ms, 30s or 5m".to_owned())
}

/// A count that makes sense: from 1 to 100,000.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    number.ok_or_else(|| "expected a number from 1 to 100000".to_owned())
}

/// A sender of mail.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "expected an address such as NEXO <crm@example.com>".to_owned())
}

/// The address of pages, without a slash at its end.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    let wrong = || "expected a URL such as https://crm.example.com".to_owned();
    let url: http::Uri = text.parse().map_err(|_| wrong())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
    let has_user = url.authority().is_none_or(|authority| authority.as_str().contains('@'));
    if !is_web || has_user || text.contains('#') {
        return Err(wrong());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        let parsed: Origin = "https://App.example.com:8443".parse().expect("an origin");
        assert_eq!(parsed.as_str(), "https://app.example.com:8443");
        for wrong in ["*", "null", "app.example.com", "https://", "https://a/", "https://*.a.com"] {
            assert_eq!(wrong.parse::<Origin>(), Err(ParseOriginError), "{wrong}");
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().expect("a network");
            network.contains(address.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.1", "10.0.0.1") && !holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.7") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && holds("::/0", "::1"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "host"] {
            assert_eq!(wrong.parse::<Network>(), Err(ParseNetworkError), "{wrong}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for wrong in ["", "30", "s", "-1s", "1.5s", "30 s", "25h", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(timeout("0s").is_err());
    }
}
