//! Accepting connections, whatever the machine runs out of.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::connection::Connections;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections for ever. When there are as many as allowed, further
/// ones wait in the system's queue for one to end.
pub(super) async fn accept_all(listener: TcpListener, connections: &mut Connections) {
    loop {
        connections.room_for_one().await;
        let (stream, peer) = accept(&listener).await;
        connections.spawn(stream, peer);
    }
}

/// The next connection. Without file descriptors or memory the system refuses
/// to accept, again and again: waiting a little lets others end.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = FIRST_PAUSE;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// The caller was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
