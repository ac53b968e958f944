//! A wire between a program and PostgreSQL that can be cut, and that can lose every packet:
//! what packet filters do to a port, without the rights that they need.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

#[cfg(target_os = "linux")]
use socket2::SockFilter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Classic BPF's "return 0": the kernel lets no packet through to the socket, and so
/// acknowledges none.
#[cfg(target_os = "linux")]
const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How often all connections were reset.
    resets: usize,
    /// Whether nothing passes, in either direction.
    hole: bool,
}

/// Takes TCP connections and hands what they say to PostgreSQL's socket.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    sockets: Arc<Sockets>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    /// In front of the PostgreSQL that `config` leads to, by a Unix socket.
    ///
    /// # Panics
    ///
    /// Where `config` names no such socket, or no port is to be had.
    pub async fn start(config: &Config) -> Self {
        let [Host::Unix(folder)] = config.get_hosts() else { panic!("not one socket") };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (state, seen) = watch::channel(State::default());
        let sockets = Arc::<Sockets>::default();
        let accepted = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(listener, socket, seen, sockets.clone(), accepted.clone()));
        Self { address, state, sockets, accepted }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As `config`, but through this.
    #[must_use]
    pub fn route(&self, config: &Config) -> Config {
        let mut routed = Config::new();
        routed.host(self.address.ip().to_string()).port(self.address.port());
        config.get_user().map(|user| routed.user(user));
        config.get_password().map(|password| routed.password(password));
        config.get_dbname().map(|name| routed.dbname(name));
        routed
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Resets every connection.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// From now on every packet to it is lost, and it sends none of what PostgreSQL says:
    /// what is sent is never acknowledged, and no connection is made. (On Linux; elsewhere
    /// packets are acknowledged, and nobody answers.)
    pub fn swallow(&self) {
        self.state.send_modify(|state| state.hole = true);
        self.sockets.lose_packets(true);
    }

    /// Ends that.
    pub fn heal(&self) {
        self.sockets.lose_packets(false);
        self.state.send_modify(|state| state.hole = false);
    }
}

async fn accept(
    listener: TcpListener,
    socket: PathBuf,
    state: watch::Receiver<State>,
    sockets: Arc<Sockets>,
    accepted: Arc<AtomicUsize>,
) {
    let Ok(_itself) = sockets.add(&listener) else { return };
    while let Ok((near, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::Relaxed);
        let Ok(itself) = sockets.add(&near) else { continue };
        let carried = carry(near, socket.clone(), state.clone());
        tokio::spawn(async move {
            carried.await;
            drop(itself);
        });
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
) -> io::Result<()> {
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

/// The sockets that packets come to, by names of their own: whoever carries them has lent
/// them out.
#[derive(Debug, Default)]
struct Sockets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    open: Vec<Weak<OwnedFd>>,
    loses: bool,
}

impl Sockets {
    /// Until what it returns is dropped.
    fn add(&self, socket: &impl AsFd) -> io::Result<Arc<OwnedFd>> {
        let socket = Arc::new(socket.as_fd().try_clone_to_owned()?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.open.push(Arc::downgrade(&socket));
        if known.loses {
            lose_packets(&socket, true)?;
        }
        Ok(socket)
    }

    fn lose_packets(&self, loses: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.loses = loses;
        known.open.retain(|socket| {
            let open = socket.upgrade();
            if let Some(socket) = &open {
                lose_packets(socket, loses).expect("the kernel takes a filter");
            }
            open.is_some()
        });
    }
}

#[cfg(target_os = "linux")]
fn lose_packets(socket: &OwnedFd, loses: bool) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    match loses {
        true => socket.attach_filter(&[DROP]),
        false => socket.detach_filter().or_else(|error| match error.raw_os_error() {
            // It had none.
            Some(nix::libc::ENOENT) => Ok(()),
            _ => Err(error),
        }),
    }
}

#[cfg(not(target_os = "linux"))]
fn lose_packets(_: &OwnedFd, _: bool) -> io::Result<()> {
    Ok(())
}
