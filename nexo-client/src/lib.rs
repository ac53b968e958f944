//! The SDK of NEXO: a typed client that keeps its session alive.
//!
//! ```no_run
//! use nexo_client::model::{ClientPatch, ListParams, NewClient};
//! use nexo_client::{Nexo, Result};
//!
//! # async fn example() -> Result<()> {
//! let nexo = Nexo::new("https://crm.example.com")?;
//! nexo.login("ada@example.com", "a long enough password").await?;
//!
//! let client = nexo.clients().create(&NewClient::named("Acme")).await?;
//! let patch = ClientPatch { phone: "+49 30 123456".to_owned().into(), ..ClientPatch::default() };
//! nexo.clients().if_version(client.version).patch(client.id, &patch).await?;
//!
//! let mut clients = nexo.clients().stream(ListParams::default());
//! while let Some(client) = clients.next().await {
//!     println!("{}", client?.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//!
//! - **Tokens.** An access token is refreshed shortly before it expires, and
//!   when the server says that it has. However many calls need it, one refresh
//!   runs; it goes on if the call that started it is dropped, and it survives
//!   a lost answer. When a session is over, the error says so:
//!   [`Error::is_session_ended`].
//! - **Retries.** Reads are repeated while the server is away. Writes are
//!   repeated only if it is certain that nothing was done; where that is
//!   open, [`Error::is_outcome_unknown`] says it. [`Builder::retries`] has
//!   the rules.
//! - **Lists.** [`Resource::stream`] reads page after page as it is polled.
//! - **Lost updates.** [`Resource::if_version`] writes only over the version
//!   that was read.
//!
//! [`Nexo::request`] reaches every route that has no method here, with the
//! same care.
//!
//! # What it does not do
//!
//! It checks no values before it sends them: the server knows its own limits
//! better than an older SDK. It stores nothing; [`Session`] says how a program
//! can. It needs a tokio runtime, for timers and for the refresh.

mod api_keys;
mod audit;
mod builder;
mod collections;
mod dashboard;
mod download;
mod error;
mod imports;
mod keeper;
mod mailed;
mod nexo;
mod people;
mod privacy;
mod refresh;
mod request;
mod resource;
mod retry;
mod second_factor;
mod session;
mod sign_in;
mod stream;
mod transport;

pub use api_keys::ApiKeys;
pub use audit::Audit;
pub use builder::Builder;
pub use collections::COLLECTIONS;
pub use download::Download;
pub use error::{Error, Result};
pub use imports::Imports;
pub use nexo::{Health, Nexo};
/// The wire types, shared with the server.
pub use nexo_core::model;
pub use people::People;
pub use request::Request;
pub use reqwest::{Client as HttpClient, Method, StatusCode};
pub use resource::{IfVersion, Resource};
pub use session::Session;
pub use stream::Rows;
