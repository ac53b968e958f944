//! The body of a reply on its way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Version;
use http::header::CONTENT_LENGTH;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use nexo_core::model::ErrorCode;
use tracing::Span;

use super::reply_memory::{Held, Room};
use crate::failure::{Failure, Outcome};
use crate::respond::{Body, Pieces, Reply};
use crate::traffic::Place;

/// What hyper sends.
pub(crate) enum ReplyBody {
    Whole(Full<Held>),
    /// The room is held until the last piece is written, and so is the place of a file.
    Pieces {
        pieces: Pieces,
        /// In what is logged while it is sent.
        span: Span,
        _room: Room,
        _place: Option<Place>,
    },
}

/// Ends the connection: what was sent is no whole file.
#[derive(Debug, thiserror::Error)]
#[error("the reply broke off")]
pub(crate) struct BrokenOff;

/// Before HTTP/1.1 the end of a connection is the end of a body, so that one which
/// broke off would look whole.
pub(super) fn check(version: Version, reply: Reply) -> Outcome<Reply> {
    match reply.body() {
        // One whose length is said is known to be whole.
        Body::Pieces { .. }
            if version < Version::HTTP_11 && !reply.headers().contains_key(CONTENT_LENGTH) =>
        {
            Err(Failure::new(ErrorCode::BadRequest, "a file is sent over HTTP/1.1 and later only"))
        }
        _ => Ok(reply),
    }
}

impl ReplyBody {
    pub(super) fn new(body: Body, room: Room, place: Option<Place>, span: Span) -> Self {
        match body {
            Body::Whole(bytes) => Self::Whole(Full::new(Held::new(bytes, room))),
            Body::Pieces { pieces, is_file, .. } => {
                let place = place.filter(|_| is_file);
                Self::Pieces { pieces, span, _room: room, _place: place }
            }
        }
    }
}

impl HttpBody for ReplyBody {
    type Data = Held;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            Self::Pieces { pieces, span, .. } => {
                let _in = span.enter();
                Poll::Ready(match ready!(pieces.as_mut().poll_next(cx)) {
                    None => None,
                    Some(Ok(bytes)) => Some(Ok(Frame::data(Held::new(bytes, Room::default())))),
                    Some(Err(failure)) => {
                        log(&failure);
                        Some(Err(BrokenOff))
                    }
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Pieces { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Pieces { .. } => SizeHint::default(),
        }
    }
}

/// Its request's line was written when the reply began.
fn log(failure: &Failure) {
    let (code, cause) = (failure.code().as_str(), failure.cause());
    tracing::warn!(target: "nexo_server::request", code, cause, "the reply broke off");
}
