//! `/api/auth/*`.

use nexo_core::TenantScope;
use nexo_core::model::{
    AcceptInvitation, LoginRequest, PasswordChange, ProfilePatch, RefreshRequest, RegisterRequest,
    SwitchAccount,
};

use crate::app::{App, Services};
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn register(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: RegisterRequest = call.json().await?;
    let tokens = app.services()?.authenticator().register(&request, &call.peer()).await?;
    respond::created(&tokens)
}

pub(crate) async fn login(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: LoginRequest = call.json().await?;
    let tokens = app.services()?.authenticator().login(&request, &call.peer()).await?;
    respond::ok(&tokens)
}

pub(crate) async fn refresh(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: RefreshRequest = call.json().await?;
    let tokens = app.services()?.authenticator().refresh(&request, &call.peer()).await?;
    respond::ok(&tokens)
}

pub(crate) async fn accept_invitation(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let accept: AcceptInvitation = call.json().await?;
    let tokens = app.services()?.authenticator().accept_invitation(&accept, &call.peer()).await?;
    respond::created(&tokens)
}

pub(crate) async fn accounts(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.authenticator().accounts(&scope).await?)
}

pub(crate) async fn switch(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let switch: SwitchAccount = call.json().await?;
    let tokens = to.authenticator().switch_account(&scope, &switch).await?;
    respond::ok(&tokens)
}

pub(crate) async fn logout(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    to.authenticator().logout(&scope).await?;
    Ok(respond::no_content())
}

pub(crate) async fn logout_everywhere(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    to.authenticator().logout_everywhere(&scope).await?;
    Ok(respond::no_content())
}

pub(crate) async fn profile(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    let profile = to.authenticator().profile(&scope).await?;
    respond::ok(&profile)
}

pub(crate) async fn update_profile(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let patch: ProfilePatch = call.json().await?;
    let profile = to.authenticator().update_profile(&scope, &patch).await?;
    respond::ok(&profile)
}

pub(crate) async fn change_password(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let change: PasswordChange = call.json().await?;
    to.authenticator().change_password(&scope, &change).await?;
    Ok(respond::no_content())
}
