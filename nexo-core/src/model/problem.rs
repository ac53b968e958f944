//! Errors on the wire: RFC 9457 problem details with stable codes.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An error body, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:nexo:error:` and the code.
    pub r#type: String,
    /// The kind of problem in words, the same for each occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// The stable code that programs decide by.
    pub code: ErrorCode,
    /// The request's id, also in the server's log.
    pub request_id: String,
    /// When the server answered.
    pub timestamp: Timestamp,
    /// The fields at fault, for `validation_failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One field that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// The field's path in the body: `email`, `tags[3]`.
    pub field: String,
    /// What is wrong, for programs.
    pub code: FieldCode,
    /// What is wrong, for people.
    pub message: Cow<'static, str>,
}

macro_rules! codes {
    (
        $(#[$meta:meta])* pub enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident = $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$doc])* #[serde(rename = $text)] $variant, )*
            /// A code that this version does not know.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl $name {
            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown => "unknown",
                }
            }
        }

        #[cfg(feature = "schema")]
        super::schema::words!($name, stringify!($name), Self::ALL);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// What kind of error it is. Codes are never renamed; new ones may come.
    pub enum ErrorCode {
        /// The body is no JSON, or not of the expected shape.
        InvalidBody = "invalid_body",
        /// A field's value was refused; see `errors`.
        ValidationFailed = "validation_failed",
        /// A query parameter is unknown, repeated, or has a wrong value.
        InvalidQuery = "invalid_query",
        /// The cursor is malformed or belongs to another list.
        InvalidCursor = "invalid_cursor",
        /// The request itself is malformed.
        BadRequest = "bad_request",
        /// No usable access token.
        Unauthenticated = "unauthenticated",
        /// The access token has expired: refresh it.
        TokenExpired = "token_expired",
        /// The session was ended: log in again.
        SessionEnded = "session_ended",
        /// What the user may do has changed since the access token was made:
        /// refresh it and go on.
        PermissionsChanged = "permissions_changed",
        /// The user's role does not permit it.
        Forbidden = "forbidden",
        /// E-mail address or password is wrong.
        InvalidCredentials = "invalid_credentials",
        /// The invitation is unknown, expired, withdrawn or used.
        InvalidInvitation = "invalid_invitation",
        /// The password was right; the code of the authenticator app is needed too.
        SecondFactorRequired = "second_factor_required",
        /// The account asks for a second factor, which the user has to set up first.
        SecondFactorMissing = "second_factor_missing",
        /// The code is wrong, was used, or is of another time.
        InvalidCode = "invalid_code",
        /// What was mailed is unknown, expired, replaced or used.
        InvalidToken = "invalid_token",
        /// What came back from the provider is not what this sign-in began, was
        /// refused, was used, or came too late: begin again.
        InvalidOidcReply = "invalid_oidc_reply",
        /// Nobody has this identity: log in another way and add it, or register.
        IdentityNotLinked = "identity_not_linked",
        /// The provider does not say that the e-mail address is the person's.
        EmailNotVerified = "email_not_verified",
        /// The provider does not answer: retry after `Retry-After`.
        OidcUnavailable = "oidc_unavailable",
        /// This server sends no mail.
        MailUnavailable = "mail_unavailable",
        /// The refresh token is unknown, expired or revoked.
        InvalidRefreshToken = "invalid_refresh_token",
        /// No such row, or not in this account.
        NotFound = "not_found",
        /// No such route.
        RouteNotFound = "route_not_found",
        /// The route exists, the method does not.
        MethodNotAllowed = "method_not_allowed",
        /// It collides with what is stored.
        Conflict = "conflict",
        /// Other records refer to it; see `errors`. It can be archived.
        InUse = "in_use",
        /// The e-mail address is registered already.
        EmailTaken = "email_taken",
        /// The row has changed since the version that was given.
        VersionConflict = "version_conflict",
        /// The idempotency key was used for another request.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The body is larger than allowed.
        PayloadTooLarge = "payload_too_large",
        /// The request's address is too long.
        UriTooLong = "uri_too_long",
        /// The headers are too large or too many.
        HeadersTooLarge = "headers_too_large",
        /// The body's content type is not the one expected.
        UnsupportedMediaType = "unsupported_media_type",
        /// Too many attempts: wait for `Retry-After`. Nothing was done.
        TooManyRequests = "too_many_requests",
        /// The request took too long to arrive.
        RequestTimeout = "request_timeout",
        /// Too busy: retry after `Retry-After`. Nothing was done: whatever may
        /// have written answers otherwise.
        Overloaded = "overloaded",
        /// The database cannot be reached: retry after `Retry-After`.
        Unavailable = "unavailable",
        /// The answer took too long: retry after `Retry-After`. A write may have
        /// been done.
        Timeout = "timeout",
        /// The server failed; its log has the cause under the request id.
        Internal = "internal",
    }
}

codes! {
    /// What is wrong with a field.
    pub enum FieldCode {
        /// It must be given.
        Required = "required",
        /// Shorter than allowed.
        TooShort = "too_short",
        /// Longer than allowed.
        TooLong = "too_long",
        /// Not of the form that the field asks for.
        InvalidFormat = "invalid_format",
        /// It has characters that cannot be stored.
        InvalidCharacter = "invalid_character",
        /// More entries than allowed.
        TooMany = "too_many",
        /// Given twice.
        Duplicate = "duplicate",
        /// Too easy to guess.
        TooCommon = "too_common",
        /// It does not match what is stored.
        Mismatch = "mismatch",
        /// It names no record.
        UnknownReference = "unknown_reference",
        /// It would lead back to the record itself.
        Cycle = "cycle",
        /// It cannot become that from what it is.
        InvalidTransition = "invalid_transition",
        /// Before what it must follow.
        OutOfOrder = "out_of_order",
        /// Smaller or larger than allowed.
        OutOfRange = "out_of_range",
        /// It collides with what is stored.
        Conflict = "conflict",
        /// Records of this collection refer to it.
        InUse = "in_use",
    }
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(
        field: impl Into<String>,
        code: FieldCode,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}
