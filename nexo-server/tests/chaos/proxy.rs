//! A wire between the server and PostgreSQL that can be cut: what packet filters do to
//! a port, without the rights that they need.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How often all connections were reset.
    resets: usize,
    /// Whether nothing passes, in either direction.
    hole: bool,
}

/// Takes TCP connections and hands what they say to PostgreSQL's socket.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::default());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(stream, socket.clone(), seen.clone()));
            }
        });
        Self { address, state, accepted }
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Resets every connection.
    pub(crate) fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// From now on nothing passes. Connections seem to be made, as they do through
    /// some load balancers, and say nothing.
    pub(crate) fn swallow(&self) {
        self.state.send_modify(|state| state.hole = true);
    }

    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| state.hole = false);
    }
}

async fn carry(mut near: TcpStream, socket: PathBuf, mut state: watch::Receiver<State>) {
    let resets = state.borrow_and_update().resets;
    drop(near.set_nodelay(true));
    let passed = async {
        if state.wait_for(|state| !state.hole || state.resets > resets).await?.resets > resets {
            return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(true);
        }
        let mut far = UnixStream::connect(&socket).await?;
        let (mut near_read, mut near_write) = near.split();
        let (mut far_read, mut far_write) = far.split();
        let cut = async {
            let mut state = state.clone();
            drop(state.wait_for(|state| state.resets > resets).await);
        };
        let there = pass(&mut near_read, &mut far_write, state.clone());
        let back = pass(&mut far_read, &mut near_write, state.clone());
        tokio::select! {
            () = cut => Ok(true),
            _ = there => Ok(false),
            _ = back => Ok(false),
        }
    };
    if passed.await.unwrap_or(false) {
        // Closed with what was not read: a reset.
        drop(near.set_zero_linger());
    }
}

/// Hands on what comes, but for the time when nothing passes.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut state: watch::Receiver<State>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        drop(state.wait_for(|state| !state.hole).await);
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}
