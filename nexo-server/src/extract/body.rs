//! Reading a body: bounded in size and in time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};
use crate::gateway::limits::MAX_BODY;

/// The whole body. A declared length was checked by the gateway; this counts
/// what really arrives, which is all there is to count in a chunked body.
pub(super) async fn read(body: &mut Incoming, limit: Duration) -> Outcome<Bytes> {
    let whole = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(limit, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Failure::of(ErrorCode::PayloadTooLarge))
        }
        Ok(Err(_)) => Err(Failure::new(
            ErrorCode::BadRequest,
            "the body broke off, or its chunks are malformed",
        )),
        Err(_) => Err(Failure::of(ErrorCode::RequestTimeout)),
    }
}
