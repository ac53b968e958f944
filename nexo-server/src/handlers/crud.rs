//! Create, read, change and delete, the same for every entity.

use nexo_core::model::Batch;
use nexo_core::{Once, Table, TenantScope};

use crate::app::Services;
use crate::extract::{Call, ListCall};
use crate::failure::Outcome;
use crate::handlers::fields;
use crate::respond::{self, Reply};

pub(crate) async fn list<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let ListCall { params, fields } = call.list::<T>()?;
    fields::check::<T>(&fields)?;
    let page = to.repository::<T>().list(&scope, &params).await?;
    if fields.is_empty() {
        return respond::ok(&page);
    }
    respond::ok(&fields::select(page, &fields)?)
}

pub(crate) async fn create<T: Table>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (new, body) = call.json_and_bytes::<T::New>().await?;
    let to = to.repository::<T>();
    let row = match call.idempotency_key(&body)? {
        None => Once::Done(to.create(&scope, &new).await?),
        Some(key) => to.once(&key).create(&scope, &new).await?,
    };
    respond::once(row, |row| respond::created_row(call.path(), row))
}

pub(crate) async fn batch<T: Table>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (batch, body) = call.json_and_bytes::<Batch<T>>().await?;
    let to = to.repository::<T>();
    let done = match call.idempotency_key(&body)? {
        None => Once::Done(to.batch(&scope, &batch).await?),
        Some(key) => to.once(&key).batch(&scope, &batch).await?,
    };
    respond::once(done, respond::ok)
}

pub(crate) async fn get<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let row = to.repository::<T>().get(&scope, call.id()?).await?;
    if call.has_version(row.version()) {
        return Ok(respond::not_modified(row.version()));
    }
    respond::row(&row)
}

pub(crate) async fn replace<T: Table>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    let new: T::New = call.json().await?;
    let row = to.repository::<T>().replace(&scope, id, &new, version).await?;
    respond::row(&row)
}

pub(crate) async fn patch<T: Table>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    let patch: T::Patch = call.json().await?;
    let row = to.repository::<T>().patch(&scope, id, &patch, version).await?;
    respond::row(&row)
}

pub(crate) async fn archive<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    let to = to.repository::<T>();
    let row = match call.idempotency_key(&[])? {
        None => Once::Done(to.archive(&scope, id, version).await?),
        Some(key) => to.once(&key).archive(&scope, id, version).await?,
    };
    respond::once(row, respond::row)
}

pub(crate) async fn restore<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    let to = to.repository::<T>();
    let row = match call.idempotency_key(&[])? {
        None => Once::Done(to.restore(&scope, id, version).await?),
        Some(key) => to.once(&key).restore(&scope, id, version).await?,
    };
    respond::once(row, respond::row)
}

pub(crate) async fn delete<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    to.repository::<T>().delete(&scope, id, version).await?;
    Ok(respond::no_content())
}
