//! The address of a Redis, which may hold a password.

use std::fmt;
use std::str::FromStr;

use redis::{Client, ConnectionAddr};

/// A Redis. Printed, it has neither user nor password.
#[derive(Clone)]
pub struct RedisUrl {
    client: Client,
    place: String,
}

/// What was given is no address of a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
// Never the parser's own words: they may quote the password.
#[error(
    "expected a URL such as redis://user:password@host:6379/0, rediss://… for TLS, or \
     unix:///run/redis.sock"
)]
pub struct ParseRedisUrlError;

impl RedisUrl {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl FromStr for RedisUrl {
    type Err = ParseRedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let client = Client::open(text).map_err(|_| ParseRedisUrlError)?;
        let info = client.get_connection_info();
        let scheme = match info.addr() {
            ConnectionAddr::Tcp(..) => "redis",
            // What `#insecure` asks for is not even built in.
            ConnectionAddr::TcpTls { insecure: false, .. } => "rediss",
            ConnectionAddr::Unix(_) => "unix",
            _ => return Err(ParseRedisUrlError),
        };
        let place = format!("{scheme}://{}/{}", info.addr(), info.redis_settings().db());
        Ok(Self { client, place })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_never_print() {
        for (text, shown) in [
            ("redis://ada:s3cret@redis.example:6380/2", "redis://redis.example:6380/2"),
            ("redis://:s3cret@127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("rediss://ada:s3cret@redis.example", "rediss://redis.example:6379/0"),
            ("unix:///run/redis.sock?db=1&pass=s3cret", "unix:///run/redis.sock/1"),
        ] {
            let url: RedisUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        }
        for text in [
            "",
            "s3cret",
            "http://ada:s3cret@redis.example",
            "redis://ada:s3cret@host:port",
            "rediss://ada:s3cret@redis.example/#insecure",
        ] {
            let refused = text.parse::<RedisUrl>().expect_err(text).to_string();
            assert!(refused.contains("expected") && !refused.contains("s3cret"), "{refused}");
        }
    }
}
