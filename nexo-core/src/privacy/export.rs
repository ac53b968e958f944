//! All that is known of a person.

use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};
use uuid::Uuid;

use super::PrivacyRepository;
use crate::audit::{OF_RECORD, from_row};
use crate::db::{Access, Call, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{
    Id, KeptAnswer, KeptImportRow, Permission, Permissions, Person, PersonalData, ReferringRecord,
};
use crate::repo::{Reference, Table, registered};
use crate::tenant::TenantScope;

/// The most of each kind that are told.
const MOST: i64 = 10_000;

/// `$2` record, `$3` how many.
const IMPORT_ROWS: &str =
    "select import_id, number, outcome, key, before, coalesce(errors, '[]') from nexo.import_rows
     where account_id = $1 and record_id = $2 order by import_id desc, number limit $3";
/// `$2` record, as text, `$3` how many. One of a batch tells of others too.
const ANSWERS: &str = "select created_at, answer::jsonb from nexo.idempotency_keys
     where account_id = $1 and strpos(answer, $2) > 0 order by created_at desc limit $3";

/// A column that refers to the person, and the collection that has it.
type Referring = (&'static str, &'static Reference);

impl PrivacyRepository {
    /// All that the account knows of a person: the record, what refers to it, what
    /// imports and answered requests keep of it, and its history. Whatever it may
    /// tell must be permitted, so that nothing is left out unsaid.
    ///
    /// # Errors
    /// `not_found`; `forbidden` without `privacy:manage`, `audit:read`,
    /// `import:run` and the right to read the record and what can refer to it.
    pub async fn export<T: Table + Person>(
        &self,
        scope: &TenantScope,
        id: Id<T>,
    ) -> Result<PersonalData<T>> {
        let (referring, needs) = referring::<T>();
        let (fetch, text) = (MOST + 1, id.to_string());
        let one: [&(dyn ToSql + Sync); 1] = [&id];
        let many: [&(dyn ToSql + Sync); 2] = [&id, &fetch];
        let in_text: [&(dyn ToSql + Sync); 2] = [&text, &fetch];
        let told: [&(dyn ToSql + Sync); 3] = [&T::COLLECTION, &id, &fetch];
        let mut calls = vec![
            Call::new(T::GET, &one),
            Call::new(IMPORT_ROWS, &many),
            Call::new(ANSWERS, &in_text),
            Call::new(OF_RECORD, &told),
        ];
        calls.extend(referring.iter().map(|(_, reference)| Call::new(reference.list, &many)));
        let rows = self.database.scoped_to_account(scope).run(Access::read(needs), &calls).await?;

        // Of what was deleted there are copies; of what there never was, there are none.
        let record = rows[0].first().map(T::from_row).transpose().map_err(translate)?;
        if record.is_none() && rows[1..4].iter().all(Vec::is_empty) {
            return Err(Error::not_found());
        }
        let mut referred_by = Vec::new();
        for (of, rows) in referring.iter().zip(&rows[4..]) {
            let read = rows.iter().take(MOST as usize).map(|row| read_referring(of, row));
            referred_by.extend(read.collect::<Result<Vec<_>, _>>().map_err(translate)?);
        }
        Ok(PersonalData {
            record,
            referred_by,
            import_rows: all(&rows[1], read_import_row)?,
            answers: all(&rows[2], |row| read_answer(row, id.as_uuid()))?,
            history: all(&rows[3], from_row)?,
            is_complete: rows.iter().all(|rows| rows.len() as i64 <= MOST),
        })
    }
}

/// What can refer to a record, and what is needed to tell of all of it.
fn referring<T: Table + Person>() -> (Vec<Referring>, Permissions) {
    let mut referring = Vec::new();
    let mut needs = (Permission::PrivacyManage | Permission::AuditRead)
        .with(Permission::ImportRun)
        .with(T::TO_READ);
    for table in registered() {
        let to_it = table.references.iter().filter(|reference| reference.target == T::NAME);
        for reference in to_it {
            needs = needs.with(table.to_read);
            referring.push((table.collection, reference));
        }
    }
    (referring, needs)
}

fn all<V>(rows: &[Row], read: impl Fn(&Row) -> Result<V, PgError>) -> Result<Vec<V>> {
    rows.iter().take(MOST as usize).map(read).collect::<Result<_, _>>().map_err(translate)
}

fn read_referring(
    (collection, reference): &Referring,
    row: &Row,
) -> Result<ReferringRecord, PgError> {
    Ok(ReferringRecord {
        collection: (*collection).to_owned(),
        field: reference.field.to_owned(),
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        role: row.try_get(2)?,
    })
}

fn read_import_row(row: &Row) -> Result<KeptImportRow, PgError> {
    let (number, before, errors): (i64, Option<Value>, Value) =
        (row.try_get(1)?, row.try_get(4)?, row.try_get(5)?);
    Ok(KeptImportRow {
        import_id: row.try_get(0)?,
        row: number.try_into().unwrap_or(0),
        outcome: row.try_get(2)?,
        key: row.try_get(3)?,
        before: before.and_then(|fields| fields.as_object().cloned()),
        errors: serde_json::from_value(errors).unwrap_or_default(),
    })
}

fn read_answer(row: &Row, id: &Uuid) -> Result<KeptAnswer, PgError> {
    let answer: Value = row.try_get(1)?;
    let mut records = Vec::new();
    collect(answer, &id.to_string(), &mut records);
    Ok(KeptAnswer { at: row.try_get(0)?, records })
}

/// The innermost objects that tell of the record: another one's in the same
/// answer are nothing that its person is told.
fn collect(value: Value, id: &str, into: &mut Vec<Value>) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| collect(value, id, into)),
        Value::Object(fields) if fields.values().any(|field| field == id) => {
            into.push(Value::Object(fields));
        }
        Value::Object(fields) => {
            fields.into_iter().for_each(|(_, value)| collect(value, id, into));
        }
        _ => {}
    }
}
