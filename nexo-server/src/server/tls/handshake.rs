//! How a connection begins that is encrypted.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::reload::Certificates;

/// The connection beneath which the caller has been shown the certificate, unless
/// that takes longer than `limit`.
pub(in crate::server) async fn handshake(
    certificates: &Certificates,
    stream: TcpStream,
    limit: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    let acceptor = TlsAcceptor::from(certificates.current());
    match timeout(limit, acceptor.accept(stream)).await {
        Ok(accepted) => accepted,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
