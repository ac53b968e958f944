//! How slowly the replies of an HTTP/2 connection may be read.
//!
//! One that nobody reads holds up no other there, so that the socket cannot tell:
//! each stream has a time of its own, after which it is reset.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf as _;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::HttpConfig;
use crate::gateway::{BrokenOff, Held, ReplyBody};

/// As much of a reply may be unread for ever: the cap on streams bounds the sum.
const PIECE: usize = 16 * 1024;

/// What hyper spawns streams with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams;

/// How long a reply may take.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Until(Instant),
    /// Its size is not known, but nothing of it may stay unread for so long.
    Moving(Duration),
}

tokio::task_local! {
    /// None before there is a reply.
    static READING: Cell<Option<Reading>>;
}

impl<S: Future<Output = ()> + Send + 'static> Executor<S> for Streams {
    fn execute(&self, stream: S) {
        tokio::spawn(READING.scope(Cell::new(None), hold(stream)));
    }
}

/// A reply in pieces that are handed on one by one, as they are read: what was handed
/// on has left its stream, and its time with it.
pub(super) struct Measured {
    body: ReplyBody,
    rest: Option<Held>,
}

impl Measured {
    /// From now on the reply of this stream is to be read.
    pub(super) fn begin(config: &HttpConfig, reply: Response<ReplyBody>) -> Response<Self> {
        time(config, &reply);
        reply.map(|body| Self { body, rest: None })
    }
}

impl Body for Measured {
    type Data = Held;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, BrokenOff>>> {
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => match ready!(Pin::new(&mut self.body).poll_frame(cx)?) {
                None => return Poll::Ready(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) => data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            },
        };
        if rest.remaining() > PIECE {
            let piece = rest.split_to(PIECE);
            self.rest = Some(rest);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(Some(Ok(Frame::data(rest))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            None => self.body.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}

fn time(config: &HttpConfig, reply: &Response<ReplyBody>) {
    let reading = match reply.body().size_hint().exact() {
        Some(size) => {
            let earned = size.saturating_mul(1000) / u64::from(config.reply_rate.max(1));
            let limit = config.reply_timeout + Duration::from_millis(earned);
            Reading::Until(Instant::now() + limit)
        }
        None => Reading::Moving(config.idle_timeout),
    };
    READING.with(|it| it.set(Some(reading)));
}

/// Drops the stream, and so resets it, when its time is over.
async fn hold(stream: impl Future<Output = ()>) {
    let mut stream = pin!(stream);
    let mut timer = pin!(None::<Sleep>);
    poll_fn(|cx| {
        // Before the stream moves: it is this timer that has woken it.
        if timer.as_ref().as_pin_ref().is_some_and(|timer| timer.is_elapsed()) {
            tracing::debug!("a reply was read too slowly");
            return Poll::Ready(());
        }
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(reading) = READING.with(Cell::get) else { return Poll::Pending };
        let end = match reading {
            Reading::Until(end) => end,
            Reading::Moving(limit) => Instant::now() + limit,
        };
        if timer.is_none() {
            timer.set(Some(sleep_until(end)));
        }
        let Some(mut timer) = timer.as_mut().as_pin_mut() else { return Poll::Pending };
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.poll(cx)
    })
    .await;
}
