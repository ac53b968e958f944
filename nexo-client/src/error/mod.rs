//! The one error type: opaque, with predicates for what programs decide by.

mod kind;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexo_core::model::{ErrorCode, FieldError, Problem};
use reqwest::StatusCode;

use kind::Kind;
pub(crate) use kind::RequestLine;

/// A result whose error is an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// Decide by the predicates or by [`code`](Self::code); the text is for
/// people. It never holds a token or a password.
#[derive(Clone)]
pub struct Error {
    // Shared, because all calls that wait for one refresh get its failure.
    inner: Arc<Inner>,
    outcome_unknown: bool,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    request: Option<RequestLine>,
}

impl Error {
    /// The status of the server's answer, if it answered with an error.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        Some(self.inner.kind.refusal()?.status)
    }

    /// The server's stable error code. Absent if no NEXO server answered.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.inner.kind.refusal()?.code()
    }

    /// The server's whole answer, if it was a problem document.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.inner.kind.refusal()?.problem.as_ref()
    }

    /// The request's id in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.inner.kind.refusal()?.request_id.as_deref()
    }

    /// How long the server asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.kind.refusal()?.retry_after
    }

    /// The fields at fault, if [`is_validation`](Self::is_validation).
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        self.problem().map_or(&[], |problem| &problem.errors)
    }

    /// No such row, or it is another account's: the two look the same.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::NotFound)
    }

    /// The user's role does not permit it.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(ErrorCode::Forbidden)
    }

    /// It collides with what is stored: an e-mail address that is taken.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(StatusCode::CONFLICT)
    }

    /// The row has changed since the version that the call was made for.
    #[must_use]
    pub fn is_version_conflict(&self) -> bool {
        self.code() == Some(ErrorCode::VersionConflict)
    }

    /// Values were refused; [`field_errors`](Self::field_errors) says which.
    #[must_use]
    pub fn is_validation(&self) -> bool {
        self.code() == Some(ErrorCode::ValidationFailed)
    }

    /// The caller is not known: nobody is logged in, the session has ended, or
    /// e-mail address and password do not match
    /// ([`ErrorCode::InvalidCredentials`]).
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.inner.kind.is_local_logout() || self.status() == Some(StatusCode::UNAUTHORIZED)
    }

    /// The session is over (revoked, or its refresh token is dead): only a new
    /// login helps.
    #[must_use]
    pub fn is_session_ended(&self) -> bool {
        matches!(self.inner.kind, Kind::SessionEnded)
            || matches!(self.code(), Some(ErrorCode::SessionEnded | ErrorCode::InvalidRefreshToken))
    }

    /// Too many requests; [`retry_after`](Self::retry_after) says how long to
    /// wait.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// No server answers, or it, or its database, cannot serve now.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.inner.kind, Kind::Connect(_))
            || matches!(
                self.status(),
                Some(
                    StatusCode::BAD_GATEWAY
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::GATEWAY_TIMEOUT
                )
            )
    }

    /// The answer did not come in time, by the handle's clock or the server's.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match &self.inner.kind {
            Kind::Timeout(_) => true,
            Kind::Connect(source) => source.is_timeout(),
            _ => {
                self.code() == Some(ErrorCode::Timeout)
                    // A proxy's.
                    || matches!(
                        self.status(),
                        Some(StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT)
                    )
            }
        }
    }

    /// The same call may succeed later. Before a write is made again, see
    /// [`is_outcome_unknown`](Self::is_outcome_unknown).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_unavailable()
            || self.is_rate_limited()
            || self.is_timeout()
            || matches!(self.inner.kind, Kind::Broken(_) | Kind::RefreshLost { .. })
    }

    /// The call was a write, and the server may or may not have done it: its
    /// answer was lost, or it failed on the way. Look before writing again.
    ///
    /// Where this is false, the error of a write means that nothing was
    /// written.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }
}

/// What the transport and the session decide by.
impl Error {
    /// The access token was not accepted, and a new one may be. Other codes of
    /// status 401 say that a refresh is of no use.
    pub(crate) fn is_stale_token(&self) -> bool {
        self.status() == Some(StatusCode::UNAUTHORIZED)
            && matches!(
                self.code(),
                Some(
                    ErrorCode::Unauthenticated
                        | ErrorCode::TokenExpired
                        | ErrorCode::PermissionsChanged
                )
            )
    }

    /// Nothing was done, and the same credentials may be accepted now.
    pub(crate) fn is_permissions_changed(&self) -> bool {
        self.code() == Some(ErrorCode::PermissionsChanged)
    }

    /// It is certain that the server has not begun to execute the request.
    pub(crate) fn is_not_begun(&self) -> bool {
        matches!(self.inner.kind, Kind::Connect(_))
            || matches!(self.code(), Some(ErrorCode::Overloaded | ErrorCode::TooManyRequests))
    }

    /// The connection broke after the request, or a part of it, was sent.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.inner.kind, Kind::Broken(_))
    }

    /// The runtime that ran the refresh was shut down.
    pub(crate) fn is_refresh_cancelled(&self) -> bool {
        matches!(self.inner.kind, Kind::RefreshLost { cancelled: true })
    }

    /// The same error, of a call that an earlier attempt may have done.
    pub(crate) fn or_in_doubt(mut self, earlier: bool) -> Self {
        self.outcome_unknown |= earlier;
        self
    }

    /// The same error, for a call that was not sent because of it.
    pub(crate) fn before_call(mut self) -> Self {
        self.outcome_unknown = false;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.inner.request {
            write!(f, "{request}: ")?;
        }
        fmt::Display::fmt(&self.inner.kind, f)?;
        if self.outcome_unknown {
            f.write_str("; the write may have been done")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("request", &self.inner.request)
            .field("outcome_unknown", &self.outcome_unknown)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.kind.source()
    }
}
