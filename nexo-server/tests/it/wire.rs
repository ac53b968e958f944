//! HTTP/1.1 by hand over a socket, so that tests can also send what no client
//! library would.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Long enough for any answer. Whoever waits longer hangs, and the test fails.
const HANGING: Duration = Duration::from_secs(60);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One reply.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In the order of the wire, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.expect("the server accepts")
    }

    pub(crate) async fn try_connect(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(source: SocketAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(source).expect("the address is this machine's");
        let stream = socket.connect(address).await.expect("the server accepts");
        Self { stream, unread: Vec::new() }
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Sends what the server may refuse to read to its end.
    pub(crate) async fn send_unheeded(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> Reply {
        self.try_reply(true).await.expect("the server answers")
    }

    /// The next reply, to a `HEAD` request.
    pub(crate) async fn reply_to_head(&mut self) -> Reply {
        self.try_reply(false).await.expect("the server answers")
    }

    /// Waits until the server asks for the body.
    pub(crate) async fn until_continue(&mut self) {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        while self.unread.len() < CONTINUE.len() {
            assert!(self.fill().await, "closed without asking: {:?}", self.unread);
        }
        assert_eq!(self.unread.drain(..CONTINUE.len()).collect::<Vec<_>>(), CONTINUE);
    }

    /// Waits for the server to close the connection; what it still sent.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }

    /// The next reply, or what came instead of it.
    pub(crate) async fn try_reply(&mut self, has_body: bool) -> Result<Reply, String> {
        let head = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break self.unread.drain(..end + 4).collect::<Vec<_>>(),
                None if self.fill().await => {}
                None => return Err(format!("closed without a reply: {:?}", self.unread)),
            }
        };
        let head = String::from_utf8(head).expect("a head is text");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let status = status.parse().expect("a number");
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply { status, headers, body: Vec::new() };
        let length: usize =
            reply.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        if has_body && reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks().await?;
        } else if has_body {
            while self.unread.len() < length {
                if !self.fill().await {
                    return Err("closed within a body".to_owned());
                }
            }
            reply.body = self.unread.drain(..length).collect();
        }
        Ok(reply)
    }

    /// The body of a reply in chunks.
    async fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The next chunk of a reply; the last one is empty.
    pub(crate) async fn chunk(&mut self) -> Result<Vec<u8>, String> {
        let end = self.line_end().await?;
        let size = std::str::from_utf8(&self.unread[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        while self.unread.len() < end + 2 + size + 2 {
            if !self.fill().await {
                return Err("closed within a chunk".to_owned());
            }
        }
        let chunk = self.unread[end + 2..end + 2 + size].to_vec();
        self.unread.drain(..end + 2 + size + 2);
        Ok(chunk)
    }

    /// Waits for the first line of a reply and leaves all of it unread.
    pub(crate) async fn until_head(&mut self) {
        self.line_end().await.expect("the server answers");
    }

    /// Waits for the head of a reply and passes it over; its first line.
    pub(crate) async fn head(&mut self) -> String {
        self.until_head().await;
        let end = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end,
                None => assert!(self.fill().await, "closed without a head"),
            }
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).expect("text");
        head.lines().next().unwrap_or_default().to_owned()
    }

    async fn line_end(&mut self) -> Result<usize, String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|window| window == b"\r\n") {
                return Ok(end);
            }
            if !self.fill().await {
                return Err("closed between chunks".to_owned());
            }
        }
    }

    /// Reads some bytes; false at the end, and also when the connection was
    /// reset.
    async fn fill(&mut self) -> bool {
        let read = timeout(HANGING, self.stream.read_buf(&mut self.unread)).await;
        matches!(read.expect("the connection hangs"), Ok(1..))
    }
}

impl Reply {
    /// The value of a header; the test fails if it is there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)),
        }
    }

    /// The stable code of a problem document, after a check of its form.
    pub(crate) fn problem(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let body = self.json();
        assert_eq!(body["status"], self.status, "{text}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{text}");
        let code = body["code"].as_str().expect("a code");
        assert_eq!(body["type"], format!("urn:nexo:error:{code}"), "{text}");
        for member in ["title", "detail", "instance", "timestamp"] {
            assert!(body[member].is_string(), "{member} is missing in {text}");
        }
        code.to_owned()
    }
}
