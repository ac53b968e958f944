//! The part about users and accounts.

use futures_util::future::join;
use tokio_postgres::Row;

use crate::auth::read_profile;
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::Result;
use crate::model::{DashboardAccount, MemberCount, Permission, Permissions, Profile};
use crate::tenant::TenantScope;

pub(crate) const MEMBERS: &str = "select count(*) filter (where disabled_at is null), count(*) filter (where disabled_at is not null)
     from nexo.memberships where account_id = $1";
pub(crate) const INVITATIONS: &str = "select count(*) from nexo.invitations
     where account_id = $1 and accepted_at is null and expires_at > now()";

impl Database {
    /// Who the scope's user is, and who else is in the account: two transactions at
    /// the same time, because identities and members are read by different roles.
    ///
    /// # Errors
    /// `session_ended`; `unavailable` or `overloaded` when it is not known who asks.
    pub async fn dashboard_account(&self, scope: &TenantScope) -> Result<DashboardAccount> {
        let (profile, counts) = join(self.own_profile(scope), self.people_counts(scope)).await;
        let profile = profile?;
        match counts {
            Ok((members, open_invitations)) => {
                Ok(DashboardAccount { profile, members, open_invitations, partial: false })
            }
            Err(away) if away.is_transient() => {
                tracing::warn!(error = ?away, "a dashboard is without its members");
                let (members, open_invitations) = (None, None);
                Ok(DashboardAccount { profile, members, open_invitations, partial: true })
            }
            Err(error) => Err(error),
        }
    }

    /// Nobody's, of an API key.
    async fn own_profile(&self, scope: &TenantScope) -> Result<Option<Profile>> {
        if scope.session_id().is_none() {
            return Ok(None);
        }
        read_profile(self.identity(), scope).await.map(Some)
    }

    async fn people_counts(
        &self,
        scope: &TenantScope,
    ) -> Result<(Option<MemberCount>, Option<u64>)> {
        let may = |permission: Permission| scope.permissions().contain(permission.into());
        let (members, invitations) = (may(Permission::MemberRead), may(Permission::MemberManage));
        let mut calls = Vec::with_capacity(2);
        calls.extend(members.then(|| Call::new(MEMBERS, &[])));
        calls.extend(invitations.then(|| Call::new(INVITATIONS, &[])));
        if calls.is_empty() && scope.session_id().is_some() {
            return Ok((None, None));
        }
        // Of a key, at least whether it is still good.
        let executor = self.scoped_to_account(scope);
        let rows = executor.run(Access::read(Permissions::NONE), &calls).await?;
        let mut rows = rows.iter();
        let members = match members.then(|| rows.next()).flatten() {
            Some(rows) => {
                Some(MemberCount { active: number(rows, 0)?, disabled: number(rows, 1)? })
            }
            None => None,
        };
        let invitations = match invitations.then(|| rows.next()).flatten() {
            Some(rows) => Some(number(rows, 0)?),
            None => None,
        };
        Ok((members, invitations))
    }
}

fn number(rows: &[Row], at: usize) -> Result<u64> {
    super::work::number(rows.first(), at).map_err(translate)
}
