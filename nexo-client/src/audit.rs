//! Who did what in the account.

use nexo_core::model::{
    AuditAccesses, AuditEntry, AuditPage, AuditParams, Entity, Id, SheetFormat,
};
use reqwest::Method;

use crate::Nexo;
use crate::download::Download;
use crate::error::Result;

/// The account's audit log; [`Nexo::audit`] gives it.
///
/// It takes `audit:read`, without which everything here
/// [`is_forbidden`](crate::Error::is_forbidden).
///
/// ```no_run
/// # use nexo_client::{Nexo, Result};
/// # use nexo_client::model::{AuditAction, AuditParams};
/// # async fn example(nexo: &Nexo) -> Result<()> {
/// let params = AuditParams { action: Some(AuditAction::FailLogin), ..AuditParams::default() };
/// for entry in nexo.audit().list(&params).await?.data {
///     println!("{} from {:?}", entry.at, entry.ip);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Audit {
    nexo: Nexo,
}

impl Audit {
    pub(crate) fn new(nexo: &Nexo) -> Self {
        Self { nexo: nexo.clone() }
    }

    /// A page of entries, the newest first.
    ///
    /// # Errors
    /// The server refuses a limit out of range.
    pub async fn list(&self, params: &AuditParams) -> Result<AuditPage> {
        let request = self.nexo.request(Method::GET, "/api/audit");
        let request =
            params.to_query().into_iter().fold(request, |it, (name, value)| it.query(name, value));
        request.send().await
    }

    /// All entries that are asked for, as a file to receive piece by piece.
    ///
    /// # Errors
    /// The server refuses a limit and a cursor.
    pub async fn export(&self, params: &AuditParams, format: SheetFormat) -> Result<Download> {
        let request = self.nexo.request(Method::GET, "/api/audit/export").query("format", format);
        let query = params.to_query().into_iter();
        query.fold(request, |it, (name, value)| it.query(name, value)).download().await
    }

    /// Who could read a record, and from when to when: members by their roles,
    /// and their API keys.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) for a record that there
    /// never was.
    pub async fn access<T: Entity>(&self, id: Id<T>) -> Result<AuditAccesses> {
        let path = format!("/api/crm/{}/{id}/access", T::COLLECTION);
        self.nexo.request(Method::GET, path).send().await
    }

    /// What became of a record, the newest first, also of one that was deleted;
    /// after a cursor, the page that follows.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) for a record that there
    /// never was.
    pub async fn history<T: Entity>(
        &self,
        id: Id<T>,
        cursor: Option<Id<AuditEntry>>,
    ) -> Result<AuditPage> {
        let path = format!("/api/crm/{}/{id}/history", T::COLLECTION);
        let request = self.nexo.request(Method::GET, path);
        match cursor {
            Some(cursor) => request.query("cursor", cursor).send().await,
            None => request.send().await,
        }
    }
}
