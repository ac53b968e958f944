//! Which protocol a connection speaks.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How an HTTP/2 connection begins (RFC 9113, 3.4). All of it is awaited here: what
/// takes the connection from here on waits for as long as it takes.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long to wait for the rest of what has begun.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether the other side speaks HTTP/2 without having been asked; none if it says
/// too little for too long. Nothing is taken from the socket.
pub(super) async fn is_http2(stream: &TcpStream, limit: Duration) -> Option<bool> {
    timeout(limit, peek(stream)).await.ok()
}

async fn peek(stream: &TcpStream) -> bool {
    let mut start = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return false,
            Ok(count) if start[..count] != PREFACE[..count] => return false,
            Ok(count) if count == PREFACE.len() => return true,
            // Some bytes are there already, so waiting for them would not wait.
            Ok(_) => sleep(PAUSE).await,
        }
    }
}
