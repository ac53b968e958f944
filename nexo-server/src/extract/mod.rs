//! What handlers read from a request, each piece typed or refused.

mod body;
mod etag;
mod json;
mod query;

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::USER_AGENT;
use http::request::Parts;
use hyper::body::Incoming;
use matchit::Params;
use nexo_core::model::{AuditParams, Entity, ErrorCode, Id, SearchParams, SheetFormat};
use nexo_core::{IdempotencyKey, Peer};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::config::HttpConfig;
use crate::failure::{Failure, Outcome};
use crate::gateway::{RequestId, TraceContext};

pub(crate) use query::{ExportCall, ListCall, MAX_FIELDS};

/// How texts are read, for fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    pub(crate) use super::json::parse;
    pub(crate) use super::query::{audit_params, export_call, page, search_params};
}

/// A request on its way to its handler: the head, checked, and the body, not
/// yet read.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    parts: &'a Parts,
    params: Params<'a, 'a>,
    body: Incoming,
    /// What of a file has arrived and was not taken.
    ahead: BytesMut,
    caller: Caller<'a>,
    body_timeout: Duration,
    step_timeout: Duration,
}

/// Who calls, and by what name the request goes in logs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) request: &'a RequestId,
    /// Until when the answer is awaited.
    pub(crate) deadline: Instant,
    /// The trace that the request belongs to, if any.
    pub(crate) trace: Option<TraceContext>,
}

/// What is handed on to another process.
#[derive(Debug)]
pub(crate) struct HandedOn<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: Incoming,
    pub(crate) caller: Caller<'a>,
    pub(crate) body_timeout: Duration,
    pub(crate) step_timeout: Duration,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        parts: &'a Parts,
        params: Params<'a, 'a>,
        body: Incoming,
        caller: Caller<'a>,
        http: &HttpConfig,
    ) -> Self {
        let (body_timeout, step_timeout) = (http.body_timeout, http.request_timeout);
        let ahead = BytesMut::new();
        Self { parts, params, body, ahead, caller, body_timeout, step_timeout }
    }

    /// The request as it came, for another process to answer.
    pub(crate) fn hand_on(self) -> HandedOn<'a> {
        let Self { parts, body, caller, body_timeout, step_timeout, .. } = self;
        HandedOn { parts, body, caller, body_timeout, step_timeout }
    }

    /// Who calls, as a session and the audit log remember it.
    pub(crate) fn peer(&self) -> Peer {
        let agent = self.parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Peer {
            ip: Some(self.caller.ip),
            user_agent: agent.map(str::to_owned),
            request_id: Some(self.caller.request.as_str().to_owned()),
        }
    }

    /// The path that was called.
    pub(crate) fn path(&self) -> &'a str {
        self.parts.uri.path()
    }

    /// The row's id in the path. A malformed one names no row, so it is
    /// answered like a missing row.
    pub(crate) fn id<T>(&self) -> Outcome<Id<T>> {
        let text = self.params.get("id").unwrap_or_default();
        text.parse().map_err(|_| Failure::of(ErrorCode::NotFound))
    }

    /// What a list call asks for.
    pub(crate) fn list<T: Entity>(&self) -> Outcome<ListCall<T>> {
        query::list_call(self.parts.uri.query().unwrap_or_default())
    }

    /// What an export asks for.
    pub(crate) fn export<T: Entity>(&self) -> Outcome<ExportCall<T>> {
        query::export_call(self.parts.uri.query().unwrap_or_default())
    }

    /// The number of the only parameter that the route has, if it is given.
    pub(crate) fn number(&self, name: &str) -> Outcome<Option<u64>> {
        query::number(self.parts.uri.query().unwrap_or_default(), name)
    }

    /// The limit and the cursor of a list that has nothing else.
    pub(crate) fn page(&self) -> Outcome<(Option<u16>, Option<String>)> {
        query::page(self.parts.uri.query().unwrap_or_default())
    }

    /// Which entries of the audit log are asked for.
    pub(crate) fn audit(&self) -> Outcome<AuditParams> {
        query::audit_params(self.parts.uri.query().unwrap_or_default())
    }

    /// Which of them as a file, and as which.
    pub(crate) fn audit_export(&self) -> Outcome<(AuditParams, SheetFormat)> {
        let (format, rest) = query::format(self.parts.uri.query().unwrap_or_default())?;
        Ok((query::audit_params(&rest)?, format.unwrap_or_default()))
    }

    /// As which file an answer is wanted, if it is.
    pub(crate) fn format(&self) -> Outcome<Option<SheetFormat>> {
        query::only_format(self.parts.uri.query().unwrap_or_default())
    }

    /// What a search asks for.
    pub(crate) fn search(&self) -> Outcome<SearchParams> {
        query::search_params(self.parts.uri.query().unwrap_or_default())
    }

    /// The version that the row must still have, if the caller named one.
    pub(crate) fn if_match(&self) -> Outcome<Option<i64>> {
        etag::if_match(&self.parts.headers)
    }

    /// Whether the caller already has this version of the row.
    pub(crate) fn has_version(&self, version: i64) -> bool {
        etag::if_none_match(&self.parts.headers, version)
    }

    /// Whether the caller already has what this tag names.
    pub(crate) fn has_tag(&self, tag: &HeaderValue) -> bool {
        etag::names(&self.parts.headers, tag)
    }

    /// The caller's name for this request, of whose body this is.
    pub(crate) fn idempotency_key(&self, body: &[u8]) -> Outcome<Option<IdempotencyKey>> {
        let mut values = self.parts.headers.get_all("idempotency-key").iter();
        let key = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(key), None) => key.to_str().unwrap_or_default(),
            _ => "",
        };
        let request = [self.parts.method.as_str(), self.parts.uri.path()].map(str::as_bytes);
        Ok(Some(IdempotencyKey::new(key, &[request[0], request[1], body])?))
    }

    /// The JSON body, and the bytes that it was read from.
    pub(crate) async fn json_and_bytes<T: DeserializeOwned>(&mut self) -> Outcome<(T, Bytes)> {
        json::expect_json(&self.parts.method, &self.parts.headers)?;
        let bytes = body::read(&mut self.body, self.body_timeout).await?;
        Ok((json::parse(&bytes)?, bytes))
    }

    /// How long each step of a request may take that has no limit as a whole,
    /// because a file goes in or out.
    pub(crate) fn step_timeout(&self) -> Duration {
        self.step_timeout
    }

    /// The next piece of a body that is a file; `None` after the last.
    pub(crate) async fn piece(&mut self) -> Outcome<Option<Bytes>> {
        body::piece(&mut self.body, &mut self.ahead, self.body_timeout).await
    }

    /// The JSON body.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        Ok(self.json_and_bytes().await?.0)
    }
}
