//! The way to providers: no redirects, little time, little room, and TLS unless
//! the provider is on this machine.

use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

use super::uri::is_plain_loopback;

/// Each call, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Far more than keys and tokens take.
const LARGEST: usize = 1024 * 1024;

/// Sends what is to be said to a provider.
#[derive(Debug)]
pub(super) struct ProviderHttp {
    client: Result<reqwest::Client, String>,
    is_here: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("no connections can be made: {0}")]
    Setup(String),
    #[error("it names an address without TLS")]
    Open,
    #[error("{0}")]
    Failed(&'static str),
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("its answer is too large")]
    TooLarge,
}

impl ProviderHttp {
    pub(super) fn new(is_here: bool) -> Self {
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // Whom a provider sends us to gets no code and no secret.
            .redirect(Policy::none())
            .user_agent(concat!("nexo-server/", env!("CARGO_PKG_VERSION")));
        // On this machine neither certificates nor a proxy are in between.
        let builder = if is_here { builder.tls_certs_only([]).no_proxy() } else { builder };
        Self { client: builder.build().map_err(|error| error.to_string()), is_here }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.client.as_ref().map_err(|error| HttpError::Setup(error.clone()))?;
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string()).map_err(|_| HttpError::Open)?;
        if url.scheme() != "https" && !(self.is_here && is_plain_loopback(&url)) {
            return Err(HttpError::Open);
        }
        let sent = client.request(parts.method, url).headers(parts.headers).body(body).send();
        let mut answer = sent.await.map_err(|error| HttpError::Failed(why(&error)))?;
        let status = answer.status();
        if status.is_redirection() || status.is_server_error() {
            return Err(HttpError::Status(status.as_u16()));
        }
        let mut whole = BytesMut::new();
        while let Some(piece) =
            answer.chunk().await.map_err(|error| HttpError::Failed(why(&error)))?
        {
            if whole.len() + piece.len() > LARGEST {
                return Err(HttpError::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        let mut response = HttpResponse::new(whole.to_vec());
        *response.status_mut() = status;
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

/// Without the address, whose query may hold what is nobody's business.
fn why(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "it takes too long",
        error if error.is_connect() => "there is no connection to it",
        _ => "the connection broke",
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderHttp {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
