//! Create, read, change and delete, the same for every entity.

use nexo_core::{Table, TenantScope};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn list<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let params = call.list_params()?;
    let page = to.repository::<T>().list(&scope, &params).await?;
    respond::ok(&page)
}

pub(crate) async fn create<T: Table>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let new: T::New = call.json().await?;
    let row = to.repository::<T>().create(&scope, &new).await?;
    respond::created_row(call.path(), &row)
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

pub(crate) async fn delete<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    to.repository::<T>().delete(&scope, id, version).await?;
    Ok(respond::no_content())
}
