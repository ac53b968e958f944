//! The roles of an account.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use crate::db::{Access, Call, Database, Executor, IdempotencyKey, Once, Transaction, translate};
use crate::error::{Error, Result};
use crate::model::{
    BuiltIn, BuiltInRole, Change, ErrorCode, FieldCode, FieldError, Id, NewRole, Permission,
    Permissions, Role, RolePatch, RoleRef, Roles, Validate,
};
use crate::tenant::TenantScope;

macro_rules! columns {
    () => {
        "r.id, r.name, r.description, r.permissions, r.built_ins,
         array(select p.parent_id from nexo.role_parents p
               where p.account_id = $1 and p.role_id = r.id order by p.parent_id),
         r.effective, r.version, r.created_at, r.updated_at"
    };
}

const LIST: &str = concat!(
    "select ",
    columns!(),
    " from nexo.roles r where r.account_id = $1 order by r.name_folded limit 1000"
);
/// `$2` id.
const GET: &str =
    concat!("select ", columns!(), " from nexo.roles r where r.account_id = $1 and r.id = $2");
/// So that one account's roles stay few enough to be added up at each change.
const COUNT: &str = "select count(*) from nexo.roles where account_id = $1";
/// `$2` id, `$3` creator, `$4` name, `$5` description, `$6` permissions, `$7` built-in parents.
const INSERT: &str =
    "insert into nexo.roles (account_id, id, created_by, name, description, permissions, built_ins)
     values ($1, $2, $3, $4, $5, $6, $7)";
/// `$2` id, `$3` parents; none, if it is null.
const INHERIT: &str = "insert into nexo.role_parents (account_id, role_id, parent_id)
     select r.account_id, r.id, parent from nexo.roles r, unnest($3::uuid[]) as parent
     where r.account_id = $1 and r.id = $2
     on conflict (account_id, role_id, parent_id) do nothing";
/// `$2` id, `$3` expected version, `$4` name, `$5` whether to change the description, `$6` to what,
/// `$7` permissions, `$8` built-in parents.
const PATCH: &str = "update nexo.roles
     set name = coalesce($4, name), description = case when $5 then $6 else description end,
         permissions = coalesce($7, permissions), built_ins = coalesce($8, built_ins),
         version = version + 1, updated_at = now()
     where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
     returning version";
/// `$2` id, `$3` the parents that stay; all, if it is null.
const DISINHERIT: &str = "delete from nexo.role_parents where account_id = $1 and role_id = $2 and parent_id <> all ($3)";
/// `$2` id, `$3` expected version.
const DELETE: &str = "delete from nexo.roles
     where account_id = $1 and id = $2 and ($3::bigint is null or version = $3) returning id";

/// The most roles of an account.
const MOST: i64 = 200;

/// The roles of the account of whichever scope is given.
///
/// A change takes effect on the next request of every member who has the role
/// or one that inherits from it.
///
/// Nobody makes, changes or deletes a role that permits more than they may do
/// themselves: that is `forbidden`.
#[derive(Clone)]
pub struct RoleRepository {
    database: Database,
}

impl Database {
    /// The roles.
    #[must_use]
    pub fn roles(&self) -> RoleRepository {
        RoleRepository { database: self.clone() }
    }
}

