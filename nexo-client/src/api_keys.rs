//! API keys of the account.

use nexo_core::model::{self, ApiKey, Id, IssuedApiKey, NewApiKey};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

/// The account's API keys; [`Nexo::api_keys`] gives it.
///
/// A key acts for the member who made it, never beyond what they may, and ends
/// with their membership. A program gives it to
/// [`Builder::api_key`](crate::Builder::api_key) instead of logging in.
///
/// ```no_run
/// # use nexo_client::{Nexo, Result};
/// # use nexo_client::model::{NewApiKey, Permission};
/// # async fn example(nexo: &Nexo) -> Result<()> {
/// let shop = NewApiKey::named("Web shop", Permission::ClientWrite);
/// let issued = nexo.api_keys().create(&shop).await?;
/// println!("keep this; it is not told again: {}", issued.secret);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ApiKeys {
    nexo: Nexo,
}

impl ApiKeys {
    pub(crate) fn new(nexo: &Nexo) -> Self {
        Self { nexo: nexo.clone() }
    }

    /// Makes a key that acts for the session's user. The secret in the answer
    /// is told this once.
    ///
    /// # Errors
    /// [`is_forbidden`](crate::Error::is_forbidden) without `key:manage`, for
    /// more than the user may, and to an API key.
    pub async fn create(&self, new: &NewApiKey) -> Result<IssuedApiKey> {
        self.nexo.request(Method::POST, "/api/keys").json(new).send().await
    }

    /// The keys of all members, the newest first.
    ///
    /// # Errors
    /// [`is_forbidden`](crate::Error::is_forbidden) without `key:manage`.
    pub async fn list(&self) -> Result<model::ApiKeys> {
        self.nexo.request(Method::GET, "/api/keys").send().await
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`list`](Self::list).
    pub async fn get(&self, id: Id<ApiKey>) -> Result<ApiKey> {
        self.nexo.request(Method::GET, format!("/api/keys/{id}")).send().await
    }

    /// Ends a key: its next request is refused.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`list`](Self::list).
    pub async fn revoke(&self, id: Id<ApiKey>) -> Result<()> {
        self.nexo.request(Method::DELETE, format!("/api/keys/{id}")).send().await
    }
}
