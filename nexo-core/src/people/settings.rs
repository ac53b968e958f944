//! The settings of an account.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{
    AccountSettings, AccountSettingsPatch, ErrorCode, Permission, Permissions, Validate,
};
use crate::tenant::TenantScope;

const READ: &str = "select second_factor_required, audit_retention_days from nexo.account_settings where account_id = $1";
/// `$2` whether to ask for it, or null, `$3` who asks, or null, `$4` whether `$5`
/// is how long to keep the audit log. No row when they have none themselves.
const PATCH: &str = "insert into nexo.account_settings as s (account_id, second_factor_required, audit_retention_days)
     select $1, coalesce($2, false), $5
     where $2 is not true or $3::uuid is null or exists (select from nexo.memberships m
         where m.account_id = $1 and m.user_id = $3 and m.second_factor)
     on conflict (account_id) do update
     set second_factor_required = coalesce($2, s.second_factor_required),
         audit_retention_days = case when $4 then $5 else s.audit_retention_days end, updated_at = now()
     returning second_factor_required, audit_retention_days";

/// The settings of the account of whichever scope is given.
#[derive(Clone)]
pub struct SettingsRepository {
    database: Database,
}

impl Database {
    /// The account's settings.
    #[must_use]
    pub fn settings(&self) -> SettingsRepository {
        SettingsRepository { database: self.clone() }
    }
}

impl SettingsRepository {
    /// Reads them.
    ///
    /// # Errors
    /// `session_ended`.
    pub async fn get(&self, scope: &TenantScope) -> Result<AccountSettings> {
        let access = Access::read(Permissions::NONE);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(READ, &[])]).await?;
        match rows[0].first() {
            Some(row) => from_row(row).map_err(translate),
            None => Ok(AccountSettings::default()),
        }
    }

    /// Changes them. It takes effect on the next request of every member: whoever
    /// lacks a second factor that is asked for may nothing until they have one,
    /// but set it up. What is older than the log is kept goes within a day.
    ///
    /// # Errors
    /// `validation_failed`; `forbidden` without `account:admin` and to an API key; `conflict` when the scope's own user
    /// would be the first to be shut out.
    pub async fn patch(
        &self,
        scope: &TenantScope,
        patch: &AccountSettingsPatch,
    ) -> Result<AccountSettings> {
        super::in_session(&self.database, scope).await?;
        patch.validate().map_err(Error::invalid)?;
        let (who, days) = (scope.user_id(), &patch.audit_retention_days);
        let says = !days.is_keep();
        let params: [&(dyn ToSql + Sync); 4] = [&patch.second_factor_required, &who, &says, days];
        let access = Access::write_in_turn(Permission::AccountAdmin);
        let rows = self
            .database
            .scoped_to_account(scope)
            .run(access, &[Call::new(PATCH, &params)])
            .await?;
        let row = rows[0].first().ok_or_else(|| {
            let told =
                "set up a second factor of your own first, or you would be shut out yourself";
            Error::new(ErrorCode::Conflict, told)
        })?;
        from_row(row).map_err(translate)
    }
}

fn from_row(row: &Row) -> Result<AccountSettings, PgError> {
    Ok(AccountSettings {
        second_factor_required: row.try_get(0)?,
        audit_retention_days: row.try_get(1)?,
    })
}

impl fmt::Debug for SettingsRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsRepository").finish_non_exhaustive()
    }
}
