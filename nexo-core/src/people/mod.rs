//! Who is in an account, and what they may do there.
//!
//! What a role comes to, and that nobody gives more than they have, is the
//! database's own work: see the triggers in the migrations.

use crate::db::{Database, Executor};
use crate::error::Result;
use crate::tenant::TenantScope;

#[cfg(feature = "auth")]
mod api_keys;
#[cfg(feature = "auth")]
mod invitations;
mod members;
mod role_ref;
mod roles;
mod settings;
mod transfer;

#[cfg(feature = "auth")]
pub use api_keys::ApiKeyRepository;
#[cfg(feature = "auth")]
pub use invitations::InvitationRepository;
pub use members::MemberRepository;
pub use roles::RoleRepository;
pub use settings::SettingsRepository;

/// First of all where somebody joins by a token: changes of roles and members
/// of an account come one after the other. A trigger takes this lock anyway, but
/// then a row is held already that another one may wait for.
#[cfg(feature = "auth")]
pub(crate) const ONE_AFTER_THE_OTHER: &str = "select nexo.hold_roles($1)";

/// Refuses an API key where somebody must have logged in, and tells the audit log.
async fn in_session(database: &Database, scope: &TenantScope) -> Result<()> {
    match scope.require_session() {
        Ok(()) => Ok(()),
        Err(forbidden) => Err(database.scoped_to_account(scope).refuse(forbidden).await),
    }
}

#[cfg(feature = "auth")]
pub(crate) use api_keys::from_row as read_api_key;
#[cfg(feature = "auth")]
pub(crate) use role_ref::read as read_role;
