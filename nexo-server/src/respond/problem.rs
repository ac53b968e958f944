//! What an error looks like on the wire.

use std::time::Duration;

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use jiff::{Timestamp, Unit};
use nexo_core::model::{ErrorCode, Problem};

use super::{Reply, close, with_body};
use crate::failure::Failure;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The problem document of a failure.
pub(crate) fn problem(failure: &Failure, instance: &str, request_id: &str) -> Reply {
    let code = failure.code();
    let (status, ..) = meaning(code);
    let now = Timestamp::now();
    let now = now.round(Unit::Millisecond).unwrap_or(now);
    let body = body(failure, instance, request_id, now);
    let body = serde_json::to_vec(&body).expect("a problem has only strings and numbers");

    let mut reply = with_body(status, PROBLEM_JSON, body.into());
    let headers = reply.headers_mut();
    if let Some(wait) = failure.retry_after().or_else(|| default_wait(code)) {
        headers.insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    if let Some(allow) = failure.allow() {
        headers.insert(ALLOW, allow.clone());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, challenge(code));
    }
    if closes(code) {
        close(&mut reply);
    }
    reply
}

/// What such a document says.
pub(crate) fn body(
    failure: &Failure,
    instance: &str,
    request_id: &str,
    timestamp: Timestamp,
) -> Problem {
    let code = failure.code();
    let (status, title, default_detail) = meaning(code);
    Problem {
        r#type: format!("urn:nexo:error:{code}"),
        title: title.to_owned(),
        status: status.as_u16(),
        detail: failure.detail().unwrap_or(default_detail).to_owned(),
        instance: instance.to_owned(),
        code,
        request_id: request_id.to_owned(),
        timestamp,
        errors: failure.fields().to_vec(),
    }
}

