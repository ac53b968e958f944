//! API keys.

use nexo_core::TenantScope;
use nexo_core::model::NewApiKey;

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn list(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.database().api_keys().list(&scope).await?)
}

pub(crate) async fn create(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let new: NewApiKey = call.json().await?;
    let made = to.database().api_keys().create(&scope, &new).await?;
    respond::created_at(call.path(), made.key.id, &made)
}

pub(crate) async fn get(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.database().api_keys().get(&scope, call.id()?).await?)
}

pub(crate) async fn revoke(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    to.database().api_keys().revoke(&scope, call.id()?).await?;
    Ok(respond::no_content())
}
