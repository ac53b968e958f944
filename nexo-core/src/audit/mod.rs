//! Who did what: reading it, and sealing what is there. It is written by
//! triggers: see the migrations.

mod access;
mod chain;
mod file;
mod seal;
mod verify;

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row};
use uuid::Uuid;

use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{AuditEntry, AuditPage, AuditParams, AuditTopic, Id, Permission, Permissions};
use crate::repo::{Table, checked_limit, registered, unknown};
use crate::tenant::TenantScope;

pub use chain::AuditFault;
pub use file::AuditFile;
pub use verify::Verified;

/// The account's entries, in the order of the columns of `from_row`.
macro_rules! entries {
    () => {
        "select e.id, e.at, e.action, e.subject, e.record_id, e.user_id, m.name, e.session_id, e.reason,
             e.request_id, e.ip, e.user_agent, e.before, e.after, e.key_id, e.erased_by
         from nexo.audit_log e left join nexo.memberships m on m.account_id = $1 and m.user_id = e.user_id
         where e.account_id = $1"
    };
}

/// `$2` subject, `$3` record, `$4` how many: the newest first.
pub(crate) const OF_RECORD: &str =
    concat!(entries!(), " and e.subject = $2 and e.record_id = $3 order by e.id desc limit $4");

/// `$2` subject, `$3` record, `$4` user, `$5` action, `$6` and `$7` the ids
/// between which a time's entries are, `$8` the last of the page before, `$9`
/// how many. What is null asks for nothing.
macro_rules! list {
    ($topic:literal) => {
        concat!(
            entries!(),
            " and ($2::text is null or e.subject = $2)
               and ($3::uuid is null or e.record_id = $3)
               and ($4::uuid is null or e.user_id = $4) and ($5::text is null or e.action = $5)
               and ($6::uuid is null or e.id >= $6) and ($7::uuid is null or e.id < $7)
               and ($8::uuid is null or e.id < $8)",
            $topic,
            " order by e.id desc limit $9"
        )
    };
}

const LIST: &str = list!("");
/// Written as the indexes are.
const LIST_PERMISSIONS: &str =
    list!(" and e.subject in ('members', 'roles', 'invitations', 'api_keys', 'settings')");
const LIST_SIGN_IN_FAILURES: &str = list!(" and e.action in ('fail_login', 'token_reuse')");

/// Planned for what is asked for: each filter has an index of its own.
const LIST_TYPES: &[Type] = &[
    Type::UUID,
    Type::TEXT,
    Type::UUID,
    Type::UUID,
    Type::TEXT,
    Type::UUID,
    Type::UUID,
    Type::UUID,
    Type::INT8,
];

/// The audit log of the account of whichever scope is given.
#[derive(Clone)]
pub struct AuditRepository {
    database: Database,
}

impl Database {
    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> AuditRepository {
        AuditRepository { database: self.clone() }
    }
}

impl AuditRepository {
    /// A page of entries, the newest first: of those things that the scope may
    /// read too.
    ///
    /// # Errors
    /// `invalid_query` for a limit out of range and a subject that there is not;
    /// `forbidden` without `audit:read`.
    pub async fn list(&self, scope: &TenantScope, params: &AuditParams) -> Result<AuditPage> {
        self.page(scope, params, Permission::AuditRead.into(), &[]).await.map(|(page, _)| page)
    }

    /// What became of a record, the newest first; also of one that was deleted.
    ///
    /// # Errors
    /// As [`list`](Self::list); `not_found` for a record that there never was;
    /// `forbidden` without the right to read it too.
    pub async fn history<T: Table>(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        limit: Option<u16>,
        cursor: Option<Id<AuditEntry>>,
    ) -> Result<AuditPage> {
        let params = AuditParams {
            subject: Some(T::COLLECTION.to_owned()),
            record_id: Some(*id.as_uuid()),
            limit,
            cursor,
            ..AuditParams::default()
        };
        let one: [&(dyn ToSql + Sync); 1] = [&id];
        let needs = Permission::AuditRead | T::TO_READ;
        let exists = [Call::new(T::EXISTS, &one)];
        let (page, exists) = self.page(scope, &params, needs, &exists).await?;
        // What is older than the log has no entries, and is there all the same.
        if page.data.is_empty() && exists[0].is_empty() && cursor.is_none() {
            return Err(Error::not_found());
        }
        Ok(page)
    }

