//! A request by hand: what the typed methods are made of.

use std::fmt::Display;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue, IF_MATCH};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Nexo;
use crate::download::Download;
use crate::error::{Error, Result};
use crate::retry::Repeat;
use crate::transport::{Call, Content, Reply};

/// A request that is being put together; [`send`](Self::send) sends it.
///
/// For routes that have no method of their own here. The session's token, its
/// refresh, retries and errors are the same as everywhere in this crate.
///
/// ```no_run
/// # use nexo_client::{Method, Nexo, Result};
/// # use nexo_client::model::{Client, Page};
/// # async fn example(nexo: &Nexo) -> Result<()> {
/// let page: Page<Client> =
///     nexo.request(Method::GET, "/api/crm/clients").query("limit", 10).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    nexo: Nexo,
    call: Call,
    anonymous: bool,
    // The first mistake in putting it together, told by `send`.
    mistake: Option<Error>,
}

impl Request {
    pub(crate) fn new(nexo: &Nexo, method: Method, path: impl Into<String>) -> Self {
        Self { nexo: nexo.clone(), call: Call::new(method, path), anonymous: false, mistake: None }
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.call.query.push((name.into(), value.to_string()));
        self
    }

    /// Sets a header. `Authorization` is the session's, unless the request is
    /// [`anonymous`](Self::anonymous).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                // It may be a key: keep it out of `Debug`.
                value.set_sensitive(true);
                self.call.headers.insert(name, value);
            }
            _ => self.fail(Error::usage(format!("the header {name:?} cannot be sent"))),
        }
        self
    }

    /// Sets a JSON body.
    pub fn json<B: Serialize + ?Sized>(self, body: &B) -> Self {
        self.content("application/json", body)
    }

    /// Sets a JSON body that is a merge patch (RFC 7396).
    pub fn merge_patch<B: Serialize + ?Sized>(self, body: &B) -> Self {
        self.content("application/merge-patch+json", body)
    }

    /// Sets a body of bytes, as they are.
    pub fn bytes(mut self, bytes: Vec<u8>) -> Self {
        self.call.body = Some(Content { mime: "application/octet-stream", bytes });
        self
    }

    /// Lets the server do it only while the row has this version (`If-Match`);
    /// otherwise the error is [`is_version_conflict`](Error::is_version_conflict).
    pub fn if_version(self, version: i64) -> Self {
        self.header(IF_MATCH.as_str(), &format!("\"{version}\""))
    }

    /// Names the request (`Idempotency-Key`), so that the server does it once
    /// however often it comes; it is then retried like a read. A name stands
    /// for one request: 1 to 255 visible ASCII characters, a UUID for example.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key).repeatable()
    }

    /// Sends no token, and needs no session.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Declares that to do it twice is the same as to do it once, so that it
    /// is retried like a read after a lost answer.
    pub fn repeatable(self) -> Self {
        self.repeat(Repeat::Safe)
    }

    /// Sends it and reads the answer's JSON; `()` for an answer without a body.
    ///
    /// # Errors
    /// Every [`Error`]. A mistake in putting the request together comes first,
    /// and then nothing is sent.
    pub async fn send<R: DeserializeOwned>(self) -> Result<R> {
        self.reply().await?.decode()
    }

    /// Sends it and leaves the answer's body to be received piece by piece.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn download(mut self) -> Result<Download> {
        self.call.is_download = true;
        self.reply().await?.into_download()
    }

    async fn reply(self) -> Result<Reply> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let inner = &self.nexo.inner;
        if self.anonymous {
            inner.transport.send(&self.call, None).await
        } else {
            inner.send_authenticated(&self.call).await
        }
    }

    pub(crate) fn repeat(mut self, repeat: Repeat) -> Self {
        self.call.repeat = repeat;
        self
    }

    fn content<B: Serialize + ?Sized>(mut self, mime: &'static str, body: &B) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.call.body = Some(Content { mime, bytes }),
            Err(source) => self.fail(Error::encode(source)),
        }
        self
    }

    fn fail(&mut self, mistake: Error) {
        self.mistake.get_or_insert(mistake);
    }
}
