//! A row of the route table.

use std::borrow::Cow;
use std::pin::Pin;

use http::Method;
use nexo_core::TenantScope;
use serde_json::Value;

use super::operation::{Operation, Tag};
use crate::app::{App, Services};
use crate::config::Service;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::gateway::limits::MAX_BODY;
use crate::respond::Reply;

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Route {
    method: Method,
    path: Cow<'static, str>,
    handler: Handler,
    example: Option<fn(u32) -> Value>,
    upload: Option<Upload>,
    documentation: Option<Box<Operation>>,
    service: Service,
    limit: Limit,
    /// Its place in the table that is served.
    number: usize,
}

impl Route {
    /// The method. A `GET` route also answers `HEAD`.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, with `{id}` where a row's id stands.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Who may call it.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.handler {
            Handler::Public(_) => Access::Public,
            Handler::Tenant(_) | Handler::Gathering(_) => Access::Tenant,
        }
    }

    /// Which service answers it.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn of(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// How often it may be called.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    pub(crate) fn limited(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// A body that the route accepts, if it reads one: what documentation
    /// shows and benches send. Credentials in it are invented. Records of
    /// different numbers can stand in one account.
    #[must_use]
    pub fn example_body(&self, number: u32) -> Option<Value> {
        self.example.map(|example| example(number))
    }

    pub(super) fn example(mut self, example: fn(u32) -> Value) -> Self {
        self.example = Some(example);
        self
    }

    /// A file that the route accepts, if its body is one, read piece by piece.
    #[must_use]
    pub fn example_file(&self) -> Option<&'static [u8]> {
        self.upload.map(|upload| upload.example)
    }

    /// Takes a file of up to so many bytes.
    pub(crate) fn upload(mut self, most: u64, example: &'static [u8]) -> Self {
        self.upload = Some(Upload { most, example });
        self
    }

    /// What the documentation says of it.
    pub(super) fn documented(mut self, operation: Operation) -> Self {
        self.documentation = Some(Box::new(operation));
        self
    }

    pub(crate) fn documentation(&self) -> Option<&Operation> {
        self.documentation.as_deref()
    }

    /// Whether it shows the documentation, which can be turned off.
    pub(crate) fn shows_documentation(&self) -> bool {
        self.documentation().is_some_and(|operation| operation.tag == Tag::Docs)
    }

    pub(crate) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn is_upload(&self) -> bool {
        self.upload.is_some()
    }

    pub(crate) fn max_body(&self) -> u64 {
        self.upload.map_or(MAX_BODY as u64, |upload| upload.most)
    }

    pub(crate) fn handler(&self) -> Handler {
        self.handler
    }
}

/// What a route takes whose body is a file.
#[derive(Debug, Clone, Copy)]
struct Upload {
    most: u64,
    example: &'static [u8],
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has an access token; the route sees that token's account only.
    Tenant,
}

/// How often a route may be called, and whether its requests are counted among
/// those in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// As often as any other.
    Standard,
    /// Seldom: it takes a password, a code or a token that could be guessed, hashes
    /// for a long time, or sends mail.
    Credentials,
    /// As often as one likes, also when the server is overloaded: what machines ask
    /// to know how it is, and keys that they look up.
    Exempt,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Outcome<Reply>> + Send + 'a>>;
pub(crate) type PublicHandler = for<'a> fn(&'a App, Call<'a>) -> Answer<'a>;
pub(crate) type TenantHandler = for<'a> fn(&'a Services, TenantScope, Call<'a>) -> Answer<'a>;

/// Of whom there is no scope here if they have an API key: see
/// [`authenticate`](crate::gateway).
pub(crate) type GatheringHandler = for<'a> fn(&'a App, Option<TenantScope>, Call<'a>) -> Answer<'a>;

/// What answers a route. Who may call stands in the signature: a public
/// handler is given no scope, and without one no repository can be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handler {
    Public(PublicHandler),
    Tenant(TenantHandler),
    Gathering(GatheringHandler),
}

pub(crate) fn public(
    method: Method,
    path: impl Into<Cow<'static, str>>,
    handler: PublicHandler,
) -> Route {
    route(method, path, Handler::Public(handler))
}

pub(crate) fn tenant(
    method: Method,
    path: impl Into<Cow<'static, str>>,
    handler: TenantHandler,
) -> Route {
    route(method, path, Handler::Tenant(handler))
}

pub(super) fn route(method: Method, path: impl Into<Cow<'static, str>>, handler: Handler) -> Route {
    Route {
        method,
        path: path.into(),
        handler,
        example: None,
        upload: None,
        documentation: None,
        service: Service::Process,
        limit: Limit::Standard,
        number: 0,
    }
}
