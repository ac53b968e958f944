//! Signing in through a provider, and who users are there.

use nexo_core::model::{FinishSignIn, LinkIdentity, StartIdentityLink, StartSignIn, StartedSignIn};
use nexo_core::{SignInReply, TenantScope};

use crate::app::{App, Services};
use crate::extract::Call;
use crate::failure::Outcome;
use crate::oidc::{Brought, settle};
use crate::respond::{self, Reply};

pub(crate) async fn providers(app: &App) -> Outcome<Reply> {
    respond::ok(&app.services()?.oidc()?.list())
}

pub(crate) async fn start(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let wanted: StartSignIn = call.json().await?;
    let services = app.services()?;
    let provider = services.oidc()?.asked_for(&wanted.provider, &wanted.redirect_uri)?;
    let (new, authorization_url) = provider.begin(&wanted.redirect_uri).await?;
    let sign_in_token = services.authenticator()?.begin_sign_in(&new, &call.peer()).await?;
    respond::ok(&StartedSignIn { authorization_url, sign_in_token })
}

pub(crate) async fn finish(app: &App, mut call: Call<'_>) -> Outcome<Reply> {
    let finish: FinishSignIn = call.json().await?;
    let (services, peer) = (app.services()?, call.peer());
    let authenticator = services.authenticator()?;
    let reply = SignInReply { sign_in_token: &finish.sign_in_token, state: &finish.state };
    let pending = authenticator.pending_sign_in(reply, &peer).await?;
    let provider = services.oidc()?.begun_at(&pending.provider)?;
    let brought = Brought { reply, code: &finish.code, iss: finish.iss.as_deref() };
    settle(provider, authenticator, &pending, brought, &peer).await?;
    respond::ok(&authenticator.finish_sign_in(&finish, provider.registers(), &peer).await?)
}

pub(crate) async fn identities(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.authenticator()?.external_identities(&scope).await?)
}

pub(crate) async fn start_link(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let wanted: StartIdentityLink = call.json().await?;
    to.authenticator()?.admit_identity_link(&scope, wanted.password.as_deref()).await?;
    let provider = to.oidc()?.asked_for(&wanted.provider, &wanted.redirect_uri)?;
    let (new, authorization_url) = provider.begin(&wanted.redirect_uri).await?;
    let sign_in_token = to.authenticator()?.begin_identity_link(&scope, &new).await?;
    respond::ok(&StartedSignIn { authorization_url, sign_in_token })
}

pub(crate) async fn link(to: &Services, scope: TenantScope, mut call: Call<'_>) -> Outcome<Reply> {
    let link: LinkIdentity = call.json().await?;
    let (authenticator, peer) = (to.authenticator()?, call.peer());
    let reply = SignInReply { sign_in_token: &link.sign_in_token, state: &link.state };
    let pending = authenticator.pending_identity_link(&scope, reply).await?;
    let provider = to.oidc()?.begun_at(&pending.provider)?;
    let brought = Brought { reply, code: &link.code, iss: link.iss.as_deref() };
    settle(provider, authenticator, &pending, brought, &peer).await?;
    respond::created(&authenticator.link_identity(&scope, reply).await?)
}

pub(crate) async fn unlink(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    to.authenticator()?.unlink_identity(&scope, call.id()?).await?;
    Ok(respond::no_content())
}
