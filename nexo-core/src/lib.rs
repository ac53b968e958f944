//! Typed, tenant-scoped CRM repositories on PostgreSQL row-level security.
//!
//! A program that embeds NEXO opens a [`Database`], gets an [`Authenticator`]
//! from it, and turns a token into a [`TenantScope`]. Every query that touches
//! tenants' rows takes that scope as an argument; there is no other way to
//! them:
//!
//! ```no_run
//! use nexo_core::model::{Client, NewClient, RegisterRequest};
//! use nexo_core::{AuthConfig, Database, DatabaseConfig, Peer};
//!
//! # async fn run() -> nexo_core::Result<()> {
//! let database = Database::open(DatabaseConfig::from_url("postgres://owner@localhost/crm")?).await?;
//! let authenticator = database.authenticator(AuthConfig::default()).await?;
//!
//! let tokens = authenticator
//!     .register(
//!         &RegisterRequest {
//!             email: "ada@example.com".into(),
//!             password: "a long enough pass phrase".into(),
//!             name: "Ada".into(),
//!             account_name: "Engines Ltd".into(),
//!         },
//!         &Peer::default(),
//!     )
//!     .await?;
//!
//! let scope = authenticator.verify(&tokens.access_token).await?;
//! let clients = database.repository::<Client>();
//! let client = clients.create(&scope, &NewClient::named("Byron & Co")).await?;
//! assert_eq!(clients.get(&scope, client.id).await?.name, "Byron & Co");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | none | [`model`] alone: the wire types, no I/O |
//! | `db` (default) | [`Database`], repositories, migrations |
//! | `auth` (default) | [`Authenticator`] |
//! | `cluster` | a private PostgreSQL, run as a child process |
//! | `demo` | accounts filled with believable data |
//! | `testing` | real databases for tests, one a test |

pub mod model;

#[cfg(feature = "db")]
mod audit;
#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "db")]
mod dashboard;
#[cfg(feature = "db")]
mod db;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "db")]
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "db")]
mod import;
#[cfg(feature = "db")]
mod people;
#[cfg(feature = "db")]
mod privacy;
#[cfg(feature = "db")]
mod repo;
#[cfg(feature = "db")]
mod sheet;
#[cfg(feature = "db")]
mod tenant;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "db")]
pub use audit::{AuditFault, AuditFile, AuditRepository, Verified};
#[cfg(feature = "auth")]
pub use auth::{
    AuthConfig, Authenticator, HashingCount, NewSignIn, PendingSignIn, ProviderIdentity,
    RefusedReply, SignInReply, TokenVerifier,
};
#[cfg(feature = "db")]
pub use db::{
    Database, DatabaseConfig, IdempotencyKey, LatencyCount, Once, PoolCount, UnitOfWork,
    schema_version,
};
#[cfg(feature = "db")]
pub use error::{Error, Result};
#[cfg(feature = "db")]
pub use import::{Importer, ReportFile};
#[cfg(feature = "auth")]
pub use people::{ApiKeyRepository, InvitationRepository};
#[cfg(feature = "db")]
pub use people::{MemberRepository, RoleRepository, SettingsRepository};
#[cfg(feature = "db")]
pub use privacy::PrivacyRepository;
#[cfg(feature = "db")]
pub use repo::registered as tables;
#[cfg(feature = "db")]
pub use repo::{
    Day, Erasure, Expansion, Export, Keyed, Order, Reference, RegisteredTable, Repository, Search,
    SortKey, SortKind, Table, Upsert,
};
#[cfg(feature = "db")]
pub use tenant::{Peer, TenantScope};
#[cfg(feature = "db")]
pub use tokio_postgres;
