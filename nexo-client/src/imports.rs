//! Records from files.

use nexo_core::model::{Id, Import, ImportReport, Imports as Latest, MAX_PIECE, NewImport};
use reqwest::Method;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Nexo;
use crate::download::Download;
use crate::error::{Error, Result};
use crate::request::Request;

const ALL: &str = "/api/crm/imports";

/// The account's imports; [`Nexo::imports`] gives it.
///
/// An import is [created](Self::create), its file is
/// [uploaded](Self::upload), and then it is [finished](Self::finish). Each of
/// these can be broken off and taken up again, also by another program: the
/// server keeps what has arrived and what was done.
///
/// ```no_run
/// # use nexo_client::{Nexo, Result};
/// # use nexo_client::model::{Duplicates, NewImport};
/// # async fn example(nexo: &Nexo, csv: &[u8]) -> Result<()> {
/// let new = NewImport { duplicates: Duplicates::Update, ..NewImport::csv("clients", csv.len() as u64) };
/// let import = nexo.imports().create(&new).await?;
/// let import = nexo.imports().upload(&import, csv, |_| {}).await?;
/// let import = nexo
///     .imports()
///     .finish(import.id, |import| println!("{} of {:?} rows", import.processed, import.total))
///     .await?;
/// println!("{} created, {} changed, {} refused", import.created, import.changed, import.failed);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Imports {
    nexo: Nexo,
}

impl Imports {
    pub(crate) fn new(nexo: &Nexo) -> Self {
        Self { nexo: nexo.clone() }
    }

    /// Begins an import.
    ///
    /// # Errors
    /// [`is_validation`](Error::is_validation) for a collection, a field or a
    /// key that does not exist, and a size out of range;
    /// [`is_conflict`](Error::is_conflict) when too many are under way.
    pub async fn create(&self, new: &NewImport) -> Result<Import> {
        let request = self.nexo.request(Method::POST, ALL).json(new);
        request.idempotency_key(&Id::<Import>::new().to_string()).send().await
    }

    /// Sends the file from byte `import.received` on, which is where `file`
    /// must stand; what the server has beyond that by now is read and not sent.
    /// `progress` is told after each piece.
    ///
    /// # Errors
    /// A usage error when the file cannot be read or is shorter than announced.
    /// What has arrived stays: [`get`](Self::get) tells how much that is.
    pub async fn upload(
        &self,
        import: &Import,
        mut file: impl AsyncRead + Unpin + Send,
        mut progress: impl FnMut(&Import) + Send,
    ) -> Result<Import> {
        let mut import = import.clone();
        // Where the file stands; the server may have more of it by now.
        let mut at = import.received;
        while import.received < import.size {
            let ahead = import.received.saturating_sub(at);
            let mut piece = Vec::new();
            let most = if ahead == 0 { MAX_PIECE as u64 } else { ahead.min(MAX_PIECE as u64) };
            let read = (&mut file).take(most).read_to_end(&mut piece).await;
            read.map_err(|error| Error::usage(format!("the file cannot be read: {error}")))?;
            if piece.is_empty() {
                let size = import.size;
                let told = format!("the file ends after {at} bytes of the {size} announced");
                return Err(Error::usage(told));
            }
            let begin = at;
            at += piece.len() as u64;
            if ahead > 0 {
                continue;
            }
            let request = self.one(Method::PUT, import.id, "/content");
            let request = request.query("offset", begin).bytes(piece);
            // A piece that has arrived already changes nothing.
            import = request.repeatable().send().await?;
            progress(&import);
        }
        Ok(import)
    }

    /// Goes on with the import until its status is final, which is told by
    /// `progress` every two seconds or so. After an [`undo`](Self::undo) it goes
    /// on with that.
    ///
    /// # Errors
    /// [`is_validation`](Error::is_validation), with row and column, when the
    /// file cannot be imported: nothing of it was. Rows that are refused are no
    /// error; [`Import::failed`] counts them and [`report`](Self::report) has
    /// them.
    pub async fn finish(
        &self,
        id: Id<Import>,
        mut progress: impl FnMut(&Import) + Send,
    ) -> Result<Import> {
        loop {
            let import = self.advance(id).await?;
            progress(&import);
            if import.status.is_final() {
                return Ok(import);
            }
        }
    }

    /// Goes on with the import for two seconds or so.
    ///
    /// # Errors
    /// As [`finish`](Self::finish), and a conflict while the file is not
    /// complete.
    pub async fn advance(&self, id: Id<Import>) -> Result<Import> {
        // Whatever was done is not done again.
        self.one(Method::POST, id, "/advance").repeatable().send().await
    }

    /// Begins to take the import back; [`finish`](Self::finish) goes on with
    /// it. Records that it created are deleted, fields that it changed get their
    /// values back. What was changed since, or is referred to, is kept and in
    /// the report.
    ///
    /// # Errors
    /// A conflict when there is nothing to take back.
    pub async fn undo(&self, id: Id<Import>) -> Result<Import> {
        self.one(Method::POST, id, "/undo").repeatable().send().await
    }

    /// How far an import is.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub async fn get(&self, id: Id<Import>) -> Result<Import> {
        self.one(Method::GET, id, "").send().await
    }

    /// The latest imports.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn list(&self) -> Result<Latest> {
        self.nexo.request(Method::GET, ALL).send().await
    }

    /// Forgets an import: it can no longer be undone. Records that it made
    /// stay.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub async fn delete(&self, id: Id<Import>) -> Result<()> {
        self.one(Method::DELETE, id, "").send().await
    }

    /// The rows after this one that were refused or, after an undo, kept: 500
    /// of them.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub async fn rows(&self, id: Id<Import>, after: u64) -> Result<ImportReport> {
        self.one(Method::GET, id, "/rows").query("after", after).send().await
    }

    /// The same rows as a CSV file, with what is wrong with each.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found).
    pub async fn report(&self, id: Id<Import>) -> Result<Download> {
        self.one(Method::GET, id, "/report").download().await
    }

    fn one(&self, method: Method, id: Id<Import>, below: &str) -> Request {
        self.nexo.request(method, format!("{ALL}/{id}{below}"))
    }
}
