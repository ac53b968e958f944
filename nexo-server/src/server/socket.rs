//! A connection's socket, which no slow or careless caller can hold for ever.
//!
//! hyper's one read timeout spans the pause between two requests and the head
//! of the next, so it must be long. This socket bounds what hyper does not:
//! how long a head may take that has begun or that is a connection's first, how
//! long a reply may stay unread, how much is read from a caller who does not
//! read, and how long what the caller still sends is awaited after the last
//! reply.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::head_scan::HeadScan;
use super::write_pace::WritePace;
use crate::config::HttpConfig;

/// Closing a socket with unread data resets the connection, and the reset may
/// overtake the reply (a 413, say). So the rest is read, for this long.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection is doing, known to its socket and its service.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<AtomicU8>);

/// A connection begins with this: one that never says a word is of no use to
/// anybody, and is not given the patience for one that has been.
const HEAD: u8 = 0;
const IDLE: u8 = 1;
const REQUEST: u8 = 2;

impl Phase {
    pub(super) fn request_begins(&self) {
        self.set(REQUEST);
    }

    pub(super) fn request_ends(&self) {
        self.set(IDLE);
    }

    // All of it happens in the one task of the connection.
    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

type Timer = Option<Pin<Box<Sleep>>>;

/// Over TCP, or over TLS.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    phase: Phase,
    head_timeout: Duration,
    head_since: Instant,
    // Timers exist only while something is awaited: a head that comes in one
    // piece never makes one.
    head_timer: Timer,
    linger_timer: Timer,
    /// The last has been sent, and what comes is discarded.
    is_shut: bool,
    pace: WritePace,
    /// Somebody wanted to read while writing was held up.
    read_held_up: bool,
    heads: HeadScan,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, phase: Phase, config: &HttpConfig) -> Self {
        Self {
            stream,
            phase,
            head_timeout: config.header_timeout,
            head_since: Instant::now(),
            head_timer: None,
            linger_timer: None,
            is_shut: false,
            pace: WritePace::new(config),
            read_held_up: false,
            heads: HeadScan::default(),
        }
    }

    fn head_timed_out(&mut self, cx: &mut Context<'_>) -> bool {
        if self.phase.get() != HEAD {
            self.head_timer = None;
            return false;
        }
        let deadline = self.head_since + self.head_timeout;
        let timer = self.head_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// Bounds how slow writing may be.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        progress: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = progress else {
            return self.pace.poll_too_slow(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        };
        self.pace.progress(*result.as_ref().unwrap_or(&0));
        self.let_read(cx);
        Poll::Ready(result)
    }

    fn let_read(&mut self, cx: &mut Context<'_>) {
        if std::mem::take(&mut self.read_held_up) {
            cx.waker().wake_by_ref();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper answers pipelined requests as long as it can read some, and
        // buffers their replies: a caller who does not read is not read either.
        if self.pace.is_held_up() {
            self.read_held_up = true;
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let progress = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if progress.is_pending() {
            if self.head_timed_out(cx) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        } else if buffer.filled().len() > before && self.phase.get() == IDLE {
            self.phase.set(HEAD);
            self.head_since = Instant::now();
            self.head_timer = None;
        }
        let came = &mut buffer.filled_mut()[before..];
        if !came.is_empty() && !self.heads.passes(came) {
            // No parser makes anything of these: it answers 400, and closes.
            came.fill(0);
        }
        progress
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, data);
        self.written(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.written(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            // TLS takes bytes before the caller does.
            return self.pace.poll_too_slow(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        };
        // hyper flushes what it has written to the last byte.
        self.pace.done();
        self.let_read(cx);
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let timer = this.linger_timer.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut discarded = [0; 4096];
        loop {
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if !this.is_shut {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                this.is_shut = true;
            }
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
