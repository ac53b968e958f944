//! One HTTP exchange, repeated where that is safe. Knows nothing of sessions.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Body, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::download::Download;
use crate::error::{Error, RequestLine, Result};
use crate::retry::{Policy, Repeat};

/// A request as it is put together, before it has a server or a token.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Content>,
    pub(crate) repeat: Repeat,
    /// Whether the answer's body is left for the caller to read.
    pub(crate) is_download: bool,
}

/// A body in memory, so that it can be sent again.
pub(crate) struct Content {
    pub(crate) mime: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// An answer with a success status.
pub(crate) struct Reply {
    request: RequestLine,
    body: Received,
}

enum Received {
    Whole(Vec<u8>),
    Open(Box<Download>),
}

#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) timeout: Duration,
    pub(crate) user_agent: HeaderValue,
    pub(crate) policy: Policy,
}

impl Transport {
    /// Sends the call, again and again as its [`Repeat`] allows.
    pub(crate) async fn send(&self, call: &Call, token: Option<&SecretString>) -> Result<Reply> {
        self.send_with(call, token, self.timeout, self.policy).await
    }

    /// As [`send`](Self::send), with another timeout for each attempt and
    /// another number of attempts.
    pub(crate) async fn send_with(
        &self,
        call: &Call,
        token: Option<&SecretString>,
        timeout: Duration,
        policy: Policy,
    ) -> Result<Reply> {
        let prototype = self.prepare(call, token, timeout)?;
        let mut in_doubt = false;
        for attempt in 0.. {
            let request = prototype.try_clone().expect("the body is in memory, so it has a copy");
            let error = match self.exchange(call, request).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            in_doubt |= error.is_outcome_unknown();
            match policy.pause(call.repeat, &error, attempt) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error.or_in_doubt(in_doubt)),
            }
        }
        unreachable!("the policy ends the attempts")
    }

    async fn exchange(&self, call: &Call, request: reqwest::Request) -> Result<Reply> {
        let failed = |source| Error::transport(call.line(), source);
        let executed = self.http.execute(request);
        let response = if call.is_download {
            let executed = timeout(self.timeout, executed).await;
            executed.map_err(|_| Error::stalled(call.line()))?.map_err(failed)?
        } else {
            executed.await.map_err(failed)?
        };
        let status = response.status();
        if status.is_success() && call.is_download {
            let download = Download::new(call.line(), response, self.timeout);
            return Ok(Reply { request: call.line(), body: Received::Open(Box::new(download)) });
        }
        let headers = response.headers().clone();
        let body = Vec::from(response.bytes().await.map_err(failed)?);
        if status.is_success() {
            Ok(Reply { request: call.line(), body: Received::Whole(body) })
        } else {
            Err(Error::refused(call.line(), status, &headers, &body))
        }
    }

    fn prepare(
        &self,
        call: &Call,
        token: Option<&SecretString>,
        timeout: Duration,
    ) -> Result<reqwest::Request> {
        let mut request = reqwest::Request::new(call.method.clone(), self.url(call)?);
        // A file takes as long as it does; each read of it has its own timeout.
        *request.timeout_mut() = (!call.is_download).then_some(timeout);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.extend(call.headers.clone());
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                .map_err(|_| Error::usage("the access token cannot stand in a header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(body) = &call.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.mime));
            *request.body_mut() = Some(Body::from(body.bytes.clone()));
        }
        Ok(request)
    }

    /// The address of a path on this server. Whatever the path holds, it
    /// cannot lead to another host, where a token does not belong.
    fn url(&self, call: &Call) -> Result<Url> {
        if !call.path.starts_with('/') {
            return Err(Error::usage(format!("the path {:?} must begin with '/'", call.path)));
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let repeat = if method.is_safe() { Repeat::Safe } else { Repeat::IfNotBegun };
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            repeat,
            is_download: false,
        }
    }

    fn line(&self) -> RequestLine {
        RequestLine { method: self.method.clone(), path: self.path.clone() }
    }
}

impl Reply {
    /// Reads the body. An empty one (status 204) is read as `null`, which
    /// makes a `()`.
    pub(crate) fn decode<R: DeserializeOwned>(self) -> Result<R> {
        let body = match &self.body {
            Received::Whole(body) if !body.is_empty() => body.as_slice(),
            _ => b"null",
        };
        serde_json::from_slice(body).map_err(|source| Error::decode(self.request, source))
    }
}

impl Reply {
    /// The body as it arrives, of a call that is a download.
    pub(crate) fn into_download(self) -> Result<Download> {
        match self.body {
            Received::Open(download) => Ok(*download),
            Received::Whole(_) => Err(Error::usage("the call is no download")),
        }
    }
}

// Bodies hold passwords and refresh tokens.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("mime", &self.mime).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A transport that retries nothing.
    pub(crate) fn transport(base: &str) -> Transport {
        Transport {
            http: reqwest::Client::new(),
            base: base.parse().expect("a valid address"),
            timeout: Duration::from_secs(1),
            user_agent: HeaderValue::from_static("test"),
            policy: Policy { retries: 0 },
        }
    }

    fn url(base: &str, path: &str) -> String {
        transport(base).url(&Call::new(Method::GET, path)).expect("a usable path").into()
    }

    #[test]
    fn a_path_stays_on_the_server() {
        assert_eq!(url("http://a:1", "/api/x"), "http://a:1/api/x");
        assert_eq!(url("http://a:1/nexo/", "/api/x"), "http://a:1/nexo/api/x");
        assert_eq!(url("http://a:1", "//evil.example/x"), "http://a:1//evil.example/x");
        assert_eq!(url("http://a:1", "/@evil.example"), "http://a:1/@evil.example");
        assert_eq!(url("http://a:1", "/x?y#z"), "http://a:1/x%3Fy%23z");
    }

    #[test]
    fn an_address_is_no_path() {
        let call = Call::new(Method::GET, "http://evil.example/");
        assert!(transport("http://a:1").url(&call).is_err());
    }
}
