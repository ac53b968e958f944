//! Forgetting a person.

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use super::PrivacyRepository;
use crate::db::{Access, Call, Executor, retried, translate};
use crate::error::{Error, Result};
use crate::model::{
    Erase, Erased, ErrorCode, FieldCode, FieldError, Id, Permission, Person, Validate,
};
use crate::repo::Table;
use crate::tenant::TenantScope;

/// `$2` collection, `$3` record, `$4` the keys by which an import finds it, `$5`
/// why, or null.
const ERASE_COPIES: &str = "select is_held, entries, import_rows, answers
     from nexo.erase_record($2, $3, $4, $5) where $1::uuid is not null";
/// `$2` collection, `$3` record: what a record was that is gone, or null if that was
/// erased already.
const DELETED: &str = "select before from nexo.audit_log
     where account_id = $1 and subject = $2 and record_id = $3 and action = 'delete' order by id desc limit 1";

impl PrivacyRepository {
    /// Forgets a person: what the record tells of them, and every copy of it, in
    /// imports, in answers that are kept to be given again, and in the audit log,
    /// whose chain still adds up. All of it, or nothing.
    ///
    /// The record stays under its id, archived and without a name, so that what
    /// refers to it does not lose it; if nothing does, it can be deleted. Of one that
    /// was deleted before, the copies go; its name is then that of its last entry in
    /// the audit log, which takes `audit:read`. What other records tell in words of
    /// their own stays. Done again, nothing more happens.
    ///
    /// # Errors
    /// `not_found`; `validation_failed` when `confirm` is not the record's name;
    /// `forbidden` without `privacy:manage` and the rights to read, change and
    /// delete the record; `conflict` while an import holds a file of such records.
    pub async fn erase<T: Table + Person>(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        erase: &Erase,
    ) -> Result<Erased<T>> {
        erase.validate().map_err(Error::invalid)?;
        retried(|| self.erase_now(scope, id, erase)).await
    }

    async fn erase_now<T: Table + Person>(
        &self,
        scope: &TenantScope,
        id: Id<T>,
        erase: &Erase,
    ) -> Result<Erased<T>> {
        let erasure = const { T::ERASURE.expect("a person's table has its statements") };
        let needs = (Permission::PrivacyManage | T::TO_READ).with(T::TO_WRITE).with(T::TO_DELETE);
        let one: [&(dyn ToSql + Sync); 1] = [&id];
        let transaction = self.database.transaction(scope).await?;
        let of: [&(dyn ToSql + Sync); 2] = [&T::COLLECTION, &id];
        let calls = [Call::new(erasure.hold, &one), Call::new(DELETED, &of)];
        let held = transaction.run(Access::write(needs), &calls).await?;
        let record = match (held[0].first(), held[1].first()) {
            (Some(row), _) => serde_json::to_value(T::from_row(row).map_err(translate)?)
                .expect("wire types always serialise"),
            (None, Some(row)) => {
                let before: Option<Value> = row.try_get(0).map_err(translate)?;
                before.unwrap_or_else(|| json!({ T::SEARCH.fields[0]: T::ERASED }))
            }
            (None, None) => return Err(Error::not_found()),
        };
        let name = record[T::SEARCH.fields[0]].as_str().unwrap_or_default();
        if name != erase.confirm && name != T::ERASED {
            let told = "is not the name of the record";
            return Err(Error::invalid(vec![FieldError::new(
                "confirm",
                FieldCode::Mismatch,
                told,
            )]));
        }

        let keys: Vec<&str> =
            T::UPSERTS.iter().filter_map(|upsert| record[upsert.key].as_str()).collect();
        let copies: [&(dyn ToSql + Sync); 4] = [&T::COLLECTION, &id, &keys, &erase.reason];
        let calls = [Call::new(erasure.erase, &one), Call::new(ERASE_COPIES, &copies)];
        let done = transaction.run(Access::write(needs), &calls).await?;
        let record = done[0].first().map(T::from_row).transpose().map_err(translate)?;
        if done[1][0].try_get(0).map_err(translate)? {
            let told = format!(
                "an import of {} still has its file, which may have the person too; let it end, or delete it",
                T::COLLECTION
            );
            return Err(Error::new(ErrorCode::Conflict, told));
        }
        let count = |at: usize| -> Result<u32> {
            let count: i32 = done[1][0].try_get(at).map_err(translate)?;
            Ok(count.try_into().unwrap_or(0))
        };
        let erased =
            Erased { record, entries: count(1)?, import_rows: count(2)?, answers: count(3)? };
        transaction.commit(String::new).await?;
        Ok(erased)
    }
}
