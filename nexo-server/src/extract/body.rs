//! Reading a body: bounded in size and in time, as a whole or in pieces.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use nexo_core::model::{ErrorCode, MIN_PIECE};

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
        Ok(Err(_)) => Err(broken()),
        Err(_) => Err(Failure::of(ErrorCode::RequestTimeout)),
    }
}

/// As much of a file is kept at once.
const PIECE: usize = 256 * 1024;

/// The next piece of a body, `None` after the last. A file has no time in
/// which it must arrive, but each of its pieces has.
///
/// It reads ahead, so that what is left for the last piece is never too small
/// to be one.
pub(super) async fn piece(
    body: &mut Incoming,
    ahead: &mut BytesMut,
    limit: Duration,
) -> Outcome<Option<Bytes>> {
    let gather = async {
        while ahead.len() < PIECE + MIN_PIECE {
            let Some(frame) = body.frame().await else {
                return Ok((!ahead.is_empty()).then(|| ahead.split().freeze()));
            };
            let frame = frame.map_err(|_| broken())?;
            if let Some(data) = frame.data_ref() {
                ahead.extend_from_slice(data);
            }
        }
        Ok(Some(ahead.split_to(PIECE).freeze()))
    };
    match tokio::time::timeout(limit, gather).await {
        Ok(gathered) => gathered,
        Err(_) => Err(Failure::of(ErrorCode::RequestTimeout)),
    }
}

fn broken() -> Failure {
    Failure::new(ErrorCode::BadRequest, "the body broke off, or its chunks are malformed")
}
