//! Who refers to a record.

use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::table::{Reference, Table};
use crate::db::{Access, Call, Executor};
use crate::error::Error;
use crate::model::{ErrorCode, FieldCode, FieldError, Id};

/// The most referring records that are counted.
const MANY: i64 = 100;

/// Why a record was not deleted. If it is referred to, this asks by what, which
/// costs a refused deletion a second round trip and the others nothing.
pub(super) async fn in_use<T: Table>(executor: &impl Executor, id: Id<T>, error: Error) -> Error {
    if !is_referred_to(&error) {
        return error;
    }
    let referring: Vec<(&'static str, &'static Reference)> = super::registered()
        .into_iter()
        .flat_map(|table| table.references.iter().map(move |it| (table.collection, it)))
        .filter(|(_, reference)| reference.target == T::NAME)
        .collect();
    let params: [&(dyn ToSql + Sync); 1] = [&id];
    let calls: Vec<Call<'_>> =
        referring.iter().map(|(_, reference)| Call::new(reference.count, &params)).collect();
    // A unit of work has failed with the deletion, and can tell no more.
    // Of what the scope may not see, the policies count none.
    let counts = executor.run(Access::read(T::TO_DELETE), &calls).await.unwrap_or_default();

    let mut fields = Vec::new();
    for ((collection, reference), rows) in referring.iter().zip(&counts) {
        let count: i64 = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        if count > 0 {
            let more = if count >= MANY { " or more" } else { "" };
            let message = format!("{count}{more} {collection} refer to it by {}", reference.field);
            fields.push(FieldError::new(*collection, FieldCode::InUse, message));
        }
    }
    Error::in_use(fields).because(error)
}

/// The same without asking by what: for deletions among others.
pub(crate) fn referred_to(error: Error) -> Error {
    if is_referred_to(&error) { Error::in_use(Vec::new()).because(error) } else { error }
}

fn is_referred_to(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<PgError>());
    error.code() == ErrorCode::ValidationFailed
        && cause.and_then(PgError::code) == Some(&SqlState::FOREIGN_KEY_VIOLATION)
}
