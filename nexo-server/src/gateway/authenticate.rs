//! From an `Authorization` header to the scope of a tenant.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use nexo_core::model::ErrorCode;
use nexo_core::{TenantScope, TokenVerifier};

use crate::app::App;
use crate::config::Role;
use crate::failure::{Failure, Outcome};

/// The longest access token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The scope of a verified token. Whether its session still lives is decided
/// by the database, in the flush that does the work.
///
/// A gateway only refuses what the others need not be asked about: they verify
/// the token again, and nothing that it found out is believed. An API key has no
/// scope there, because only a database can tell whether it is one.
pub(super) async fn scope(app: &App, headers: &HeaderMap) -> Outcome<Option<TenantScope>> {
    let token = || token(headers);
    if app.http().role != Role::Gateway {
        let services = app.services()?;
        return services.verify(token()?).await.map(Some);
    }
    let token = token()?;
    if TokenVerifier::is_api_key(token) {
        return Ok(None);
    }
    let keys = app.remotes().keys().ok_or_else(|| Failure::of(ErrorCode::Unavailable))?;
    keys.verify(token).await.map(Some)
}

fn token(headers: &HeaderMap) -> Outcome<&str> {
    bearer(headers).ok_or_else(|| Failure::of(ErrorCode::Unauthenticated))
}

/// The token of the only `Authorization` header. With two of them, which one
/// counts would depend on who reads them, so neither does.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let usable = !token.is_empty() && token.len() <= MAX_TOKEN;
    (usable && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("header text"));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token() {
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bEARER  abc "]).as_deref(), Some("abc"));
        for none in ["", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"] {
            assert_eq!(read(&[none]), None, "{none:?}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Bearer abc", "Bearer abc"]), None);
        assert_eq!(read(&[&format!("Bearer {}", "a".repeat(MAX_TOKEN + 1))]), None);
    }
}
