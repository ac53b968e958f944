//! One collection of records, the same way for every entity.

use std::fmt;
use std::marker::PhantomData;

use nexo_core::model::{Batch, BatchResult, Entity, Id, ListParams, Page, SheetFormat};
use reqwest::Method;

use crate::Nexo;
use crate::download::Download;
use crate::error::Result;
use crate::request::Request;
use crate::stream::Rows;

/// The records of one kind in the session's account.
///
/// [`Nexo::clients`] gives one. Every method fails with
/// [`is_unauthenticated`](crate::Error::is_unauthenticated) if there is no
/// session. Another account's record is not found, as one that never existed.
pub struct Resource<T> {
    nexo: Nexo,
    marker: PhantomData<fn() -> T>,
}

impl<T: Entity> Resource<T> {
    pub(crate) fn new(nexo: &Nexo) -> Self {
        Self { nexo: nexo.clone(), marker: PhantomData }
    }

    /// Creates a record.
    ///
    /// The request has an idempotency key of its own, so it is retried when the
    /// answer is lost, and still creates one record.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for values that are
    /// refused; [`is_outcome_unknown`](crate::Error::is_outcome_unknown) if
    /// the answers of all attempts were lost.
    pub async fn create(&self, new: &T::New) -> Result<T> {
        self.create_once(&Id::<T>::new().to_string(), new).await
    }

    /// Creates a record under this idempotency key: asking again within a day,
    /// also from another process, gives the record that was created first.
    ///
    /// # Errors
    /// As [`create`](Self::create), and with the code `idempotency_key_reused`
    /// if the key was used for something else.
    pub async fn create_once(&self, key: &str, new: &T::New) -> Result<T> {
        let request = self.nexo.request(Method::POST, collection::<T>()).json(new);
        request.idempotency_key(key).send().await
    }

    /// Does up to [`MAX_BATCH`](nexo_core::model::MAX_BATCH) operations in one
    /// call: all of them or none, or each that can be done. It has an
    /// idempotency key of its own, as [`create`](Self::create) has.
    ///
    /// ```no_run
    /// # use nexo_client::{Nexo, Result};
    /// # use nexo_client::model::{Batch, BatchMode, BatchOperation, NewClient};
    /// # async fn example(nexo: &Nexo, names: Vec<String>) -> Result<()> {
    /// let create = |name| BatchOperation::Create { record: NewClient::named(name) };
    /// let operations = names.into_iter().map(create).collect();
    /// let done = nexo.clients().batch(&Batch { mode: BatchMode::Each, operations }).await?;
    /// println!("{} created, {} refused", done.succeeded, done.failed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// For an atomic batch those of its first operation that cannot be done,
    /// with its place as the path of the field.
    pub async fn batch(&self, batch: &Batch<T>) -> Result<BatchResult<T>> {
        let path = format!("{}/batch", collection::<T>());
        let request = self.nexo.request(Method::POST, path).json(batch);
        request.idempotency_key(&Id::<T>::new().to_string()).send().await
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    pub async fn get(&self, id: Id<T>) -> Result<T> {
        self.one(Method::GET, id).send().await
    }

    /// Reads one page of the list.
    ///
    /// # Errors
    /// The server refuses a limit, a sort column, a filter or a cursor that it
    /// does not know.
    pub async fn list(&self, params: &ListParams<T>) -> Result<Page<T>> {
        self.listing(params).send().await
    }

    /// Reads one page of the list, with these fields of each record only.
    ///
    /// ```no_run
    /// # use nexo_client::{Nexo, Result};
    /// # use nexo_client::model::ListParams;
    /// # async fn example(nexo: &Nexo) -> Result<()> {
    /// let page = nexo.clients().list_fields(&ListParams::default(), &["id", "name"]).await?;
    /// for client in page.data {
    ///     println!("{}", client["name"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`list`](Self::list), and for fields that the entity does not have.
    pub async fn list_fields(
        &self,
        params: &ListParams<T>,
        fields: &[&str],
    ) -> Result<Page<serde_json::Value>> {
        self.listing(params).query("fields", fields.join(",")).send().await
    }

    /// Every record of the list from `params.cursor` on, page after page. A
    /// page is read when its first record is asked for, and not before.
    #[must_use = "nothing is read until the stream is polled"]
    pub fn stream(&self, params: ListParams<T>) -> Rows<T> {
        Rows::new(self.clone(), params)
    }

    /// All records of the list as a file, of these fields or, if none is named,
    /// of all. It takes no limit, cursor, count or expansion.
    ///
    /// # Errors
    /// As [`list_fields`](Self::list_fields).
    pub async fn export(
        &self,
        params: &ListParams<T>,
        format: SheetFormat,
        fields: &[&str],
    ) -> Result<Download> {
        let request = self.nexo.request(Method::GET, format!("{}/export", collection::<T>()));
        let mut request = with_params(request, params).query("format", format);
        if !fields.is_empty() {
            request = request.query("fields", fields.join(","));
        }
        request.download().await
    }

    /// Replaces the whole content of a record.
    ///
    /// Whatever somebody else has written meanwhile is lost;
    /// [`if_version`](Self::if_version) prevents that.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) and those of
    /// [`create`](Self::create).
    pub async fn replace(&self, id: Id<T>, new: &T::New) -> Result<T> {
        self.one(Method::PUT, id).json(new).send().await
    }

    /// Changes the fields that the patch names.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub async fn patch(&self, id: Id<T>, patch: &T::Patch) -> Result<T> {
        self.one(Method::PATCH, id).merge_patch(patch).send().await
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), also if it was deleted
    /// before; a conflict with the code `in_use` if other records refer to it:
    /// such a one can be [archived](Self::archive).
    pub async fn delete(&self, id: Id<T>) -> Result<()> {
        self.one(Method::DELETE, id).send().await
    }

