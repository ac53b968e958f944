//! The listener for those who watch: apart from the one for callers, so that it
//! answers while that one is full or drains, and so that nobody outside reads it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nexo_core::model::ErrorCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::config::MetricsConfig;
use crate::failure::{Failure, Outcome};
use crate::gateway::{self, RequestId, limits};
use crate::handlers::health;
use crate::respond::{self, Body, Reply};
use crate::server::ServerError;

/// Few are watching, and each asks one thing at a time; further ones wait.
const CONNECTIONS: usize = 16;
/// How long a head may take.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may take in all: it is for one request.
const CONNECTION: Duration = Duration::from_secs(15);
/// After the system has refused to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and answers once it runs.
#[derive(Debug)]
pub(crate) struct MetricsListener {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl MetricsListener {
    /// Listens where it is told to, if it is. A port that is taken is no reason
    /// to end unless it was asked for.
    pub(crate) async fn bind(config: &MetricsConfig) -> Result<Option<Self>, ServerError> {
        let Some(address) = config.listen else { return Ok(None) };
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let local_addr = listener.local_addr()?;
            Ok::<_, io::Error>(Self { listener, local_addr })
        };
        match bound.await {
            Ok(bound) => Ok(Some(bound)),
            Err(source) if config.is_required => Err(ServerError::BindMetrics { address, source }),
            Err(error) => {
                tracing::warn!(
                    %address,
                    %error,
                    "no metrics: choose another address with --metrics-listen, or off"
                );
                Ok(None)
            }
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until it is dropped.
    pub(crate) async fn run(self, app: Arc<App>) {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS {
                connections.join_next().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, app.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot accept connections for metrics");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, app: Arc<App>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(reply(&app, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .max_buf_size(limits::MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(CONNECTION, connection).await {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

async fn reply(app: &App, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let id = RequestId::of(request.headers());
    let mut reply = answer(app, request.method(), path)
        .await
        .unwrap_or_else(|failure| respond::problem(&failure, path, id.as_str()));
    gateway::stamp(false, &mut reply, &id);
    reply.map(|body| match body {
        Body::Whole(bytes) => Full::new(bytes),
        Body::Pieces { .. } => unreachable!("nothing here is a file"),
    })
}

async fn answer(app: &App, method: &Method, path: &str) -> Outcome<Reply> {
    if *method != Method::GET && *method != Method::HEAD {
        return Err(Failure::method_not_allowed(HeaderValue::from_static("GET, HEAD")));
    }
    match path {
        "/metrics" => metrics(app).await,
        "/live" => health::live(),
        "/ready" => health::ready(app).await,
        "/health" => health::health(app).await,
        _ => Err(Failure::of(ErrorCode::RouteNotFound)),
    }
}

async fn metrics(app: &App) -> Outcome<Reply> {
    use crate::health::{auth, crm, database};
    let (auth, crm, database) = (auth(app).await, crm(app).await, database(app).await);
    let is_ready = health::readiness(app).await.is_ok();
    let services = [("auth", auth), ("crm", crm), ("database", database)];
    Ok(respond::metrics(app.metrics().text(is_ready, &services)?))
}
