//! What can go wrong, and what each of it proves about the request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexo_core::model::{ErrorCode, Problem};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use super::{Error, Inner};

#[derive(Debug)]
pub(super) enum Kind {
    /// The handle or the request was put together wrongly; nothing was sent.
    Usage(String),
    /// The HTTP client cannot be built: no certificates on this machine.
    Setup(reqwest::Error),
    /// No session: nobody has logged in, or somebody has logged out.
    LoggedOut,
    /// No session any more: the server ended it.
    SessionEnded,
    /// The task that refreshed the token was cancelled, or it panicked.
    RefreshLost { cancelled: bool },
    /// The body cannot be written as JSON; nothing was sent.
    Encode(serde_json::Error),
    /// No connection, so nothing was sent.
    Connect(reqwest::Error),
    /// The time for one attempt, or for a piece of a download, is over.
    Timeout(Option<reqwest::Error>),
    /// The connection broke before the answer was there.
    Broken(reqwest::Error),
    /// The server answered with an error status.
    Refused(Box<Refusal>),
    /// The server did it, and its answer cannot be read.
    Decode(serde_json::Error),
}

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) problem: Option<Problem>,
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// The request as errors name it: without its query.
#[derive(Debug, Clone)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    pub(crate) path: String,
}

impl Error {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage(message.into()), None)
    }

    pub(crate) fn setup(source: reqwest::Error) -> Self {
        Self::new(Kind::Setup(source), None)
    }

    pub(crate) fn logged_out() -> Self {
        Self::new(Kind::LoggedOut, None)
    }

    pub(crate) fn session_ended() -> Self {
        Self::new(Kind::SessionEnded, None)
    }

    pub(crate) fn refresh_lost(cancelled: bool) -> Self {
        Self::new(Kind::RefreshLost { cancelled }, None)
    }

    pub(crate) fn encode(source: serde_json::Error) -> Self {
        Self::new(Kind::Encode(source), None)
    }

    pub(crate) fn decode(request: RequestLine, source: serde_json::Error) -> Self {
        Self::new(Kind::Decode(source), Some(request))
    }

    pub(crate) fn transport(request: RequestLine, source: reqwest::Error) -> Self {
        // The request line names the address already, and without its query.
        let source = source.without_url();
        // The order counts: a connect timeout is both, and only "connect"
        // proves that nothing was sent.
        let kind = if source.is_connect() {
            Kind::Connect(source)
        } else if source.is_timeout() {
            Kind::Timeout(Some(source))
        } else {
            Kind::Broken(source)
        };
        Self::new(kind, Some(request))
    }

    /// Nothing came in time.
    pub(crate) fn stalled(request: RequestLine) -> Self {
        Self::new(Kind::Timeout(None), Some(request))
    }

    pub(crate) fn refused(
        request: RequestLine,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        // A proxy on the way may answer with a page of its own.
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        let request_id = match &problem {
            Some(problem) => Some(problem.request_id.clone()),
            None => text("x-request-id").map(str::to_owned),
        };
        let retry_after =
            text(RETRY_AFTER.as_str()).and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let refusal = Refusal { status, problem, request_id, retry_after };
        Self::new(Kind::Refused(Box::new(refusal)), Some(request))
    }

    fn new(kind: Kind, request: Option<RequestLine>) -> Self {
        let is_write = request.as_ref().is_some_and(|request| !request.method.is_safe());
        let outcome_unknown = is_write && kind.may_have_executed();
        Self { inner: Arc::new(Inner { kind, request }), outcome_unknown }
    }
}

impl Kind {
    /// Whether the server may have executed the request.
    fn may_have_executed(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Broken(_) | Self::Decode(_) => true,
            // A server that is full refuses before it begins; after any other
            // failure of its own, or of a gateway, the commit may have come
            // through.
            Self::Refused(refusal) => {
                refusal.status.is_server_error() && refusal.code() != Some(ErrorCode::Overloaded)
            }
            _ => false,
        }
    }

    pub(super) fn is_local_logout(&self) -> bool {
        matches!(self, Self::LoggedOut | Self::SessionEnded)
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(source) | Self::Decode(source) => Some(source),
            Self::Setup(source)
            | Self::Connect(source)
            | Self::Timeout(Some(source))
            | Self::Broken(source) => Some(source),
            _ => None,
        }
    }
}

impl Refusal {
    pub(super) fn code(&self) -> Option<ErrorCode> {
        Some(self.problem.as_ref()?.code)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage(message) => message,
            Self::Setup(_) => "the HTTP client cannot be set up",
            Self::LoggedOut => "not logged in",
            Self::SessionEnded => "the session has ended, log in again",
            Self::RefreshLost { .. } => "the token refresh did not finish",
            Self::Encode(_) => "the body cannot be written as JSON",
            Self::Connect(_) => "the server cannot be reached",
            Self::Timeout(_) => "no answer came in time",
            Self::Broken(_) => "the connection broke before the answer came",
            Self::Refused(refusal) => return fmt::Display::fmt(refusal, f),
            Self::Decode(_) => "the answer is not of the expected shape",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Some(problem) => {
                f.write_str(problem.detail.trim_end_matches('.'))?;
                for error in &problem.errors {
                    write!(f, "; {} {}", error.field, error.message)?;
                }
                write!(f, " ({} {}, ", self.status.as_u16(), problem.code)?;
                write!(f, "request {})", problem.request_id)
            }
            None => write!(f, "the server answered {} and nothing more", self.status),
        }
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
