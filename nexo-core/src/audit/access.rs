//! Who could read a record, and when: from what the log tells of members and API
//! keys.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::AuditRepository;
use crate::db::{Access, Call, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{AuditAccess, AuditAccesses, Id, Permission, Permissions};
use crate::repo::Table;
use crate::tenant::TenantScope;

/// `$2` subject, `$3` record, `$4` the masks of what lets read all, those of the
/// team and one's own, of which a kind may have one that is three times the same.
/// From when the record was created, as far as that is told, until it was deleted.
///
/// Of somebody of whom the log tells first that they were changed, what they had
/// before is what they had since they joined, whenever that was; of somebody of
/// whom it tells nothing, what they have.
const ACCESS: &str = "with life as (
         select min(at) filter (where action = 'create') as begun, max(at) filter (where action = 'delete') as ended
         from nexo.audit_log where account_id = $1 and subject = $2 and record_id = $3
     ), told as (
         select record_id as who, record_id as user_id, null::uuid as key_id, at, id, action,
             before ->> 'permissions' as had,
             case when action = 'delete' then '0' else after ->> 'permissions' end as has,
             coalesce(after, before) as fields, null::timestamptz as expires
         from nexo.audit_log
         where account_id = $1 and subject = 'members' and (action = 'delete' or after ? 'permissions')
         union all
         select record_id, (first_value(coalesce(after, before) ->> 'user_id') over by_key)::uuid, record_id, at, id, action,
             before ->> 'effective', case when action = 'delete' then '0' else after ->> 'effective' end,
             coalesce(after, before), (first_value(after ->> 'expires_at') over by_key)::timestamptz
         from nexo.audit_log
         where account_id = $1 and subject = 'api_keys' and (action = 'delete' or after ? 'effective')
         window by_key as (partition by record_id order by id)
     ), points as (
         select who, user_id, key_id, at, id, has::bigint as may, expires from told
         union all
         select who, user_id, key_id, '-infinity', id, had::bigint, expires
         from (select distinct on (who) * from told order by who, at, id) as first
         where action <> 'create' and had is not null
         union all
         select m.user_id, m.user_id, null, m.created_at, '00000000-0000-0000-0000-000000000000', m.permissions, null
         from nexo.memberships m where m.account_id = $1
             and m.user_id not in (select who from told)
     ), levels as (
         select *, case when may & masks[1] = masks[1] then 'all' when may & masks[2] = masks[2] then 'team'
             when may & masks[3] = masks[3] then 'own' end as sees
         from points cross join (select $4::bigint[] as masks) as asked
     ), turns as (
         select *, lag(coalesce(sees, '')) over (partition by who order by at, id) as saw from levels
     ), spans as (
         select user_id, key_id, sees, at as since,
             least(lead(at) over (partition by who order by at, id), expires) as until
         from turns where coalesce(sees, '') is distinct from saw
     ), names as (
         select distinct on (who) who, fields ->> 'name' as name from told
         where key_id is null and fields ? 'name' order by who, id desc
     )
     select s.user_id, s.key_id, coalesce(m.name, n.name),
         nullif(greatest(s.since, life.begun), '-infinity'), nullif(least(s.until, life.ended), 'infinity'), s.sees
     from spans s cross join life
     left join nexo.memberships m on m.account_id = $1 and m.user_id = s.user_id
     left join names n on n.who = s.user_id
     where s.sees is not null and coalesce(least(s.until, life.ended), 'infinity') > greatest(s.since, life.begun)
     order by 4 nulls first, s.user_id, s.key_id nulls first limit 10000";

impl AuditRepository {
    /// Who could read a record while it was there, and from when to when: members
    /// by their roles, and their API keys. Whether they did is not told: reads
    /// have no entries.
    ///
    /// # Errors
    /// `not_found` for a record that there never was; `forbidden` without
    /// `audit:read`, `member:read`, `key:manage` and the right to read it.
    pub async fn access<T: Table>(&self, scope: &TenantScope, id: Id<T>) -> Result<AuditAccesses> {
        let team = T::TO_READ.narrower().unwrap_or(T::TO_READ);
        let needed =
            [T::TO_READ, team, T::TO_READ.narrowest()].map(|it| Permissions::from(it).bits());
        let needed = needed.as_slice();
        let needs = (Permission::AuditRead | Permission::MemberRead).with(Permission::KeyManage);
        let asked: [&(dyn ToSql + Sync); 3] = [&T::COLLECTION, &id, &needed];
        let one: [&(dyn ToSql + Sync); 1] = [&id];
        let calls = [
            Call::new(ACCESS, &asked),
            Call::new(T::EXISTS, &one),
            Call::new(WAS_TOLD, &asked[..2]),
        ];
        let access = Access::read(needs.with(T::TO_READ));
        let rows = self.database.scoped_to_account(scope).run(access, &calls).await?;
        if rows[1].is_empty() && rows[2].is_empty() {
            return Err(Error::not_found());
        }
        let data = rows[0].iter().map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        Ok(AuditAccesses { data })
    }
}

/// `$2` subject, `$3` record.
const WAS_TOLD: &str = "select from nexo.audit_log
     where account_id = $1 and subject = $2 and record_id = $3 limit 1";

fn from_row(row: &Row) -> Result<AuditAccess, PgError> {
    Ok(AuditAccess {
        user_id: row.try_get(0)?,
        key_id: row.try_get(1)?,
        user_name: row.try_get(2)?,
        since: row.try_get(3)?,
        until: row.try_get(4)?,
        visibility: row.try_get(5)?,
    })
}
