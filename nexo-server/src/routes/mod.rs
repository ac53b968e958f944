//! The route table: every path that the server answers, as data.
//!
//! Tests and benches iterate over [`table`], so a new row is tested for what
//! all rows must hold (no answer without a token, nothing of another account)
//! without anybody thinking of it. What the documentation says of a route
//! stands in its row.

mod auth;
mod collections;
mod dashboard;
mod imports;
mod operation;
mod people;
mod route;
mod server;
mod session;

use crate::config::Service;
use nexo_core::model::{Client, Department, Employee, Professional, Project, Supplier, Task};

pub(crate) use operation::{Body, Content, Operation, Parameter, Tag};
pub(crate) use route::Handler;
#[cfg(test)]
pub(crate) use route::public;
pub use route::{Access, Limit, Route};

/// Every route of the server, whichever process answers it.
#[must_use]
pub fn table() -> Vec<Route> {
    let mut table = Vec::new();
    table.extend(server::probes());
    table.extend(server::documentation().map(|route| route.of(Service::Entry)));
    table.push(dashboard::whole().of(Service::Entry));
    table.extend(auth().into_iter().map(|route| route.of(Service::Auth)));
    table.extend(records().into_iter().map(|route| route.of(Service::Crm)));
    table
}

/// Users, sessions, roles and keys.
fn auth() -> Vec<Route> {
    let mut table = vec![server::keys()];
    table.extend(auth::sign_in());
    table.extend(auth::oidc());
    table.extend(session::session());
    table.extend(session::second_factor());
    table.extend(session::identities());
    table.push(dashboard::account());
    table.extend(people::people());
    table.extend(people::api_keys());
    table
}

/// What an account has.
fn records() -> Vec<Route> {
    let mut table = Vec::new();
    table.extend(collections::search());
    table.push(dashboard::work());
    table.extend(people::audit());
    table.extend(imports::imports());
    table.extend(collections::crud::<Client>());
    table.extend(collections::crud::<Department>());
    table.extend(collections::crud::<Employee>());
    table.extend(collections::crud::<Supplier>());
    table.extend(collections::crud::<Professional>());
    table.extend(collections::crud::<Project>());
    table.extend(collections::crud::<Task>());
    table.extend(collections::person::<Client>());
    table.extend(collections::person::<Employee>());
    table.extend(collections::person::<Supplier>());
    table.extend(collections::person::<Professional>());
    table
}
