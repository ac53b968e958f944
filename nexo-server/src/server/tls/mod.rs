//! TLS, beneath the connections.

mod files;
mod handshake;
mod reload;

pub use files::TlsError;
pub use reload::Certificates;

pub(super) use handshake::handshake;
