//! Which protocol a connection speaks.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// An HTTP/2 connection begins with `PRI * HTTP/2.0`, and no method does.
const PREFACE: &[u8] = b"PRI ";
/// How long to wait for the rest of what has begun.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether the other side speaks HTTP/2 without having been asked. Nothing is
/// taken from the socket.
pub(super) async fn is_http2(stream: &TcpStream, limit: Duration) -> bool {
    timeout(limit, peek(stream)).await.unwrap_or(false)
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
