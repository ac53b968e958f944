//! A connection's socket, which no slow or careless caller can hold for ever.
//!
//! hyper's one read timeout spans the pause between two requests and the head
//! of the next, so it must be long. This socket bounds what hyper does not:
//! how long a head that has begun may take, how long a reply may stay unread,
//! and how long what the caller still sends is awaited after the last reply.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Closing a socket with unread data resets the connection, and the reset may
/// overtake the reply (a 413, say). So the rest is read, for this long.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection is doing, known to its socket and its service.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<AtomicU8>);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
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

#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    phase: Phase,
    head_timeout: Duration,
    write_timeout: Duration,
    head_since: Instant,
    // Timers exist only while something is awaited: a head that comes in one
    // piece and a reply that fits the system's buffer never make one.
    head_timer: Timer,
    write_timer: Timer,
    linger_timer: Timer,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        phase: Phase,
        head_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        Self {
            stream,
            phase,
            head_timeout,
            write_timeout,
            head_since: Instant::now(),
            head_timer: None,
            write_timer: None,
            linger_timer: None,
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

    /// Bounds how long writing may stand still.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        progress: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if progress.is_ready() {
            self.write_timer = None;
            return progress;
        }
        let timeout = self.write_timeout;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
        progress
    }
}

impl AsyncWrite for Socket {
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
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger_timer.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.linger_timer = Some(Box::pin(sleep(LINGER)));
        }
        let mut discarded = [0; 4096];
        loop {
            let timer = self.linger_timer.as_mut().expect("it was set above");
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
