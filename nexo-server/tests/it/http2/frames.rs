//! Frames by hand over a socket, for what no client library would send (RFC 9113, 4).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// Longer than any answer takes.
const HANGING: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Frames {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What the server says of a stream, or of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A reply begins, with this status if it is one of the most common ones.
    Answered(Option<u16>),
    Reset(u32),
    /// With what it says for people.
    GoAway(u32, String),
    Closed,
}

impl Frames {
    /// A connection that has begun.
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let mut frames = Self::silent(address).await;
        frames.bytes(PREFACE).await;
        frames.send(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// A connection on which nothing was sent.
    pub(super) async fn silent(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    /// Sends what the server may refuse to read.
    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends a frame; false if the server has closed the connection.
    pub(super) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.bytes(&frame(kind, flags, stream, payload)).await
    }

    /// Sends a whole head without a body.
    pub(super) async fn head(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields)).await;
    }

    /// What the server says next of this stream.
    pub(super) async fn said_of(&mut self, stream: u32) -> Said {
        loop {
            let Some((kind, of, payload)) = self.frame().await else { return Said::Closed };
            match kind {
                GOAWAY => {
                    let told = payload.get(8..).unwrap_or_default();
                    let code = number(&payload[4..]);
                    return Said::GoAway(code, String::from_utf8_lossy(told).into_owned());
                }
                RST_STREAM if of == stream => return Said::Reset(number(&payload)),
                HEADERS if of == stream => return Said::Answered(status(&payload)),
                _ => {}
            }
        }
    }

    /// Waits for the end of the connection.
    pub(super) async fn closed(&mut self) {
        while self.frame().await.is_some() {}
    }

    /// The next frame: its kind, its stream and its payload.
    async fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        loop {
            if let Some((head, rest)) = self.unread.split_first_chunk::<9>() {
                let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8;
                let length = length | usize::from(head[2]);
                if rest.len() >= length {
                    let (kind, stream) = (head[3], number(&head[5..]));
                    let payload = rest[..length].to_vec();
                    self.unread.drain(..9 + length);
                    return Some((kind, stream, payload));
                }
            }
            let read = timeout(HANGING, self.stream.read_buf(&mut self.unread)).await;
            if !matches!(read.expect("the connection hangs"), Ok(1..)) {
                return None;
            }
        }
    }
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields, each as a literal with a new name (RFC 7541, 6.2.2).
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fn text(text: &str, block: &mut Vec<u8>) {
        let mut left = text.len();
        if left < 127 {
            block.push(u8::try_from(left).unwrap());
        } else {
            block.push(127);
            left -= 127;
            while left >= 128 {
                block.push(u8::try_from(left % 128).unwrap() | 128);
                left /= 128;
            }
            block.push(u8::try_from(left).unwrap());
        }
        block.extend(text.as_bytes());
    }
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(name, &mut block);
        text(value, &mut block);
    }
    block
}

/// A field of a table that both sides have from the beginning (RFC 7541, A).
fn status(block: &[u8]) -> Option<u16> {
    match block.first()? {
        0x88 => Some(200),
        0x8c => Some(400),
        0x8d => Some(404),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().unwrap())
}
