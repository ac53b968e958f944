//! Which addresses providers may have, and browsers come back to.

use std::net::IpAddr;

use openidconnect::url::{Host, Url};

/// The port of a loopback address is nobody's choice before a program listens.
pub(super) fn is_same_but_for_port(named: &str, uri: &str) -> bool {
    let (Ok(mut named), Ok(mut given)) = (Url::parse(named), Url::parse(uri)) else { return false };
    // What is written another way than URLs are is not taken for the same.
    if given.as_str() != uri || !is_plain_loopback(&named) || !is_plain_loopback(&given) {
        return false;
    }
    named.set_port(None).is_ok() && given.set_port(None).is_ok() && named == given
}

pub(super) fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_open = url.scheme() == "https" || is_plain_loopback(&url);
    text.len() <= 2000
        && is_open
        && url.query().is_none()
        && url.fragment().is_none()
        && !has_user(&url)
}

pub(super) fn is_redirect(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_apps = url.scheme().contains('.');
    let is_safe = url.scheme() == "https" && !has_user(&url) || is_plain_loopback(&url) || is_apps;
    text.len() <= 2000 && is_safe && url.fragment().is_none()
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// `http://` of this machine.
pub(super) fn is_plain_loopback(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && is_here && !has_user(url)
}
