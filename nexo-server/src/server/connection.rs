//! The connections of a server, each a task.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Drained;
use super::callers::Callers;
use super::socket::{Phase, Socket};
use crate::app::App;
use crate::gateway::{self, limits};

#[derive(Debug)]
pub(super) struct Connections {
    app: Arc<App>,
    callers: Callers,
    http: http1::Builder,
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(app: Arc<App>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // It runs from the end of one request to the head of the next one;
            // how long the head itself takes is the socket's to watch.
            .header_read_timeout(app.http().idle_timeout)
            .max_headers(limits::PARSER_MAX_HEADER_COUNT)
            .max_buf_size(limits::PARSER_MAX_HEAD);
        let callers = Callers::new(app.http().max_connections_per_ip);
        Self { app, callers, http, tasks: JoinSet::new(), graceful: GracefulShutdown::new() }
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
        let seat = if self.app.http().trusts(peer.ip()) {
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
        let app = self.app.clone();
        let phase = Phase::default();
        let socket = Socket::new(stream, phase.clone(), app.http());
        let service = service_fn(move |request| {
            // Here and not in the future: the next read must know it already.
            phase.request_begins();
            let (app, phase) = (app.clone(), phase.clone());
            async move {
                let reply = gateway::serve(&app, peer, request).await;
                phase.request_ends();
                Ok::<_, Infallible>(reply)
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(socket), service);
        let connection = self.graceful.watch(connection);
        let open = self.app.metrics().connections().open();
        self.tasks.spawn(async move {
            let _held = (seat, open);
            if let Err(error) = connection.await {
                // Callers that break off or send what is no HTTP: their affair.
                tracing::debug!(%peer, error = crate::failure::chain(&error), "connection ended");
            }
        });
    }

    /// Lets every request in flight finish, for at most `limit`, and cuts what
    /// is left. Idle connections are closed at once.
    pub(super) async fn finish(self, limit: Duration) -> Drained {
        let Self { mut tasks, graceful, .. } = self;
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
