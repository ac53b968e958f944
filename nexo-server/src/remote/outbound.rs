//! The body of a request on its way to another process.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use nexo_core::model::ErrorCode;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};

/// A caller who sends a file must send so much of it in each time limit.
const PIECE: u64 = 256 * 1024;

/// What a caller sends, handed on as it comes; or nothing.
#[derive(Debug, Default)]
pub(super) struct Outbound(Option<Box<Streamed>>);

#[derive(Debug)]
struct Streamed {
    body: Incoming,
    /// How much more the route takes.
    left: u64,
    /// How much more must come before the timer runs out.
    piece: u64,
    pieces: bool,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    fault: CallerFault,
}

/// What the caller did wrong while its body was handed on: then the other side
/// is not to blame for what became of the request.
#[derive(Debug, Clone, Default)]
pub(super) struct CallerFault(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    fault: OnceLock<ErrorCode>,
    /// The next piece was asked for and has not come.
    awaited: AtomicBool,
    /// A piece was handed on, or the end.
    moved: Notify,
}

impl CallerFault {
    pub(super) fn get(&self) -> Option<ErrorCode> {
        self.0.fault.get().copied()
    }

    /// The time for the request is over: whether that is for want of the body.
    pub(super) fn ran_out(&self) {
        if self.0.awaited.load(Ordering::Relaxed) {
            let _ = self.0.fault.set(ErrorCode::RequestTimeout);
        }
    }

    /// Waits until nothing was asked for and handed on for so long: the other side takes
    /// no more, or has all of it and does not answer. While it waits for the caller, it
    /// is the caller's time that runs.
    pub(super) async fn stalled(&self, patience: Duration) {
        while timeout(patience, self.0.moved.notified()).await.is_ok()
            || self.0.awaited.load(Ordering::Relaxed)
        {}
    }
}

/// Ends the request: it is not whole.
#[derive(Debug, thiserror::Error)]
#[error("the caller's body could not be handed on: {0}")]
pub(super) struct Cut(ErrorCode);

impl Outbound {
    /// A body of at most `most` bytes, which must come within `timeout` as a
    /// whole, or, if it is a file, piece by piece.
    pub(super) fn streamed(
        body: Incoming,
        most: u64,
        timeout: Duration,
        is_file: bool,
    ) -> (Self, CallerFault) {
        let fault = CallerFault::default();
        let timer = Box::pin(sleep(timeout));
        let streamed = Streamed {
            body,
            left: most,
            piece: PIECE,
            pieces: is_file,
            timeout,
            timer,
            fault: fault.clone(),
        };
        (Self(Some(Box::new(streamed))), fault)
    }

    pub(super) fn nothing() -> Self {
        Self(None)
    }
}

impl Streamed {
    fn cut(&self, code: ErrorCode) -> Cut {
        // The first fault is the one that counts.
        let _ = self.fault.0.fault.set(code);
        Cut(code)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.fault.0.awaited.store(frame.is_pending(), Ordering::Relaxed);
        let Poll::Ready(frame) = frame else {
            ready!(self.timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err(self.cut(ErrorCode::RequestTimeout))));
        };
        self.fault.0.moved.notify_one();
        Poll::Ready(match frame {
            None => None,
            Some(Err(_)) => Some(Err(self.cut(ErrorCode::BadRequest))),
            Some(Ok(frame)) => {
                // Trailers say nothing here.
                let Ok(data) = frame.into_data() else { return Poll::Ready(None) };
                let size = data.len() as u64;
                if size > self.left {
                    return Poll::Ready(Some(Err(self.cut(ErrorCode::PayloadTooLarge))));
                }
                self.left -= size;
                self.piece = self.piece.saturating_sub(size);
                if self.pieces && self.piece == 0 {
                    self.piece = PIECE;
                    self.timer = Box::pin(sleep(self.timeout));
                }
                Some(Ok(Frame::data(data)))
            }
        })
    }
}

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut self.get_mut().0 {
            None => Poll::Ready(None),
            Some(streamed) => streamed.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|streamed| streamed.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |streamed| streamed.body.size_hint())
    }
}
