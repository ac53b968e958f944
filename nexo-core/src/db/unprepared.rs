//! Statements without preparation, for a pooler that gives each transaction
//! another connection: what was prepared on one is not there on the next.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::Type;
use tokio_postgres::{Error as PgError, SimpleQueryMessage};
use uuid::Uuid;

use super::sqlstate::translate;
use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// The types of statements' parameters, which have to be told where nothing is
/// prepared. Each statement is asked about once a process; there are few.
#[derive(Clone, Default)]
pub(super) struct ParameterTypes(Arc<RwLock<HashMap<String, Arc<[Type]>>>>);

impl ParameterTypes {
    /// The types of a statement's parameters, in a transaction or before one.
    pub(super) async fn of(&self, connection: &ClientWrapper, sql: &str) -> Result<Arc<[Type]>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let oids = ask(connection, sql).await.map_err(translate)?;
        let types: Option<Arc<[Type]>> = oids.iter().copied().map(Type::from_oid).collect();
        let types = types.ok_or_else(|| {
            Error::new(ErrorCode::Internal, "a statement has a parameter of an unknown type")
        })?;
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(all.entry(sql.to_owned()).or_insert(types).clone())
    }
}

/// Prepares the statement, looks at it, and drops it: all in one query, and so on
/// one connection of the pooler's, also outside of a transaction. Only the program's
/// own statements come here: a semicolon would begin another one.
async fn ask(connection: &ClientWrapper, sql: &str) -> Result<Vec<u32>, PgError> {
    // A name that nobody else has on that connection, should it ever stay there.
    let name = format!("nexo_{}", Uuid::now_v7().simple());
    let asked = format!(
        "prepare {name} as {sql}\n;
         select array_to_string(parameter_types::oid[], ' ') from pg_prepared_statements where name = '{name}';
         deallocate {name}"
    );
    let answers = connection.simple_query(&asked).await?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.unwrap_or_default().split_whitespace().filter_map(|oid| oid.parse().ok()).collect())
}
