//! The address of a mail server, which may hold a password.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::{AsyncSmtpTransport, Tokio1Executor};

/// A mail server. Printed, it has neither user nor password.
#[derive(Clone)]
pub(crate) struct SmtpUrl {
    transport: AsyncSmtpTransportBuilder,
    place: String,
}

impl SmtpUrl {
    pub(crate) fn transport(&self) -> AsyncSmtpTransportBuilder {
        self.transport.clone()
    }
}

impl FromStr for SmtpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Never the parser's own words: they may quote the password.
        let wrong = || {
            "expected a URL such as smtps://user:password@mail.example.com, or \
             smtp://user:password@mail.example.com:587?tls=required"
                .to_owned()
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(wrong());
        };
        if !matches!(scheme, "smtp" | "smtps") || host.is_empty() {
            return Err(wrong());
        }
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| wrong())?;
        let must_encrypt = scheme == "smtps" || uri.query() == Some("tls=required");
        if !must_encrypt && !is_here(host) {
            return Err("letters hold secrets: expected smtps://, or ?tls=required at the end, \
                        for a mail server that is not on this machine"
                .to_owned());
        }
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self { transport, place: format!("{scheme}://{host}{port}") })
    }
}

fn is_here(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_never_print_and_never_travel_in_the_open() {
        for (text, shown) in [
            ("smtps://ada:s3cret@mail.example.com", "smtps://mail.example.com"),
            ("smtps://mail.example.com:4650", "smtps://mail.example.com:4650"),
            ("smtp://ada:s3cret@mail.example.com:587?tls=required", "smtp://mail.example.com:587"),
            ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525"),
            ("smtp://localhost", "smtp://localhost"),
            ("smtp://[::1]:2525", "smtp://[::1]:2525"),
        ] {
            let url: SmtpUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        }
        for text in [
            "",
            "mail.example.com",
            "https://mail.example.com",
            "smtp://",
            "smtp://ada:s3cret@mail.example.com",
            "smtp://ada:s3cret@mail.example.com?tls=opportunistic",
            "smtp://ada:s3cret@127.0.0.1.example.com",
        ] {
            let refused = text.parse::<SmtpUrl>().expect_err(text);
            assert!(refused.contains("expected") && !refused.contains("s3cret"), "{refused}");
        }
    }
}
