//! A link with a round trip, in front of a unix socket: what a database on
//! another machine looks like to its callers.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Listens on a free port and passes everything on, each way `delay` later.
/// Order is kept and nothing waits for anything else, as on a wire.
pub(crate) async fn open(socket: PathBuf, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            near.set_nodelay(true).expect("a socket");
            let far = UnixStream::connect(&socket).await.expect("PostgreSQL listens");
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            carry(near_read, far_write, delay);
            carry(far_read, near_write, delay);
        }
    });
    port
}

fn carry(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
) {
    let (on_the_wire, mut arriving) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let arrival = Instant::now() + delay;
            if on_the_wire.send((arrival, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((arrival, bytes)) = arriving.recv().await {
            sleep_until(arrival).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
}
