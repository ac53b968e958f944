//! Where a request comes from.

use std::net::IpAddr;

/// Where a request comes from: kept with a session and in the audit log, and
/// what failed log-ins are counted by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address of the caller, as far as it can be trusted.
    pub ip: Option<IpAddr>,
    /// The program that it says it is.
    pub user_agent: Option<String>,
    /// The request's name in logs.
    pub request_id: Option<String>,
}

impl Peer {
    /// The network that one caller can be expected to hold: an IPv4 address,
    /// or a /64 of IPv6.
    #[cfg(feature = "auth")]
    pub(crate) fn network(&self) -> String {
        match self.ip.map(|ip| ip.to_canonical()) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }

    pub(crate) fn ip_text(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_canonical().to_string())
    }

    /// At most 400 characters, without what PostgreSQL cannot store.
    pub(crate) fn agent_text(&self) -> Option<String> {
        plain(self.user_agent.as_deref(), 400)
    }

    /// At most 100 characters, without what PostgreSQL cannot store.
    pub(crate) fn request_text(&self) -> Option<String> {
        plain(self.request_id.as_deref(), 100)
    }
}

fn plain(text: Option<&str>, longest: usize) -> Option<String> {
    Some(text?.chars().filter(|c| !c.is_control()).take(longest).collect())
}
