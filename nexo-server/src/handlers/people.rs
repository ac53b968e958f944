//! Roles, members and invitations, and what holds for all of them.

use nexo_core::TenantScope;
use nexo_core::model::{AccountSettingsPatch, Invite, MemberPatch, NewRole, RolePatch, Transfer};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::mail::Letter;
use crate::respond::{self, Reply};

pub(crate) async fn roles(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.database().roles().list(&scope).await?)
}

pub(crate) async fn create_role(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (new, body) = call.json_and_bytes::<NewRole>().await?;
    let key = call.idempotency_key(&body)?;
    let made = to.database().roles().create(&scope, &new, key.as_ref()).await?;
    respond::once(made, |role| {
        respond::versioned(respond::created_at(call.path(), role.id, role)?, role.version)
    })
}

pub(crate) async fn role(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let role = to.database().roles().get(&scope, call.id()?).await?;
    if call.has_version(role.version) {
        return Ok(respond::not_modified(role.version));
    }
    respond::versioned(respond::ok(&role)?, role.version)
}

pub(crate) async fn patch_role(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    let patch: RolePatch = call.json().await?;
    let role = to.database().roles().patch(&scope, id, &patch, version).await?;
    respond::versioned(respond::ok(&role)?, role.version)
}

pub(crate) async fn delete_role(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, version) = (call.id()?, call.if_match()?);
    to.database().roles().delete(&scope, id, version).await?;
    Ok(respond::no_content())
}

pub(crate) async fn members(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let (limit, cursor) = call.page()?;
    let members = to.database().members().list(&scope, limit, cursor.as_deref()).await?;
    respond::ok(&members)
}

pub(crate) async fn member(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.database().members().get(&scope, call.id()?).await?)
}

pub(crate) async fn patch_member(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let id = call.id()?;
    let patch: MemberPatch = call.json().await?;
    respond::ok(&to.database().members().patch(&scope, id, &patch).await?)
}

pub(crate) async fn remove_member(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    to.database().members().remove(&scope, call.id()?).await?;
    Ok(respond::no_content())
}

pub(crate) async fn transfer(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let id = call.id()?;
    let transfer: Transfer = call.json().await?;
    respond::ok(&to.database().members().transfer(&scope, id, &transfer).await?)
}

pub(crate) async fn leave(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    to.database().members().leave(&scope).await?;
    Ok(respond::no_content())
}

pub(crate) async fn settings(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.database().settings().get(&scope).await?)
}

pub(crate) async fn patch_settings(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let patch: AccountSettingsPatch = call.json().await?;
    respond::ok(&to.database().settings().patch(&scope, &patch).await?)
}

pub(crate) async fn invitations(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.database().invitations().list(&scope).await?)
}

pub(crate) async fn invite(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let invite: Invite = call.json().await?;
    let Ok(mailer) = to.mailer() else {
        let made = to.database().invitations().create(&scope, &invite).await?;
        return respond::created_at(call.path(), made.invitation.id, &made);
    };
    // Whoever may invite may not have us mail somebody all day, and whoever may not
    // does not use that up for others.
    to.database().invitations().check(&scope, &invite).await?;
    to.authenticator()?.admit_invitation_mail(&scope, &invite).await?;
    let mut made = to.database().invitations().create_to_mail(&scope, &invite).await?;
    let by = to.authenticator()?.profile(&scope).await.ok();
    mailer.send(Letter::invitation(made.clone(), by.as_ref()))?;
    made.token.clear();
    respond::created_at(call.path(), made.invitation.id, &made)
}

pub(crate) async fn invitation(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    respond::ok(&to.database().invitations().get(&scope, call.id()?).await?)
}

pub(crate) async fn withdraw(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    to.database().invitations().withdraw(&scope, call.id()?).await?;
    Ok(respond::no_content())
}
