//! Whether the server ends TLS itself, and with what.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// The certificate that the server shows, and the key that it is of: PEM files. They
/// are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, and after it those that lead to an authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// How often the files are looked at.
    pub check_interval: Duration,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            certificate: "tls.crt".into(),
            key: "tls.key".into(),
            check_interval: Duration::from_secs(2),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
    /// Certificate (PEM, with what leads to its authority) to end TLS with; read again when it changes, and on SIGHUP
    #[arg(long, env = "NEXO_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, env = "NEXO_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    pub(super) fn config(&self) -> Option<TlsConfig> {
        let (certificate, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsConfig { certificate, key, ..TlsConfig::default() })
    }

    pub(super) fn contradiction(&self) -> Option<&'static str> {
        (self.tls_cert.is_some() != self.tls_key.is_some())
            .then_some("NEXO_TLS_CERT and NEXO_TLS_KEY need each other: expected both, or neither")
    }
}
