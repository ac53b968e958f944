//! What a newcomer reads after the start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the server is and what to try first, to be pasted into a shell.
pub(crate) fn text(
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    is_tls: bool,
    database: &str,
) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    let url = format!("{scheme}://{}", callable(address));
    let metrics = match metrics {
        Some(address) => format!("http://{}/metrics", callable(address)),
        None => "off".to_owned(),
    };
    format!(
        r#"
NEXO {version} listens on {url}
Database: {database}
Metrics:  {metrics}

First steps, in another shell:

  # Register: a user with an account of their own
  curl -s {url}/api/auth/register -H 'Content-Type: application/json' \
    -d '{{"email":"ada@example.com","password":"{PASSWORD}","name":"Ada","account_name":"Engines"}}'

  # Log in, and keep the access token
  TOKEN=$(curl -s {url}/api/auth/login -H 'Content-Type: application/json' \
    -d '{{"email":"ada@example.com","password":"{PASSWORD}"}}' \
    | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')

  # Create a client, then list all of them
  curl -s {url}/api/clients -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -d '{{"name":"Babbage & Sons","status":"active"}}'
  curl -s {url}/api/clients -H "Authorization: Bearer $TOKEN"

"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}

const PASSWORD: &str = "wooden engines weave numbers";

/// An address that a client on this machine can call.
pub(crate) fn callable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
