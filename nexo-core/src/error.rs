//! The one error of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::model::{ErrorCode, FieldCode, FieldError, Permissions};

/// What an operation of this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not succeed.
///
/// Its text is fit for the caller of an API: it names no table, constraint or
/// value. What happened underneath is in [`source`](StdError::source), for the
/// log alone.
pub struct Error(Box<Inner>);

struct Inner {
    code: ErrorCode,
    /// The text is for whoever starts the program, not for a caller.
    setup: bool,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            setup: false,
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    pub(crate) fn setup(detail: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(ErrorCode::Internal, detail);
        error.0.setup = true;
        error
    }

    pub(crate) fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [one] => format!("{} {}", one.field, one.message),
            many => format!("{} fields were refused", many.len()),
        };
        let mut error = Self::new(ErrorCode::ValidationFailed, detail);
        error.0.fields = fields;
        error
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "there is no such record")
    }

    pub(crate) fn in_use(fields: Vec<FieldError>) -> Self {
        let by: Vec<&str> = fields.iter().map(|field| &*field.message).collect();
        let by = if by.is_empty() { String::new() } else { format!(": {}", by.join("; ")) };
        let mut error = Self::new(
            ErrorCode::InUse,
            format!("the record is referred to, so it can be archived but not deleted{by}"),
        );
        error.0.fields = fields;
        error
    }

    pub(crate) fn session_ended() -> Self {
        Self::new(ErrorCode::SessionEnded, "the session was ended; log in again")
    }

    pub(crate) fn forbidden(missing: Permissions) -> Self {
        Self::new(ErrorCode::Forbidden, format!("your role does not permit it: {missing}"))
    }

    /// This refusal, unless the attempt to keep it in the audit log tells that the token
    /// is not good any more. One that cannot be kept is told to the log.
    pub(crate) fn unless<R>(self, attempt: Result<R>) -> Self {
        match attempt {
            Err(stale) if stale.is_unauthenticated() => stale,
            Err(error) => {
                tracing::warn!(refusal = %self, %error, "a refusal is not in the audit log");
                self
            }
            Ok(_) => self,
        }
    }

    /// Of somebody with an API key, or with an access token.
    pub(crate) fn permissions_changed(has_key: bool) -> Self {
        let told = match has_key {
            true => "what the API key may do has changed; send the request again",
            false => "what you may do has changed; refresh the access token",
        };
        Self::new(ErrorCode::PermissionsChanged, told)
    }

    /// What is no key cannot be told from one that was.
    pub(crate) fn bad_key() -> Self {
        Self::new(ErrorCode::Unauthenticated, "the API key is unknown, revoked or has expired")
    }

    /// The same error of a part of what was given: its fields are told by their
    /// path in the whole.
    #[must_use]
    pub(crate) fn within(mut self, path: &str) -> Self {
        if path.is_empty() {
            return self;
        }
        for field in &mut self.0.fields {
            field.field = format!("{path}.{}", field.field);
        }
        if self.0.fields.is_empty() {
            let code = match self.0.code {
                ErrorCode::NotFound => FieldCode::UnknownReference,
                ErrorCode::InUse => FieldCode::InUse,
                _ => FieldCode::Conflict,
            };
            self.0.fields.push(FieldError::new(path, code, self.0.detail.clone()));
        }
        self.0.detail = match self.0.fields.as_slice() {
            [one] if self.0.code == ErrorCode::ValidationFailed => {
                format!("{} {}", one.field, one.message).into()
            }
            _ => format!("{path}: {}", self.0.detail).into(),
        };
        self
    }

    #[must_use]
    pub(crate) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields = fields;
        self
    }

    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    #[must_use]
    pub(crate) fn retry_in(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The stable code, as the server puts it on the wire.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The fields that were refused; empty unless the input was invalid.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// When another attempt may succeed, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// There is no such record in the scope's account.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == ErrorCode::NotFound
    }

    /// The input was refused; see [`fields`](Self::fields).
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.code() == ErrorCode::ValidationFailed
    }

    /// The record has another version than the one expected.
    #[must_use]
    pub fn is_version_conflict(&self) -> bool {
        self.code() == ErrorCode::VersionConflict
    }

    /// The token, the session or the credentials are not, or no longer, good.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::Unauthenticated
                | ErrorCode::TokenExpired
                | ErrorCode::SessionEnded
                | ErrorCode::PermissionsChanged
                | ErrorCode::InvalidCredentials
                | ErrorCode::InvalidRefreshToken
        )
    }

    /// The role of the user does not permit it.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.code() == ErrorCode::Forbidden
    }

    /// The same call may succeed later, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::Unavailable
                | ErrorCode::OidcUnavailable
                | ErrorCode::Overloaded
                | ErrorCode::TooManyRequests
                | ErrorCode::Timeout
        )
    }

    /// The database or the configuration is not as NEXO needs it. The text is
    /// meant for whoever starts the program.
    #[must_use]
    pub fn is_setup(&self) -> bool {
        self.0.setup
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("code", &self.0.code).field("detail", &self.0.detail);
        if !self.0.fields.is_empty() {
            debug.field("fields", &self.0.fields);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
