//! The name of a request, in the reply and in the log.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Builder;
use uuid::fmt::Hyphenated;

use crate::respond::Reply;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LEN: usize = 64;

/// An id that is safe to log and to echo.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id if it is a sane one, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_sane(given.as_bytes()) => Self(given.clone()),
            _ => Self::new(),
        }
    }

    fn new() -> Self {
        // Another one each time, and no secret: the system need not be asked for it.
        let random = fastrand::u128(..).to_ne_bytes();
        let [random @ .., _, _, _, _, _, _] = random;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(since_epoch.as_millis() as u64, &random);
        let mut text = [0; Hyphenated::LENGTH];
        let text = id.into_uuid().as_hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).expect("a UUID is header text"))
    }

    pub(crate) fn value(&self) -> &HeaderValue {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().expect("sane ids and UUIDs are ASCII")
    }
}

pub(super) fn stamp(reply: &mut Reply, id: &RequestId) {
    reply.headers_mut().insert(X_REQUEST_ID, id.0.clone());
}

fn is_sane(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_LEN).contains(&id.len()) && id.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_kept() {
        let id = |given: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(given));
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(id("a.B_c-9"), "a.B_c-9");
        for odd in ["", "a b", "a/b", "${jndi}", &"x".repeat(65).leak()[..]] {
            let odd: &'static str = odd.to_owned().leak();
            assert_ne!(id(odd), odd);
            assert_eq!(id(odd).len(), 36);
        }
    }
}