    /// A page, and what the other calls found.
    async fn page(
        &self,
        scope: &TenantScope,
        params: &AuditParams,
        needs: Permissions,
        others: &[Call<'_>],
    ) -> Result<(AuditPage, Vec<Vec<Row>>)> {
        let limit = checked_limit(params.limit)?;
        if let Some(subject) = &params.subject {
            check_subject(subject)?;
        }
        let (from, to) = (params.from.map(first_id), params.to.map(first_id));
        let fetch = i64::from(limit) + 1;
        let asked: [&(dyn ToSql + Sync); 8] = [
            &params.subject,
            &params.record_id,
            &params.user_id,
            &params.action,
            &from,
            &to,
            &params.cursor,
            &fetch,
        ];
        let list = match params.topic {
            None => LIST,
            Some(AuditTopic::Permissions) => LIST_PERMISSIONS,
            Some(AuditTopic::SignInFailures) => LIST_SIGN_IN_FAILURES,
        };
        let mut calls = vec![Call::planned_each_time(list, LIST_TYPES, &asked)];
        calls.extend_from_slice(others);
        let mut rows =
            self.database.scoped_to_account(scope).run(Access::read(needs), &calls).await?;
        let others = rows.split_off(1);
        let shown = rows[0].iter().take(usize::from(limit));
        let data: Vec<AuditEntry> =
            shown.map(from_row).collect::<Result<_, _>>().map_err(translate)?;
        let more = rows[0].len() > data.len();
        let next_cursor = data.last().filter(|_| more).map(|last| last.id);
        Ok((AuditPage { data, next_cursor }, others))
    }
}

/// What has entries besides records.
const OTHERS: [&str; 10] = [
    "api_keys",
    "audit_log",
    "imports",
    "invitations",
    "members",
    "requests",
    "roles",
    "sessions",
    "settings",
    "users",
];

/// Refuses what no entry is about, which would look as if nothing had happened.
fn check_subject(subject: &str) -> Result<()> {
    let mut known: Vec<&str> = registered().iter().map(|table| table.collection).collect();
    known.extend(OTHERS);
    if known.contains(&subject) {
        return Ok(());
    }
    Err(unknown("subject", subject, &known, ""))
}

/// The first id that an entry of this time can have, as `nexo.time_ordered_id`
/// makes them: milliseconds, and the rest in 4096ths of one.
fn first_id(at: Timestamp) -> Uuid {
    let micros = u128::try_from(at.as_microsecond()).unwrap_or(0);
    let (millis, rest) = (micros / 1000, micros % 1000 * 4096 / 1000);
    Uuid::from_u128(millis << 80 | 0x7 << 76 | rest << 64)
}

pub(crate) fn from_row(row: &Row) -> Result<AuditEntry, PgError> {
    let object = |value: Option<Value>| match value {
        Some(Value::Object(fields)) => Some(fields.into_iter().map(readable).collect()),
        _ => None,
    };
    Ok(AuditEntry {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        action: row.try_get(2)?,
        subject: row.try_get(3)?,
        record_id: row.try_get(4)?,
        user_id: row.try_get(5)?,
        user_name: row.try_get(6)?,
        session_id: row.try_get(7)?,
        key_id: row.try_get(14)?,
        reason: row.try_get(8)?,
        request_id: row.try_get(9)?,
        ip: row.try_get(10)?,
        user_agent: row.try_get(11)?,
        before: object(row.try_get(12)?),
        after: object(row.try_get(13)?),
        erased_by: row.try_get(15)?,
    })
}

/// Permissions are kept as their mask, and told by their names.
fn readable((field, value): (String, Value)) -> (String, Value) {
    let mask = value.as_i64().filter(|_| field == "permissions" || field == "effective");
    let value = match mask {
        Some(mask) => Permissions::from_bits(mask).iter().map(Permission::as_str).collect(),
        None => value,
    };
    (field, value)
}

impl fmt::Debug for AuditRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditRepository").finish_non_exhaustive()
    }
}
