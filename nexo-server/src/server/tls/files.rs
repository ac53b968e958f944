//! From PEM files to what TLS is ended with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};

use crate::config::TlsConfig;

/// Why TLS cannot be ended with these files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{file} cannot be read ({source}); expected a PEM file, named by {setting}")]
    File {
        /// What names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is not in it what should be.
    #[error("{file} has no {expected}; expected a PEM file, named by {setting}")]
    Content {
        /// What names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What is missing.
        expected: &'static str,
    },
    /// The certificate is of another key.
    #[error(
        "the certificate in {certificate} is of another key than that in {key}; expected both of one (NEXO_TLS_CERT, NEXO_TLS_KEY)"
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// They cannot be used all the same.
    #[error("{certificate} and {key} cannot be used for TLS ({source})")]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is against it.
        source: rustls::Error,
    },
}

const CERT: &str = "NEXO_TLS_CERT (--tls-cert)";
const KEY: &str = "NEXO_TLS_KEY (--tls-key)";

/// Reads the files and checks that they belong together.
pub(super) fn load(files: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let expected = "certificate";
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(CERT, &files.certificate, expected, error))?;
    if chain.is_empty() {
        let file = files.certificate.clone();
        return Err(TlsError::Content { setting: CERT, file, expected });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| refused(KEY, &files.key, "private key", error))?;

    let provider = Arc::new(aws_lc_rs::default_provider());
    let made = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = made.map_err(|source| {
        let (certificate, key) = (files.certificate.clone(), files.key.clone());
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { certificate, key }
            }
            source => TlsError::Unusable { certificate, key, source },
        }
    })?;
    // All that is spoken here; whoever offers only another protocol is refused.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn refused(
    setting: &'static str,
    file: &Path,
    expected: &'static str,
    error: pem::Error,
) -> TlsError {
    let file = file.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::File { setting, file, source },
        // What it says of the content may repeat some of it, which is a secret.
        _ => TlsError::Content { setting, file, expected },
    }
}
