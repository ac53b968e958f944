//! The connections of a server, each a task.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Drained;
use super::callers::Callers;
use super::preface::is_http2;
use super::socket::{Phase, Socket};
use super::streams::{Measured, Streams};
use super::tls::{Certificates, handshake};
use crate::app::App;
use crate::gateway::{self, ReplyBody, limits};
use crate::remote::LARGEST_WINDOW;

/// As much of a body waits for its handler.
const WINDOW: u32 = 256 * 1024;

#[derive(Debug)]
pub(super) struct Connections {
    app: Arc<App>,
    certificates: Option<Certificates>,
    callers: Callers,
    http: Arc<http1::Builder>,
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
    /// Whether handshakes are given up.
    closing: watch::Sender<bool>,
}

/// What one connection is served with.
pub(super) struct Serving {
    app: Arc<App>,
    http: Arc<http1::Builder>,
    watcher: Watcher,
    peer: SocketAddr,
}

impl Connections {
    pub(super) fn new(app: Arc<App>, certificates: Option<Certificates>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // It runs from the end of one request to the head of the next one;
            // how long the head itself takes is the socket's to watch.
            .header_read_timeout(app.http().idle_timeout)
            .max_buf_size(limits::PARSER_MAX_HEAD);
        let callers = Callers::new(app.http().max_connections_per_ip, app.http().max_connections);
        let (http, graceful) = (Arc::new(http), GracefulShutdown::new());
        let (tasks, closing) = (JoinSet::new(), watch::Sender::new(false));
        Self { app, certificates, callers, http, tasks, graceful, closing }
    }

    /// Waits until another connection is allowed.
    pub(super) async fn room_for_one(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() >= self.app.http().max_connections {
            self.tasks.join_next().await;
        }
    }

    /// Serves a connection; closes it at once if its caller has enough of them.
    pub(super) fn spawn(&mut self, stream: TcpStream, peer: SocketAddr) {
        // A proxy has the connections of many callers.
        let is_trusted = self.app.http().trusts(peer.ip());
        let seat = if is_trusted {
            None
        } else {
            let Some(seat) = self.callers.seat(peer.ip()) else {
                self.app.metrics().connections().refused();
                return;
            };
            Some(seat)
        };
        // Replies are written whole, so there is nothing to gather.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let serving = self.serving(peer);
        let mut closing = self.closing.subscribe();
        let open = self.app.metrics().connections().open();
        let Some(certificates) = self.certificates.clone() else {
            self.tasks.spawn(async move {
                let _held = (seat, open);
                // Strangers get no HTTP/2, and so none of what can be done with it.
                let is_http2 = tokio::select! {
                    found = is_http2(&stream, serving.app.http().header_timeout), if is_trusted => {
                        let Some(found) = found else { return };
                        found
                    }
                    _ = closing.wait_for(|closing| *closing), if is_trusted => return,
                    else => false,
                };
                if is_http2 {
                    serving.serve_http2(stream).await;
                } else {
                    serving.serve(stream).await;
                }
            });
            return;
        };
        self.tasks.spawn(async move {
            let _held = (seat, open);
            let limit = serving.app.http().header_timeout;
            let stream = tokio::select! {
                shaken = handshake(&certificates, stream, limit) => shaken,
                _ = closing.wait_for(|closing| *closing) => return,
            };
            match stream {
                Ok(stream) => serving.serve(stream).await,
                // Scanners, who speaks no TLS, and who does not trust the certificate.
                Err(error) => tracing::debug!(%peer, %error, "no TLS connection"),
            }
        });
    }

    pub(super) fn serving(&self, peer: SocketAddr) -> Serving {
        let (app, http) = (self.app.clone(), self.http.clone());
        Serving { app, http, watcher: self.graceful.watcher(), peer }
    }

    /// Lets every request in flight finish, for at most `limit`, and cuts what
    /// is left. Idle connections are closed at once.
    pub(super) async fn finish(self, limit: Duration) -> Drained {
        let Self { mut tasks, graceful, closing, .. } = self;
        closing.send_replace(true);
        let all = async {
            graceful.shutdown().await;
            while tasks.join_next().await.is_some() {}
        };
        if timeout(limit, all).await.is_ok() {
            return Drained::Completely;
        }
        while tasks.try_join_next().is_some() {}
        let left = tasks.len();
        tasks.shutdown().await;
        if left == 0 { Drained::Completely } else { Drained::Cut(left) }
    }
}

impl Serving {
    /// Answers what comes over the stream, until its end.
    pub(super) async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { app, http, watcher, peer } = self;
        let phase = Phase::default();
        let socket = TokioIo::new(Socket::new(stream, phase.clone(), app.http()));
        let connection = http.serve_connection(socket, requests(app, peer, Some(phase)));
        ended(watcher.watch(connection).await, peer);
    }

    /// The same with a gateway that speaks HTTP/2.
    async fn serve_http2(self, stream: TcpStream) {
        let Self { app, watcher, peer, .. } = self;
        let answers = requests(app.clone(), peer, None);
        let http = http2(&app);
        let measured = service_fn(move |request| {
            let (app, reply) = (app.clone(), answers.call(request));
            async move { Ok::<_, Infallible>(Measured::begin(app.http(), reply.await?)) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), measured);
        ended(watcher.watch(connection).await, peer);
    }
}

fn ended(result: hyper::Result<()>, peer: SocketAddr) {
    if let Err(error) = result {
        // Callers that break off or send what is no HTTP: their affair.
        tracing::debug!(%peer, error = crate::failure::chain(&error), "connection ended");
    }
}

/// HTTP/2 for gateways: as many requests at a time as there are places.
fn http2(app: &App) -> http2::Builder<Streams> {
    let mut http = http2::Builder::new(Streams);
    let most = u32::try_from(app.http().max_connections).unwrap_or(u32::MAX);
    http.timer(TokioTimer::new())
        .keep_alive_interval(app.http().idle_timeout)
        .keep_alive_timeout(app.http().header_timeout)
        .max_concurrent_streams(most)
        // A body that waits for its handler holds up no other.
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(LARGEST_WINDOW)
        .max_header_list_size(u32::try_from(limits::PARSER_MAX_HEAD).unwrap_or(u32::MAX))
        .max_send_buf_size(limits::PARSER_MAX_HEAD);
    http
}

/// Answers the requests of a connection.
fn requests(
    app: Arc<App>,
    peer: SocketAddr,
    phase: Option<Phase>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<ReplyBody>,
    Error = Infallible,
    Future: Send + 'static,
> {
    service_fn(move |request| {
        // Here and not in the future: the next read must know it already.
        phase.as_ref().inspect(|phase| phase.request_begins());
        let (app, phase) = (app.clone(), phase.clone());
        async move {
            let reply = gateway::serve(&app, peer, request).await;
            phase.inspect(Phase::request_ends);
            Ok(reply)
        }
    })
}
