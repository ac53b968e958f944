//! A user's second factor.

use nexo_core::TenantScope;
use nexo_core::model::{ConfirmSecondFactor, SecondFactorProof, SetUpSecondFactor};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn state(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.authenticator()?.second_factor(&scope).await?)
}

pub(crate) async fn set_up(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let set_up: SetUpSecondFactor = call.json().await?;
    respond::created(&to.authenticator()?.set_up_second_factor(&scope, &set_up).await?)
}

pub(crate) async fn confirm(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let confirm: ConfirmSecondFactor = call.json().await?;
    respond::ok(&to.authenticator()?.confirm_second_factor(&scope, &confirm).await?)
}

pub(crate) async fn recovery_codes(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let proof: SecondFactorProof = call.json().await?;
    respond::ok(&to.authenticator()?.renew_recovery_codes(&scope, &proof).await?)
}

pub(crate) async fn remove(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let proof: SecondFactorProof = call.json().await?;
    to.authenticator()?.remove_second_factor(&scope, &proof).await?;
    Ok(respond::no_content())
}
