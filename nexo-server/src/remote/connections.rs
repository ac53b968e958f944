//! The connections to one process.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::outbound::Outbound;
use crate::config::Protocol;

/// Connections that nobody uses and that are kept all the same.
const MOST_IDLE: usize = 64;
/// The most of a reply that waits here for its reader.
pub(super) const READ_BUFFER: usize = 64 * 1024;
/// The largest that HTTP/2 knows.
pub(crate) const LARGEST_WINDOW: u32 = (1 << 31) - 1;
/// An HTTP/2 connection that says nothing for so long is asked, and given up
/// when it does not answer either.
const SILENCE: Duration = Duration::from_secs(5);

/// Makes connections and keeps them for the next request.
#[derive(Debug)]
pub(super) struct Connections {
    address: SocketAddr,
    protocol: Protocol,
    connect_timeout: Duration,
    idle_timeout: Duration,
    /// HTTP/1.1: the last one used is the first one used again.
    idle: Mutex<Vec<Idle>>,
    /// HTTP/2: all requests share one.
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Outbound>>>,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<Outbound>,
    since: Instant,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) struct Unsent {
    /// The request, if certainly nothing of it was sent.
    pub(super) request: Option<Request<Outbound>>,
    pub(super) cause: SendError,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("it cannot be connected to")]
    Connect(#[source] std::io::Error),
    #[error("no connection was made in time")]
    ConnectTimeout,
    #[error("its circuit breaker is open")]
    BreakerOpen,
    #[error("it did not answer in time")]
    Timeout,
    #[error("it refused the request: {0}")]
    Stream(String),
    #[error("the connection failed")]
    Connection(#[source] hyper::Error),
}

/// What a reply's body is read from, to be given back after its end.
#[derive(Debug)]
pub(super) struct Lease(Option<http1::SendRequest<Outbound>>);

impl Connections {
    pub(super) fn new(
        address: SocketAddr,
        protocol: Protocol,
        connect_timeout: Duration,
        idle_timeout: Duration,
    ) -> Self {
        let (idle, shared) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { address, protocol, connect_timeout, idle_timeout, idle, shared }
    }

    /// Sends a request; the head of the reply, and the body yet to come.
    pub(super) async fn send(
        &self,
        request: Request<Outbound>,
    ) -> Result<(Response<Incoming>, Lease), Unsent> {
        match self.protocol {
            Protocol::Http1 => self.send_http1(request).await,
            Protocol::H2c => self.send_h2c(request).await,
        }
    }

    /// For the next request, after the whole body was read.
    pub(super) fn give_back(&self, lease: Lease) {
        let Some(sender) = lease.0 else { return };
        let mut idle = self.idle();
        if !sender.is_closed() && idle.len() < MOST_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    async fn send_http1(
        &self,
        mut request: Request<Outbound>,
    ) -> Result<(Response<Incoming>, Lease), Unsent> {
        loop {
            let kept = self.take_idle();
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => match self.connect_http1().await {
                    Ok(sender) => sender,
                    Err(cause) => return Err(Unsent { request: Some(request), cause }),
                },
            };
            match sender.try_send_request(request).await {
                Ok(reply) => return Ok((reply, Lease(Some(sender)))),
                Err(failed) => {
                    let failed = unsent(failed);
                    match failed.request {
                        // The other side had closed it meanwhile, as it may.
                        Some(again) if is_kept => request = again,
                        request => return Err(Unsent { request, ..failed }),
                    }
                }
            }
        }
    }

    async fn send_h2c(
        &self,
        request: Request<Outbound>,
    ) -> Result<(Response<Incoming>, Lease), Unsent> {
        let mut sender = match self.shared_h2c().await {
            Ok(sender) => sender,
            Err(cause) => return Err(Unsent { request: Some(request), cause }),
        };
        match sender.try_send_request(request).await {
            Ok(reply) => Ok((reply, Lease(None))),
            Err(failed) => {
                let mut failed = unsent(failed);
                // One stream was reset, and the connection goes on.
                if let (SendError::Connection(error), false) = (&failed.cause, sender.is_closed()) {
                    failed.cause = SendError::Stream(error.to_string());
                }
                Err(failed)
            }
        }
    }

    fn take_idle(&self) -> Option<http1::SendRequest<Outbound>> {
        let mut idle = self.idle();
        idle.retain(|kept| !kept.sender.is_closed() && kept.since.elapsed() < self.idle_timeout);
        // One whose reply was read a moment ago may not be ready yet: it is kept.
        let at = idle.iter().rposition(|kept| kept.sender.is_ready())?;
        Some(idle.swap_remove(at).sender)
    }

    async fn connect(&self) -> Result<TcpStream, SendError> {
        let connecting = timeout(self.connect_timeout, TcpStream::connect(self.address)).await;
        let stream =
            connecting.map_err(|_| SendError::ConnectTimeout)?.map_err(SendError::Connect)?;
        stream.set_nodelay(true).map_err(SendError::Connect)?;
        Ok(stream)
    }

    async fn connect_http1(&self) -> Result<http1::SendRequest<Outbound>, SendError> {
        let stream = TokioIo::new(self.connect().await?);
        let mut http = http1::Builder::new();
        http.max_buf_size(READ_BUFFER);
        let (sender, connection) = http.handshake(stream).await.map_err(SendError::Connection)?;
        // It ends when the sender is dropped, or the other side.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn shared_h2c(&self) -> Result<http2::SendRequest<Outbound>, SendError> {
        // Nobody waits for those before them to fail one after the other.
        let shared = timeout(self.connect_timeout, self.shared.lock()).await;
        let mut shared = shared.map_err(|_| SendError::ConnectTimeout)?;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TokioIo::new(self.connect().await?);
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(SILENCE)
            .initial_stream_window_size(u32::try_from(READ_BUFFER).unwrap_or(u32::MAX))
            // Each stream has a bound of its own: some that nobody reads hold up no other.
            .initial_connection_window_size(LARGEST_WINDOW);
        let handshake = timeout(self.connect_timeout, http.handshake(stream)).await;
        let (sender, connection) =
            handshake.map_err(|_| SendError::ConnectTimeout)?.map_err(SendError::Connection)?;
        tokio::spawn(async move { drop(connection.await) });
        *shared = Some(sender.clone());
        Ok(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsent(mut failed: TrySendError<Request<Outbound>>) -> Unsent {
    Unsent { request: failed.take_message(), cause: SendError::Connection(failed.into_error()) }
}