impl RoleRepository {
    /// All roles, built-in ones and the account's own.
    ///
    /// # Errors
    /// `forbidden` without `member:read`.
    pub async fn list(&self, scope: &TenantScope) -> Result<Roles> {
        let access = Access::read(Permission::MemberRead);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(LIST, &[])]).await?;
        let data = rows[0].iter().map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        let built_in =
            |role: &BuiltInRole| BuiltIn { role: *role, permissions: role.permissions() };
        Ok(Roles { built_in: BuiltInRole::ALL.iter().map(built_in).collect(), data })
    }

    /// Reads a role of the account's own.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `member:read`.
    pub async fn get(&self, scope: &TenantScope, id: Id<Role>) -> Result<Role> {
        let access = Access::read(Permission::MemberRead);
        let rows =
            self.database.scoped_to_account(scope).run(access, &[Call::new(GET, &[&id])]).await?;
        the_role(&rows[0])
    }

    /// Makes a role, once for its key if there is one.
    ///
    /// # Errors
    /// `validation_failed`; `forbidden` without `role:manage`, or for a role
    /// beyond the own permissions; `conflict` for more than 200.
    pub async fn create(
        &self,
        scope: &TenantScope,
        new: &NewRole,
        key: Option<&IdempotencyKey>,
    ) -> Result<Once<Role>> {
        new.validate().map_err(Error::invalid)?;
        let (built_ins, parents) = split(&new.inherits);
        let permissions = new.permissions.closed();
        if let Err(forbidden) = within(scope, permissions, &built_ins) {
            return Err(self.database.scoped_to_account(scope).refuse(forbidden).await);
        }
        let (id, creator, bits) = (Id::<Role>::new(), scope.user_id(), permissions.bits());
        self.database
            .once_in_account(scope, key, async |transaction| {
                let insert: [&(dyn ToSql + Sync); 6] =
                    [&id, &creator, &new.name, &new.description, &bits, &built_ins];
                let inherit: [&(dyn ToSql + Sync); 2] = [&id, &parents];
                let one: [&(dyn ToSql + Sync); 1] = [&id];
                let calls = [
                    Call::new(COUNT, &[]),
                    Call::new(INSERT, &insert),
                    Call::new(INHERIT, &inherit),
                    Call::new(GET, &one),
                ];
                let access = Access::write_in_turn(Permission::RoleManage);
                let rows = transaction.run(access, &calls).await?;
                let count: i64 = rows[0][0].try_get(0).map_err(translate)?;
                if count >= MOST {
                    return Err(Error::new(
                        ErrorCode::Conflict,
                        "an account has at most 200 roles",
                    ));
                }
                the_role(&rows[3])
            })
            .await
    }

    /// Changes a role.
    ///
    /// # Errors
    /// As [`create`](Self::create); `not_found`; `validation_failed` naming
    /// `inherits` when it would inherit from itself; `version_conflict`.
    pub async fn patch(
        &self,
        scope: &TenantScope,
        id: Id<Role>,
        patch: &RolePatch,
        expected_version: Option<i64>,
    ) -> Result<Role> {
        patch.validate().map_err(Error::invalid)?;
        let permissions = patch.permissions.map(Permissions::closed);
        let (built_ins, parents) = patch.inherits.as_deref().map(split).unzip();
        let given = permissions.unwrap_or_default();
        if let Err(forbidden) = within(scope, given, built_ins.as_deref().unwrap_or_default()) {
            return Err(self.database.scoped_to_account(scope).refuse(forbidden).await);
        }
        let bits = permissions.map(Permissions::bits);
        let changes_description = !matches!(patch.description, Change::Keep);

        let change: [&(dyn ToSql + Sync); 7] = [
            &id,
            &expected_version,
            &patch.name,
            &changes_description,
            &patch.description,
            &bits,
            &built_ins,
        ];
        let inherit: [&(dyn ToSql + Sync); 2] = [&id, &parents];
        let one: [&(dyn ToSql + Sync); 1] = [&id];
        // More before less: what it permits before and after, it permits all
        // the while, so that nothing is withdrawn because of what is between.
        let calls = [
            Call::new(INHERIT, &inherit),
            Call::new(PATCH, &change),
            Call::new(DISINHERIT, &inherit),
            Call::new(GET, &one),
        ];
        let work = async |transaction: &Transaction| {
            let access = Access::write_in_turn(Permission::RoleManage);
            let changed = transaction.run(access, &calls).await?;
            if changed[1].is_empty() {
                return Err(missed(transaction, id).await);
            }
            the_role(&changed[3])
        };
        Ok(self.database.once_in_account(scope, None, work).await?.into_inner())
    }

    /// Deletes a role that nobody has and nothing inherits from.
    ///
    /// # Errors
    /// `in_use`; `not_found`; `version_conflict`; `forbidden`.
    pub async fn delete(
        &self,
        scope: &TenantScope,
        id: Id<Role>,
        expected_version: Option<i64>,
    ) -> Result<()> {
        let params: [&(dyn ToSql + Sync); 2] = [&id, &expected_version];
        let work = async |transaction: &Transaction| {
            let access = Access::write_in_turn(Permission::RoleManage);
            let deleted = transaction.run(access, &[Call::new(DELETE, &params)]).await;
            let deleted = deleted.map_err(|error| match error.code() {
                ErrorCode::ValidationFailed => Error::new(
                    ErrorCode::InUse,
                    "members have the role, or other roles inherit from it; change those first",
                )
                .because(error),
                _ => error,
            })?;
            if deleted[0].is_empty() {
                return Err(missed(transaction, id).await);
            }
            Ok(())
        };
        self.database.once_in_account(scope, None, work).await.map(Once::into_inner)
    }
}

