//! What somebody sees first.

use http::Method;
use nexo_core::model::{Dashboard, DashboardAccount, DashboardWork};

use super::operation::{Tag, operation};
use super::route::{Handler, Route, route, tenant};
use crate::handlers::dashboard;

/// All of it, gathered from the services.
pub(super) fn whole() -> Route {
    route(
        Method::GET,
        "/api/dashboard",
        Handler::Gathering(|app, scope, call| Box::pin(dashboard::whole(app, scope, call))),
    )
    .documented(
        operation(Tag::Dashboard, "getDashboard", "Get what one sees first, in one call")
            .about(
                "What the caller may not see is null. Where a service is away, its part is null, \
                 `missing` names it, and `partial` is true.",
            )
            .answers::<Dashboard>(),
    )
}

pub(super) fn account() -> Route {
    tenant(Method::GET, "/api/auth/dashboard", |to, scope, _| {
        Box::pin(dashboard::account(to, scope))
    })
    .documented(
        operation(Tag::Dashboard, "getAccountDashboard", "Get its part about user and account")
            .answers::<DashboardAccount>(),
    )
}

pub(super) fn work() -> Route {
    tenant(Method::GET, "/api/crm/dashboard", |to, scope, _| Box::pin(dashboard::work(to, scope)))
        .documented(
            operation(Tag::Dashboard, "getWorkDashboard", "Get its part about the records")
                .answers::<DashboardWork>(),
        )
}