/// The one table from kinds of error to statuses, titles, and what to say when
/// the failure itself says nothing.
pub(crate) fn meaning(code: ErrorCode) -> (StatusCode, &'static str, &'static str) {
    use ErrorCode as E;
    use StatusCode as S;
    match code {
        E::InvalidBody => (S::BAD_REQUEST, "Invalid body", "the body could not be read"),
        E::InvalidQuery => (S::BAD_REQUEST, "Invalid query", "a query parameter is wrong"),
        E::InvalidCursor => {
            (S::BAD_REQUEST, "Invalid cursor", "the cursor does not belong to this list")
        }
        E::BadRequest => (S::BAD_REQUEST, "Bad request", "the request is malformed"),
        E::Unauthenticated => {
            (S::UNAUTHORIZED, "Not authenticated", "a valid access token is needed")
        }
        E::TokenExpired => {
            (S::UNAUTHORIZED, "Access token expired", "the access token has expired: refresh it")
        }
        E::SessionEnded => {
            (S::UNAUTHORIZED, "Session ended", "the session was ended: log in again")
        }
        E::PermissionsChanged => (
            S::UNAUTHORIZED,
            "Permissions changed",
            "what you may do has changed: refresh the access token",
        ),
        E::Forbidden => (S::FORBIDDEN, "Forbidden", "your role does not permit it"),
        E::InvalidInvitation => (
            S::UNAUTHORIZED,
            "Invalid invitation",
            "the invitation is not valid: ask for a new one",
        ),
        E::SecondFactorRequired => (
            S::UNAUTHORIZED,
            "Second factor required",
            "the password was right: the code of the authenticator app is needed too",
        ),
        E::SecondFactorMissing => (
            S::FORBIDDEN,
            "Second factor missing",
            "the account asks for a second factor: set one up",
        ),
        E::InvalidCode => {
            (S::UNAUTHORIZED, "Invalid code", "the code is wrong, was used, or is of another time")
        }
        E::InvalidToken => {
            (S::UNAUTHORIZED, "Invalid token", "what was mailed is not valid: ask for a new one")
        }
        E::InvalidOidcReply => (
            S::UNAUTHORIZED,
            "Invalid sign-in",
            "what came back from the provider is not good for this sign-in: begin again",
        ),
        E::IdentityNotLinked => (
            S::UNAUTHORIZED,
            "Identity not linked",
            "nobody has this identity: log in another way and add it, or, if the address is no user's yet, register",
        ),
        E::EmailNotVerified => (
            S::UNAUTHORIZED,
            "E-mail address not verified",
            "the provider does not say that the e-mail address is yours",
        ),
        E::OidcUnavailable => (
            S::SERVICE_UNAVAILABLE,
            "Provider unavailable",
            "the provider does not answer as one should: retry later",
        ),
        E::MailUnavailable => (S::NOT_IMPLEMENTED, "No mail", "this server sends no mail"),
        E::InvalidCredentials => {
            (S::UNAUTHORIZED, "Invalid credentials", "e-mail address or password is wrong")
        }
        E::InvalidRefreshToken => {
            (S::UNAUTHORIZED, "Invalid refresh token", "the refresh token is not valid: log in")
        }
        E::NotFound => (S::NOT_FOUND, "Not found", "there is no such record"),
        E::RouteNotFound => (S::NOT_FOUND, "Route not found", "there is nothing at this path"),
        E::MethodNotAllowed => {
            (S::METHOD_NOT_ALLOWED, "Method not allowed", "this path has other methods: see Allow")
        }
        E::RequestTimeout => {
            (S::REQUEST_TIMEOUT, "Request timeout", "the request took too long to arrive")
        }
        E::Conflict => (S::CONFLICT, "Conflict", "it collides with what is stored"),
        E::InUse => (S::CONFLICT, "In use", "other records refer to it; it can be archived"),
        E::IdempotencyKeyReused => (
            S::UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            "the idempotency key was used for another request",
        ),
        E::EmailTaken => {
            (S::CONFLICT, "E-mail address taken", "this e-mail address is registered already")
        }
        E::VersionConflict => {
            (S::PRECONDITION_FAILED, "Version conflict", "the record has changed: read it again")
        }
        E::PayloadTooLarge => {
            (S::PAYLOAD_TOO_LARGE, "Payload too large", "the body is larger than allowed")
        }
        E::UriTooLong => (S::URI_TOO_LONG, "URI too long", "the address is longer than allowed"),
        E::UnsupportedMediaType => {
            (S::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "the body must be JSON")
        }
        E::ValidationFailed => {
            (S::UNPROCESSABLE_ENTITY, "Validation failed", "some fields were refused: see errors")
        }
        E::TooManyRequests => {
            (S::TOO_MANY_REQUESTS, "Too many requests", "too many attempts: wait, then retry")
        }
        E::HeadersTooLarge => (
            S::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Headers too large",
            "the headers are larger or more than allowed",
        ),
        E::Overloaded => {
            (S::SERVICE_UNAVAILABLE, "Overloaded", "the server is too busy: retry later")
        }
        E::Unavailable => {
            (S::SERVICE_UNAVAILABLE, "Unavailable", "the service is not available: retry later")
        }
        E::Timeout => (
            S::SERVICE_UNAVAILABLE,
            "Timeout",
            "the answer took too long; a write may have been done all the same: look, or repeat \
                 it with the same Idempotency-Key",
        ),
        // `Internal`, and whatever this version does not know.
        _ => (
            S::INTERNAL_SERVER_ERROR,
            "Internal error",
            "the server failed; its log has the cause under the request id",
        ),
    }
}

/// Who is told to come back later is always told when.
fn default_wait(code: ErrorCode) -> Option<Duration> {
    let later = matches!(
        code,
        ErrorCode::Overloaded
            | ErrorCode::Unavailable
            | ErrorCode::Timeout
            | ErrorCode::OidcUnavailable
            | ErrorCode::TooManyRequests
    );
    later.then_some(Duration::from_secs(1))
}

/// After these the rest of the request is unread or not to be trusted, so the
/// connection cannot carry another one.
fn closes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::BadRequest
            | ErrorCode::PayloadTooLarge
            | ErrorCode::UriTooLong
            | ErrorCode::HeadersTooLarge
            | ErrorCode::RequestTimeout
    )
}

fn challenge(code: ErrorCode) -> HeaderValue {
    HeaderValue::from_static(match code {
        ErrorCode::TokenExpired | ErrorCode::SessionEnded | ErrorCode::PermissionsChanged => {
            r#"Bearer error="invalid_token""#
        }
        _ => "Bearer",
    })
}

/// Rounded up: whoever waits that long has waited enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_but_internal_has_a_meaning_of_its_own() {
        let mut titles = std::collections::HashSet::new();
        for &code in ErrorCode::ALL {
            let (status, title, detail) = meaning(code);
            assert!(status.is_client_error() || status.is_server_error(), "{code}");
            assert!(titles.insert(title), "{code} shares the title {title:?}");
            assert!(!detail.is_empty(), "{code}");
            let internal = code == ErrorCode::Internal;
            assert_eq!(internal, status == StatusCode::INTERNAL_SERVER_ERROR, "{code}");
        }
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
    }
}