/// Why nothing was changed: it is not there, or has another version.
async fn missed(transaction: &Transaction, id: Id<Role>) -> Error {
    let access = Access::write(Permission::RoleManage);
    match transaction.run(access, &[Call::new(GET, &[&id])]).await {
        Ok(rows) if rows[0].is_empty() => Error::not_found(),
        Ok(_) => crate::repo::version_conflict(),
        Err(error) => error,
    }
}

/// The two kinds of parents.
fn split(inherits: &[RoleRef]) -> (Vec<BuiltInRole>, Vec<Id<Role>>) {
    let (mut built_ins, mut parents) = (Vec::new(), Vec::new());
    for role in inherits {
        match role {
            RoleRef::BuiltIn(role) => built_ins.push(*role),
            RoleRef::Custom(id) => parents.push(*id),
        }
    }
    (built_ins, parents)
}

/// Refuses, naming the field, what the database would refuse without.
pub(super) fn within(
    scope: &TenantScope,
    permissions: Permissions,
    built_ins: &[BuiltInRole],
) -> Result<()> {
    let own = scope.permissions();
    let mut fields = Vec::new();
    let mut refuse = |field: &str, missing: Permissions| {
        if !missing.is_empty() {
            let told = format!("is beyond what you may do yourself: {missing}");
            fields.push(FieldError::new(field, FieldCode::OutOfRange, told));
        }
    };
    refuse("permissions", permissions.without(own));
    let inherited = built_ins.iter().map(|role| role.permissions());
    refuse("inherits", inherited.fold(Permissions::NONE, Permissions::and).without(own));
    if fields.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::Forbidden, "it is beyond what you may do yourself")
        .with_fields(fields))
}

fn the_role(rows: &[Row]) -> Result<Role> {
    from_row(rows.first().ok_or_else(Error::not_found)?).map_err(translate)
}

fn from_row(row: &Row) -> Result<Role, PgError> {
    let built_ins: Vec<BuiltInRole> = row.try_get(4)?;
    let parents: Vec<Id<Role>> = row.try_get(5)?;
    let built_ins = built_ins.into_iter().map(RoleRef::BuiltIn);
    Ok(Role {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        description: row.try_get(2)?,
        permissions: Permissions::from_bits(row.try_get(3)?),
        inherits: built_ins.chain(parents.into_iter().map(RoleRef::Custom)).collect(),
        effective: Permissions::from_bits(row.try_get(6)?),
        version: row.try_get(7)?,
        created_at: row.try_get(8)?,
        updated_at: row.try_get(9)?,
    })
}

impl fmt::Debug for RoleRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleRepository").finish_non_exhaustive()
    }
}
