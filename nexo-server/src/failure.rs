//! Why a request was not served.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::time::Duration;

use http::HeaderValue;
use nexo_core::model::{ErrorCode, FieldError};

/// What stages and handlers give instead of a reply.
///
/// It names the kind of error and never a status: [`crate::respond`] alone
/// turns kinds into statuses. Boxed, so that the good way stays small.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    allow: Option<HeaderValue>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What stages and handlers return.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that its code alone explains.
    pub(crate) fn of(code: ErrorCode) -> Self {
        Self(Box::new(Inner {
            code,
            detail: None,
            fields: Vec::new(),
            retry_after: None,
            allow: None,
            cause: None,
        }))
    }

    /// A failure with a text for the caller.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut failure = Self::of(code);
        failure.0.detail = Some(detail.into());
        failure
    }

    /// The same, of these fields.
    pub(crate) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields = fields;
        self
    }

    /// A fault of the server: the cause is for the log, never for the caller.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::caused(ErrorCode::Internal, cause)
    }

    /// A failure with a cause for the log, never for the caller.
    pub(crate) fn caused(
        code: ErrorCode,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let mut failure = Self::of(code);
        failure.0.cause = Some(cause.into());
        failure
    }

    /// The same, with a text for the caller.
    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The path exists, the method does not.
    pub(crate) fn method_not_allowed(allow: HeaderValue) -> Self {
        let mut failure = Self::of(ErrorCode::MethodNotAllowed);
        failure.0.allow = Some(allow);
        failure
    }

    /// The same, and when it makes sense to try again.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    pub(crate) fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    pub(crate) fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    pub(crate) fn allow(&self) -> Option<&HeaderValue> {
        self.0.allow.as_ref()
    }

    /// The cause and its causes, in one line for the log.
    pub(crate) fn cause(&self) -> Option<String> {
        let cause = self.0.cause.as_deref()?;
        Some(chain(cause))
    }
}

impl From<nexo_core::Error> for Failure {
    fn from(error: nexo_core::Error) -> Self {
        let mut failure = Self::of(error.code());
        let inner = &mut *failure.0;
        inner.fields = error.fields().to_vec();
        inner.retry_after = error.retry_after();
        inner.detail = detail_of(&error);
        inner.cause = Some(Box::new(error));
        failure
    }
}

fn detail_of(error: &nexo_core::Error) -> Option<Cow<'static, str>> {
    match error.code() {
        // One text for every missing row and every malformed id, so that
        // their answers cannot be told apart.
        ErrorCode::NotFound => None,
        // What a fault of the server says is constant.
        ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::Overloaded => None,
        ErrorCode::Timeout => None,
        _ => Some(error.to_string().into()),
    }
}

/// An error and all its sources, joined by colons; a source that only repeats
/// what was said is left out.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = source.source();
    }
    text
}
