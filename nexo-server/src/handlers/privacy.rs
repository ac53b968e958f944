//! What is known of a person, and that it is forgotten.

use nexo_core::model::{DeleteUser, Erase, Id, Person};
use nexo_core::{Table, TenantScope};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn export<T: Table + Person>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let id: Id<T> = call.id()?;
    respond::ok(&to.database().privacy().export::<T>(&scope, id).await?)
}

pub(crate) async fn erase<T: Table + Person>(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let id: Id<T> = call.id()?;
    let erase: Erase = call.json().await?;
    respond::ok(&to.database().privacy().erase::<T>(&scope, id, &erase).await?)
}

pub(crate) async fn user(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.authenticator()?.personal_data(&scope).await?)
}

pub(crate) async fn delete_user(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let delete: DeleteUser = call.json().await?;
    to.authenticator()?.delete_user(&scope, &delete).await?;
    Ok(respond::no_content())
}
