//! The database: opening it, and the one path that scoped SQL takes.

mod actor;
mod alive;
mod app;
mod backoff;
mod catalog;
mod config;
mod connection;
mod constraint;
mod flush;
mod groups;
#[cfg(feature = "auth")]
mod identity;
mod in_order;
mod latency;
mod migrate;
mod once;
mod open;
mod pool;
mod pooler;
mod reach;
mod retry;
mod roles;
mod scoped;
mod shares;
mod sqlstate;
mod tls;
mod transaction;
mod unit_of_work;
mod unprepared;

pub use config::DatabaseConfig;
pub use latency::LatencyCount;
pub use migrate::schema_version;
pub use once::{IdempotencyKey, Once};
pub use open::Database;
pub use pool::PoolCount;
pub use unit_of_work::UnitOfWork;

pub(crate) use flush::{Access, Call, Mode, Plan};
pub(crate) use groups::AfterFailure;
#[cfg(feature = "auth")]
pub(crate) use identity::{Identity, Sight};
pub(crate) use retry::retried;
pub(crate) use scoped::Executor;
pub(crate) use sqlstate::translate;
pub(crate) use transaction::{Answered, Transaction};
