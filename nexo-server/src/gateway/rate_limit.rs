//! Where a caller stands with their quota, in the reply.

use std::sync::LazyLock;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::respond::Reply;
use crate::traffic::Standing;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Of several quotas, the one that leaves the least. What remains is for the
/// seconds of `RateLimit-Reset`; then there is more.
pub(super) fn stamp(reply: &mut Reply, standing: &Standing) {
    let headers = reply.headers_mut();
    // The service behind a gateway has counted something narrower.
    if headers.contains_key(LIMIT) {
        return;
    }
    headers.insert(LIMIT, number(standing.limit().into()));
    headers.insert(REMAINING, number(standing.remaining().into()));
    headers.insert(RESET, number(whole_seconds(standing.reset())));
}

/// Rounded up, as `Retry-After` is.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Three of them stand in each reply, and almost all are small: those are written
/// once.
fn number(number: u64) -> HeaderValue {
    static SMALL: LazyLock<Vec<HeaderValue>> =
        LazyLock::new(|| (0_u64..=1000).map(HeaderValue::from).collect());
    let small = usize::try_from(number).ok().and_then(|number| SMALL.get(number));
    small.cloned().unwrap_or_else(|| number.into())
}
