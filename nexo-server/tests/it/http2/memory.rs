//! H3: how much memory bodies take that are too large, of a process of its own.

use std::fs;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Http2, read, request};
use crate::harness::{Call, User};
use crate::program::Program;

/// So many at once.
const CALLERS: usize = 8;
/// All that they may take together, in KiB, whatever they send: what is read of each is
/// a MiB at most, which may be there once more as what it was parsed to. Measured: 15 MiB.
const MOST: u64 = 24 * 1024;

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunked,
    Http2Length,
    Http2,
}

/// A client, but for its size.
fn body(size: usize) -> Bytes {
    let (start, end) = (r#"{"name":"a","notes":""#, r#""}"#);
    format!("{start}{}{end}", "n".repeat(size - start.len() - end.len())).into()
}

fn call(address: SocketAddr, user: &User) -> Call {
    Call::to(address, "POST", "/api/clients").by(user).header("content-type", "application/json")
}

/// The status of what a body is answered that is sent to its end, if anybody reads it.
async fn sent(address: SocketAddr, user: &User, framing: Framing, body: Bytes) -> u16 {
    let mut call = call(address, user);
    if matches!(framing, Framing::Length | Framing::Http2Length) {
        call = call.header("content-length", &body.len().to_string());
    }
    if let Framing::Http2Length | Framing::Http2 = framing {
        let connection = Http2::connect(address).await;
        let (_, head, _) = call.into_parts();
        let (response, mut stream) = connection.begin(request(&head), false).await.unwrap();
        // Who answers before the end may reset the rest.
        drop(stream.send_data(body, true));
        return read(response.await.unwrap()).await.unwrap().status;
    }
    let is_chunked = matches!(framing, Framing::Chunked);
    if is_chunked {
        call = call.header("transfer-encoding", "chunked");
    }
    let (_, head, _) = call.into_parts();
    let (mut reads, mut writes) = TcpStream::connect(address).await.unwrap().into_split();
    let sends = async {
        writes.write_all(format!("{head}\r\n").as_bytes()).await?;
        for piece in body.chunks(0x8000) {
            if is_chunked {
                writes.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            }
            writes.write_all(piece).await?;
            if is_chunked {
                writes.write_all(b"\r\n").await?;
            }
        }
        if is_chunked { writes.write_all(b"0\r\n\r\n").await } else { Ok(()) }
    };
    let mut answered = Vec::new();
    // Either may end with a reset, once the answer is here.
    let (_sent, _read) = tokio::join!(sends, reads.read_to_end(&mut answered));
    let text = String::from_utf8_lossy(&answered);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// A figure of the process, in KiB.
fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn h3_large_bodies_take_little_memory() {
    let program = Program::start(&["--trusted-proxy", "127.0.0.1"]);
    let (address, pid) = (program.address, program.pid());
    let user = program.register("ada").await;
    // The peak begins anew: a password's hash takes much.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let before = memory(pid, "VmHWM");
    let mega = 1000 * 1000;
    for framing in [Framing::Length, Framing::Chunked, Framing::Http2Length, Framing::Http2] {
        for (size, status) in [(mega, 422), (10 * mega, 413), (50 * mega, 413)] {
            let body = body(size);
            let calls = (0..CALLERS).map(|_| sent(address, &user, framing, body.clone()));
            assert_eq!(join_all(calls).await, [status; CALLERS], "{framing:?} {size}");
            let grown = memory(pid, "VmHWM") - before;
            assert!(grown <= MOST, "{framing:?}, {size} bytes: {grown} KiB");
        }
    }
    let clients = program.get("/api/clients").by(&user).send().await.json();
    assert_eq!(clients["data"].as_array().unwrap().len(), 0);
}
