//! Whose requests are counted together.

use std::net::IpAddr;

use nexo_core::TenantScope;

use super::shares::caller;

/// What a rate limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateLimitKind {
    /// All requests of an address (IPv6: of a /64).
    Ip,
    /// Its requests to routes that take credentials.
    Credentials,
    /// The requests of a user, by the sessions that they have.
    User,
    /// The requests by an API key.
    ApiKey,
}

impl RateLimitKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Ip, Self::Credentials, Self::User, Self::ApiKey];

    /// Its name, in snake_case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Credentials => "credentials",
            Self::User => "user",
            Self::ApiKey => "api_key",
        }
    }
}

/// One of those who are counted. It is made of an address that was seen, or of a
/// scope, and thus of what was verified: never of what a caller claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: RateLimitKind,
    pub(super) id: u128,
}

impl Key {
    pub(super) fn of_address(kind: RateLimitKind, ip: IpAddr) -> Self {
        let id = match caller(ip) {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        Self { kind, id }
    }

    /// None of a system scope, which nobody calls by.
    pub(super) fn of_scope(scope: &TenantScope) -> Option<Self> {
        let key = scope.key_id().map(|key| (RateLimitKind::ApiKey, key.as_uuid().as_u128()));
        let user = || scope.user_id().map(|user| (RateLimitKind::User, user.as_uuid().as_u128()));
        key.or_else(user).map(|(kind, id)| Self { kind, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h4_a_64_is_one_caller() {
        let key =
            |text: &str| Key::of_address(RateLimitKind::Ip, text.parse().expect("an address"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:0:0:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("203.0.113.9"), key("::ffff:203.0.113.9"));
        assert_ne!(key("203.0.113.9"), key("203.0.113.8"));
    }
}
