//! Transfer of ownership: all that a member has goes to another one.

use tokio_postgres::types::ToSql;

use super::MemberRepository;
use crate::db::{Access, Call, Executor, translate};
use crate::error::{Error, Result};
use crate::model::{
    ErrorCode, FieldCode, FieldError, Id, Permission, Permissions, Transfer, Transferred, User,
};
use crate::repo::{RegisteredTable, registered};
use crate::tenant::TenantScope;

/// The records of a collection that go in one step. An entry of the audit log
/// goes with each.
const STEP: i64 = 2_000;

/// `$2` the member; no row if there is none.
const EXISTS: &str = "select from nexo.memberships where account_id = $1 and user_id = $2";

impl MemberRepository {
    /// Gives records of a member to another one: up to 2,000 of each collection,
    /// those that were created first.
    ///
    /// # Errors
    /// `not_found` for who is no member; `validation_failed` for a next owner who
    /// is none, or a collection without owners; `forbidden` without
    /// `member:manage` and the rights to see all of each collection and to
    /// change it.
    pub async fn transfer(
        &self,
        scope: &TenantScope,
        from: Id<User>,
        transfer: &Transfer,
    ) -> Result<Transferred> {
        if transfer.to == from {
            let told = "is the owner already";
            let field = FieldError::new("to", FieldCode::Duplicate, told);
            return Err(Error::invalid(vec![field]));
        }
        let tables = chosen(transfer.collections.as_deref())?;
        let needs =
            tables.iter().fold(Permissions::from(Permission::MemberManage), |all, table| {
                all.with(table.to_read).with(table.to_write)
            });
        let (one, params): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 3]) =
            ([&from], [&from, &transfer.to, &STEP]);
        let mut calls = vec![Call::new(EXISTS, &one)];
        calls.extend(tables.iter().filter_map(|it| it.transfer).map(|sql| Call::new(sql, &params)));
        let done = self.database.scoped_to_account(scope).run(Access::write(needs), &calls).await;
        let rows = done.map_err(|error| match error.code() {
            ErrorCode::ValidationFailed => {
                let told = "is not a member of the account";
                let field = FieldError::new("to", FieldCode::UnknownReference, told);
                Error::invalid(vec![field]).because(error)
            }
            _ => error,
        })?;
        if rows[0].is_empty() {
            return Err(Error::not_found());
        }
        let mut all = Transferred::default();
        for (table, rows) in tables.iter().zip(&rows[1..]) {
            let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(translate)?;
            all.more |= count == STEP;
            all.transferred.insert(table.collection.to_owned(), count.unsigned_abs());
        }
        Ok(all)
    }
}

/// The tables whose records have owners, as far as they are asked for.
fn chosen(collections: Option<&[String]>) -> Result<Vec<RegisteredTable>> {
    let mut owned: Vec<_> = registered();
    owned.retain(|table| table.transfer.is_some());
    let Some(asked) = collections else { return Ok(owned) };
    let known: Vec<&str> = owned.iter().map(|table| table.collection).collect();
    if let Some(at) = asked.iter().position(|name| !known.contains(&name.as_str())) {
        let told = format!("must be one of: {}", known.join(", "));
        let place = format!("collections[{at}]");
        return Err(Error::invalid(vec![FieldError::new(
            place,
            FieldCode::UnknownReference,
            told,
        )]));
    }
    owned.retain(|table| asked.iter().any(|name| name == table.collection));
    Ok(owned)
}
