//! Who may do what: permissions, roles, members and invitations.

mod api_keys;
mod disabled;
mod escalation;
mod invitations;
mod matrix;
mod races;
mod roles;
mod stale;

use nexo_core::model::{BuiltInRole, Client, NewClient, NewRole, Permissions, Role, RoleRef};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator, Database, TenantScope};

/// An account with its owner.
struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    owner: Tenant,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&authenticator).await;
        Self { test, database, authenticator, owner }
    }

    async fn join(&self, role: impl Into<RoleRef>) -> Tenant {
        Tenant::join(&self.database, &self.authenticator, &self.owner.scope, role).await
    }

    async fn role(&self, scope: &TenantScope, new: NewRole) -> nexo_core::Result<Role> {
        Ok(self.database.roles().create(scope, &new, None).await?.into_inner())
    }

    /// A client that anybody made.
    async fn client(&self, scope: &TenantScope) -> nexo_core::Result<Client> {
        self.database.repository::<Client>().create(scope, &NewClient::named("Ada")).await
    }
}

fn role(name: &str, permissions: impl Into<Permissions>, inherits: &[RoleRef]) -> NewRole {
    NewRole {
        name: name.to_owned(),
        description: None,
        permissions: permissions.into(),
        inherits: inherits.to_vec(),
    }
}

const ROLES: &[BuiltInRole] = BuiltInRole::ALL;
