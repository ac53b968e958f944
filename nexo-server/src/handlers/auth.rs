//! `/api/auth/*`.

use nexo_core::TenantScope;
use nexo_core::model::{
    AcceptInvitation, ForgotPassword, LoginRequest, PasswordChange, ProfilePatch, RefreshRequest,
    RegisterRequest, ResetPassword, SwitchAccount, VerifyEmail,
};

use crate::app::{App, Services};
use crate::extract::Call;
use crate::failure::Outcome;
use crate::mail::Letter;
use crate::respond::{self, Reply};

pub(crate) async fn register(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: RegisterRequest = call.json().await?;
    let (services, peer) = (app.services()?, call.peer());
    let tokens = services.authenticator()?.register(&request, &peer).await?;
    if let Ok(mailer) = services.mailer() {
        let (authenticator, user) = (services.authenticator()?.clone(), tokens.user.clone());
        let told = mailer.send_behind(async move {
            let mailed = authenticator.issue_first_email_verification(&user, &peer).await?;
            Ok(Some(Letter::email_verification(mailed)))
        });
        if told.is_err() {
            // It can be asked for again; the user is there.
            tracing::warn!("there are too many letters to send one more");
        }
    }
    respond::created(&tokens)
}

pub(crate) async fn forgot_password(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let forgot: ForgotPassword = call.json().await?;
    let (services, peer) = (app.services()?, call.peer());
    let (mailer, authenticator) = (services.mailer()?, services.authenticator()?.clone());
    authenticator.admit_password_reset(&forgot, &peer).await?;
    // Whether there is such a user is not to be seen by how long this takes.
    mailer.send_behind(async move {
        let mailed = authenticator.issue_password_reset(&forgot, &peer).await?;
        Ok(mailed.map(Letter::password_reset))
    })?;
    Ok(respond::accepted())
}

pub(crate) async fn reset_password(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let reset: ResetPassword = call.json().await?;
    app.services()?.authenticator()?.reset_password(&reset, &call.peer()).await?;
    Ok(respond::no_content())
}

pub(crate) async fn verify_email(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let verify: VerifyEmail = call.json().await?;
    app.services()?.authenticator()?.verify_email(&verify, &call.peer()).await?;
    Ok(respond::no_content())
}

pub(crate) async fn mail_verification(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    let mailer = to.mailer()?;
    if let Some(mailed) = to.authenticator()?.issue_email_verification(&scope).await? {
        mailer.send(Letter::email_verification(mailed))?;
    }
    Ok(respond::accepted())
}

pub(crate) async fn login(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: LoginRequest = call.json().await?;
    let tokens = app.services()?.authenticator()?.login(&request, &call.peer()).await?;
    respond::ok(&tokens)
}

pub(crate) async fn refresh(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let request: RefreshRequest = call.json().await?;
    let tokens = app.services()?.authenticator()?.refresh(&request, &call.peer()).await?;
    respond::ok(&tokens)
}

pub(crate) async fn accept_invitation(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let accept: AcceptInvitation = call.json().await?;
    let tokens = app.services()?.authenticator()?.accept_invitation(&accept, &call.peer()).await?;
    respond::created(&tokens)
}

pub(crate) async fn accounts(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.authenticator()?.accounts(&scope).await?)
}

pub(crate) async fn switch(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let switch: SwitchAccount = call.json().await?;
    let tokens = to.authenticator()?.switch_account(&scope, &switch).await?;
    respond::ok(&tokens)
}

pub(crate) async fn logout(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    to.authenticator()?.logout(&scope).await?;
    Ok(respond::no_content())
}

pub(crate) async fn logout_everywhere(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    to.authenticator()?.logout_everywhere(&scope).await?;
    Ok(respond::no_content())
}

pub(crate) async fn profile(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    let profile = to.authenticator()?.profile(&scope).await?;
    respond::ok(&profile)
}

pub(crate) async fn update_profile(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let patch: ProfilePatch = call.json().await?;
    let profile = to.authenticator()?.update_profile(&scope, &patch).await?;
    respond::ok(&profile)
}

pub(crate) async fn change_password(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let change: PasswordChange = call.json().await?;
    to.authenticator()?.change_password(&scope, &change).await?;
    Ok(respond::no_content())
}
