//! How a handle is put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::Nexo;
use crate::error::{Error, Result};
use crate::keeper::{Keeper, Listener};
use crate::refresh::Inner;
use crate::retry::Policy;
use crate::session::Session;
use crate::transport::Transport;

/// Puts a [`Nexo`] handle together; [`Nexo::builder`] starts one.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    url: String,
    timeout: Duration,
    retries: u32,
    user_agent: String,
    session: Option<Session>,
    api_key: Option<SecretString>,
    listener: Option<Listener>,
    http: Option<reqwest::Client>,
}

impl Builder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            // A little more than the server gives itself, so that its own
            // account of what took so long arrives.
            timeout: Duration::from_secs(35),
            retries: 3,
            user_agent: concat!("nexo-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            session: None,
            api_key: None,
            listener: None,
            http: None,
        }
    }

    /// How long one attempt may take, from connecting to the last byte of the
    /// answer, and how long a [`Download`](crate::Download) may stand still.
    /// Default: 35 seconds. An attempt that took longer is not repeated.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a call is repeated at most. Default: 3, with pauses that
    /// double from 0.1 second on, or as `Retry-After` says if that is at most
    /// 10 seconds.
    ///
    /// Reads are repeated when the connection breaks and when the server is
    /// away (502, 503, 504) or refuses (429). Writes are repeated only when it
    /// is certain that the server did nothing: there was no connection, or it
    /// refused before it began. The token's refresh does not count.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The `User-Agent` of all requests. Default: `nexo-client/` and its
    /// version.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Starts with a session from an earlier run instead of without one.
    pub fn session(mut self, session: impl Into<Session>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Sends this API key with each request, in place of a session: there is
    /// nothing to log in to or to refresh.
    pub fn api_key(mut self, secret: impl Into<String>) -> Self {
        self.api_key = Some(SecretString::from(secret.into()));
        self
    }

    /// Calls `listener` with the session after each login and refresh, and
    /// with `None` when there is none any more: the place to store it.
    ///
    /// It is called once at a time, and whoever waits for the new tokens waits
    /// for it too, so it should not take long, and must not wait for another
    /// call of the handle.
    pub fn on_session_change(
        mut self,
        listener: impl Fn(Option<&Session>) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Uses this HTTP client, with its own proxies, certificates and pool.
    /// It should follow no redirects: the server sends none.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// The handle. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL, the user agent or the API key cannot be used, or there are both
    /// a key and a session, or an `https` URL is given and the system has no
    /// certificates.
    pub fn build(self) -> Result<Nexo> {
        let base = parse_base(&self.url)?;
        let user_agent = HeaderValue::try_from(self.user_agent)
            .map_err(|_| Error::usage("the user agent has characters that a header cannot have"))?;
        let http = match self.http {
            Some(http) => http,
            None => default_http(&base)?,
        };
        let policy = Policy { retries: self.retries };
        let transport = Transport { http, base, timeout: self.timeout, user_agent, policy };
        let keeper = match (self.api_key, self.session) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("give an API key or a session, not both"));
            }
            (Some(key), None) => Keeper::of_key(usable(&key)?),
            (None, session) => Keeper::new(session, self.listener),
        };
        Ok(Nexo { inner: Arc::new(Inner { transport, keeper }) })
    }
}

/// An API key as it was told, without the line's end that a file may add.
fn usable(key: &SecretString) -> Result<SecretString> {
    let text = key.expose_secret().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::usage("the API key must be the text that making it has told"));
    }
    Ok(text.into())
}

fn parse_base(url: &str) -> Result<Url> {
    let refuse = |why: &str| Err(Error::usage(format!("the server's URL {why}")));
    let Ok(base) = url.parse::<Url>() else {
        return refuse("must be like https://crm.example.com");
    };
    if !matches!(base.scheme(), "http" | "https") {
        return refuse("must begin with http:// or https://");
    }
    // They would be sent as Basic credentials, beside the token.
    if !base.username().is_empty() || base.password().is_some() {
        return refuse("must not hold a user or a password");
    }
    if base.query().is_some() || base.fragment().is_some() {
        return refuse("must not have a query or a fragment");
    }
    Ok(base)
}

fn default_http(base: &Url) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        // Sooner than the server, which closes after 75 seconds: a write that
        // meets a connection just being closed would be in doubt.
        .pool_idle_timeout(Duration::from_secs(60))
        // Only the server that was named gets the token.
        .redirect(reqwest::redirect::Policy::none());
    let builder = if base.scheme() == "http" {
        // No need to load certificates, nor to fail where there are none.
        builder.tls_certs_only([])
    } else {
        builder
    };
    builder.build().map_err(Error::setup)
}

// Without the URL, which may hold a password until it is checked.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("user_agent", &self.user_agent)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_urls_that_cannot_be_a_server() {
        for url in ["", "crm.example.com", "ftp://a", "http://u:p@a", "http://a?b", "http://a#b"] {
            let error = parse_base(url).expect_err(url);
            assert!(error.to_string().starts_with("the server's URL must"), "{error}");
        }
        for url in ["http://127.0.0.1:4000", "https://crm.example.com/nexo/"] {
            assert!(parse_base(url).is_ok(), "{url}");
        }
    }
}