    /// Takes a record out of lists; what refers to it goes on to.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    pub async fn archive(&self, id: Id<T>) -> Result<T> {
        self.below(Method::POST, id, "archive").send().await
    }

    /// Puts an archived record back into lists.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    pub async fn restore(&self, id: Id<T>) -> Result<T> {
        self.below(Method::POST, id, "restore").send().await
    }

    /// The writes, each done only while the record has this version.
    ///
    /// ```no_run
    /// # use nexo_client::{Nexo, Result};
    /// # use nexo_client::model::{Client, ClientPatch, ClientStatus};
    /// # async fn example(nexo: &Nexo, client: Client) -> Result<()> {
    /// let patch = ClientPatch { status: ClientStatus::Active.into(), ..ClientPatch::default() };
    /// match nexo.clients().if_version(client.version).patch(client.id, &patch).await {
    ///     Err(error) if error.is_version_conflict() => println!("somebody was faster"),
    ///     changed => println!("now version {}", changed?.version),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "it does nothing alone"]
    pub fn if_version(&self, version: i64) -> IfVersion<T> {
        IfVersion { resource: self.clone(), version }
    }

    fn listing(&self, params: &ListParams<T>) -> Request {
        with_params(self.nexo.request(Method::GET, collection::<T>()), params)
    }

    pub(crate) fn below(&self, method: Method, id: Id<T>, action: &str) -> Request {
        self.nexo.request(method, format!("{}/{id}/{action}", collection::<T>()))
    }

    fn one(&self, method: Method, id: Id<T>) -> Request {
        self.nexo.request(method, format!("{}/{id}", collection::<T>()))
    }
}

/// The writes of a [`Resource`] that depend on a record's version.
///
/// Each fails with
/// [`is_version_conflict`](crate::Error::is_version_conflict), and does
/// nothing, if the record has another version by now.
#[derive(Debug, Clone)]
pub struct IfVersion<T> {
    resource: Resource<T>,
    version: i64,
}

impl<T: Entity> IfVersion<T> {
    /// As [`Resource::replace`].
    ///
    /// # Errors
    /// A version conflict, and those of [`Resource::replace`].
    pub async fn replace(&self, id: Id<T>, new: &T::New) -> Result<T> {
        self.one(Method::PUT, id).json(new).send().await
    }

    /// As [`Resource::patch`].
    ///
    /// # Errors
    /// A version conflict, and those of [`Resource::patch`].
    pub async fn patch(&self, id: Id<T>, patch: &T::Patch) -> Result<T> {
        self.one(Method::PATCH, id).merge_patch(patch).send().await
    }

    /// As [`Resource::archive`].
    ///
    /// # Errors
    /// A version conflict, and those of [`Resource::archive`].
    pub async fn archive(&self, id: Id<T>) -> Result<T> {
        self.resource.below(Method::POST, id, "archive").if_version(self.version).send().await
    }

    /// As [`Resource::restore`].
    ///
    /// # Errors
    /// A version conflict, and those of [`Resource::restore`].
    pub async fn restore(&self, id: Id<T>) -> Result<T> {
        self.resource.below(Method::POST, id, "restore").if_version(self.version).send().await
    }

    /// As [`Resource::delete`].
    ///
    /// # Errors
    /// A version conflict, and those of [`Resource::delete`].
    pub async fn delete(&self, id: Id<T>) -> Result<()> {
        self.one(Method::DELETE, id).send().await
    }

    fn one(&self, method: Method, id: Id<T>) -> Request {
        self.resource.one(method, id).if_version(self.version)
    }
}

fn with_params<T: Entity>(request: Request, params: &ListParams<T>) -> Request {
    params.parameters().into_iter().fold(request, |to, (name, value)| to.query(name, value))
}

fn collection<T: Entity>() -> String {
    format!("/api/crm/{}", T::COLLECTION)
}

// Written by hand because a derive would ask the same of `T`.
impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Self { nexo: self.nexo.clone(), marker: PhantomData }
    }
}
impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("nexo", &self.nexo).finish()
    }
}
