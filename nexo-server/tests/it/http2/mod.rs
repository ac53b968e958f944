//! HTTP/2, which the server speaks with its trusted proxies: what should not be sent is
//! answered as over HTTP/1.1, and no connection is more than one's own.
//!
//! What one parser could read otherwise than another (`server/head_scan.rs`) has no
//! counterpart there; what has one is refused by the protocol, or by the gateway.

mod bodies;
mod floods;
mod frames;
mod heads;
mod memory;
mod numbers;
mod requests;
mod slow;

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use nexo_server::HttpConfig;

use crate::harness::{Call, TestServer};
use crate::wire::Reply;

const AUTHORITY: &str = "nexo.test";

/// One that takes its callers on this machine for its proxies.
fn trusting(config: HttpConfig) -> HttpConfig {
    HttpConfig { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..config }
}

async fn server() -> TestServer {
    TestServer::with(trusting(HttpConfig::default())).await
}

/// A connection of a proxy.
#[derive(Clone)]
struct Http2(SendRequest<Bytes>);

impl Http2 {
    async fn connect(address: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(send)
    }

    /// The reply to a request, or how its stream ended.
    async fn send(&self, request: Request<()>, body: Vec<u8>) -> Result<Reply, h2::Error> {
        let (response, mut stream) = self.begin(request, body.is_empty()).await?;
        if !body.is_empty() {
            // Who answers before the end may reset the rest.
            drop(stream.send_data(body.into(), true));
        }
        read(response.await?).await
    }

    /// Sends a head; what is to come, and where its body goes.
    async fn begin(
        &self,
        request: Request<()>,
        is_all: bool,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        self.0.clone().ready().await?.send_request(request, is_all)
    }

    /// Sends what was meant for HTTP/1.1.
    async fn call(&self, call: Call) -> Result<Reply, h2::Error> {
        let (_, head, body) = call.into_parts();
        self.send(request(&head), body).await
    }
}

/// A head of HTTP/1.1 as HTTP/2 has it.
fn request(head: &str) -> Request<()> {
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let mut request = Request::builder().method(method).uri(format!("http://{AUTHORITY}{path}"));
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        // These two are of HTTP/1.1.
        if !["host", "connection"].contains(&name) {
            request = request.header(name, value);
        }
    }
    request.body(()).unwrap()
}

async fn read(response: Response<h2::RecvStream>) -> Result<Reply, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let headers = head.headers.iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().expect("header text").to_owned()));
    let (status, headers) = (head.status.as_u16(), headers.collect());
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok(Reply { status, headers, body })
}

/// Both protocols, for what is answered alike.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    pub(crate) async fn send(self, call: Call) -> Reply {
        match self {
            Self::Http1 => call.send().await,
            Self::Http2 => {
                let (address, head, body) = call.into_parts();
                let connection = Http2::connect(address).await;
                connection.send(request(&head), body).await.expect("the server answers")
            }
        }
    }
}
