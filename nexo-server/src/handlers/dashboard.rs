//! What somebody sees first, from as many services as are there.

use futures_util::future::join;
use nexo_core::TenantScope;
use nexo_core::model::{Dashboard, DashboardAccount, DashboardWork, ErrorCode, Service};
use tokio::time::Instant;

use crate::app::{App, Services};
use crate::config::Service as Of;
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::gateway::time_limit;
use crate::remote;
use crate::respond::{self, Reply};

pub(crate) async fn whole(app: &App, scope: Option<TenantScope>, call: Call<'_>) -> Outcome<Reply> {
    let (scope, call) = (scope.as_ref(), call.hand_on());
    // Less than the request has: one part that hangs leaves the other its answer.
    let now = Instant::now();
    let deadline = now + call.caller.deadline.saturating_duration_since(now) / 2;
    let account = async {
        match app.elsewhere(Of::Auth) {
            Some(auth) => remote::fetch(auth, "/api/auth/dashboard", &call, deadline).await,
            None => account_part(app.services()?, here(scope)?).await,
        }
    };
    let work = async {
        match app.elsewhere(Of::Crm) {
            Some(crm) => remote::fetch(crm, "/api/crm/dashboard", &call, deadline).await,
            None => work_part(app.services()?, here(scope)?).await,
        }
    };
    let (account, work) = (time_limit::until(deadline, account), time_limit::until(deadline, work));
    respond::ok(&gather(account, work).await?)
}

/// Whoever is answered here has been let in here.
fn here(scope: Option<&TenantScope>) -> Outcome<&TenantScope> {
    scope.ok_or_else(|| Failure::internal("a part of this process without a scope"))
}

pub(crate) async fn account(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&account_part(to, &scope).await?)
}

pub(crate) async fn work(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&work_part(to, &scope).await?)
}

/// The part of the auth service.
pub(crate) async fn account_part(to: &Services, scope: &TenantScope) -> Outcome<DashboardAccount> {
    Ok(to.database().dashboard_account(scope).await?)
}

/// The part of the CRM service.
pub(crate) async fn work_part(to: &Services, scope: &TenantScope) -> Outcome<DashboardWork> {
    Ok(to.database().dashboard_work(scope).await?)
}

/// Both parts at the same time, wherever they come from. A service that is away is
/// told as missing; what either refuses is refused.
///
/// # Errors
/// Those of a part that are no absence; `unavailable` when both are away.
pub(crate) async fn gather(
    account: impl Future<Output = Outcome<DashboardAccount>>,
    work: impl Future<Output = Outcome<DashboardWork>>,
) -> Outcome<Dashboard> {
    let (account, work) = join(account, work).await;
    let mut missing = Vec::new();
    let account = present(account, Service::Auth, &mut missing)?;
    let work = present(work, Service::Crm, &mut missing)?;
    if account.is_none() && work.is_none() {
        return Err(Failure::of(ErrorCode::Unavailable));
    }
    let partial = !missing.is_empty() || account.as_ref().is_some_and(|account| account.partial);
    Ok(Dashboard { account, work, partial, missing })
}

/// The part, unless its service is away.
fn present<T>(
    part: Outcome<T>,
    service: Service,
    missing: &mut Vec<Service>,
) -> Outcome<Option<T>> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(failure) if is_away(failure.code()) => {
            // The request succeeds, so that its line in the log has no cause.
            let (code, cause) = (failure.code().as_str(), failure.cause());
            tracing::warn!(%service, code, cause, "a dashboard is without a part");
            missing.push(service);
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn is_away(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Outcome<DashboardAccount> {
        let (profile, members, open_invitations) = (None, None, None);
        Ok(DashboardAccount { profile, members, open_invitations, partial: false })
    }

    async fn gathered(
        account: Outcome<DashboardAccount>,
        work: Outcome<DashboardWork>,
    ) -> Result<Dashboard, ErrorCode> {
        gather(async { account }, async { work }).await.map_err(|failure| failure.code())
    }

    #[tokio::test]
    async fn what_is_away_is_missing_and_what_is_refused_is_refused() {
        use ErrorCode as E;
        for away in [E::Unavailable, E::Overloaded, E::Timeout] {
            let told = gathered(account(), Err(Failure::of(away))).await.expect("the one is there");
            assert!(told.account.is_some() && told.work.is_none() && told.partial);
            assert_eq!(told.missing, [Service::Crm]);
            let none = gathered(Err(Failure::of(away)), Err(Failure::of(away))).await;
            assert_eq!(none, Err(E::Unavailable));
        }
        for refused in [E::SessionEnded, E::PermissionsChanged, E::SecondFactorMissing, E::Internal]
        {
            let told = gathered(account(), Err(Failure::of(refused))).await;
            assert_eq!(told, Err(refused));
            let told = gathered(Err(Failure::of(refused)), Err(Failure::of(E::Unavailable))).await;
            assert_eq!(told, Err(refused));
        }
    }
}
