//! Connection pools.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::DatabaseConfig;
use super::sqlstate::unavailable;
use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// Longer than any statement of a request may take.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A pool that connects when it is first used.
pub(super) fn pool(
    target: &Config,
    size: usize,
    config: &DatabaseConfig,
    tls: &MakeRustlsConnect,
) -> Pool {
    let mut target = config.named(target.clone());
    target.connect_timeout(config.connect_timeout);
    // A peer that is gone without a word is given up, so that its connection does not
    // stay in the pool for as long as the system goes on trying.
    if target.get_tcp_user_timeout().is_none() {
        target.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    // Fast: a closed connection is noticed by the driver itself, and every
    // transaction ends before its connection is given back.
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_config(target, tls.clone(), manager_config))
        .max_size(size)
        .wait_timeout(Some(config.acquire_timeout))
        .create_timeout(Some(config.connect_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a runtime is given, which is all that timeouts need")
}

/// How busy a pool of connections is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCount {
    /// Whose connections they are: `app`, `limited` (those who see only some
    /// records) or `auth`.
    pub name: &'static str,
    /// The most connections.
    pub most: usize,
    /// Those that are open.
    pub open: usize,
    /// Of them, those that nobody uses.
    pub idle: usize,
    /// Those who wait for one.
    pub waiting: usize,
}

/// How busy the pool is now.
pub(super) fn count(name: &'static str, pool: &Pool) -> PoolCount {
    let status = pool.status();
    PoolCount {
        name,
        most: status.max_size,
        open: status.size,
        idle: status.available,
        waiting: status.waiting,
    }
}

/// A connection from the pool, or why there is none.
pub(super) async fn acquire(pool: &Pool) -> Result<Object> {
    pool.get().await.map_err(|error| match error {
        PoolError::Timeout(TimeoutType::Wait) => {
            Error::new(ErrorCode::Overloaded, "all database connections are busy")
                .retry_in(Duration::from_secs(1))
        }
        // Whatever the server said at the door, the caller can only wait.
        other => unavailable().because(other),
    })
}

/// TLS for `sslmode=prefer` and `sslmode=require`. Certificates are verified,
/// by the system's authorities or those of the file.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let refused = |error: &dyn std::fmt::Display| {
                Error::setup(format!(
                    "{}: cannot read certificates ({error}); expected a PEM file",
                    path.display()
                ))
            };
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| refused(&error))?
            {
                let certificate = certificate.map_err(|error| refused(&error))?;
                roots.add(certificate).map_err(|error| refused(&error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::setup("TLS cannot be set up").because(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
