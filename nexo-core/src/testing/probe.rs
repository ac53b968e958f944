//! Every registered table through one face, so that tests reach those added
//! later: operations in JSON, and the statements themselves.

use std::fmt;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::files;
use super::statements::{self, ListPlan};
use crate::error::{Error, Result};
use crate::model::{Account, Batch, Duplicates, ErrorCode, Filters, Id, ListParams};
use crate::repo::{RegisteredTable, Table};
use crate::{Database, TenantScope};

type Work<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;
type Run = for<'a> fn(&'a Client, Id<Account>, Uuid, &'a Value) -> Work<'a, Vec<Seen>>;
type Plans = for<'a> fn(&'a Client, Id<Account>, &'a Value) -> Work<'a, Vec<ListPlan>>;
/// A statement and how many rows it gave.
pub type Seen = (String, usize);

/// An operation on the records of a table; ids are of any record.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A new record.
    Create(Value),
    /// Many at once, as the body of a batch.
    Batch(Value),
    /// Rows of a file, which end it with the first that is refused.
    Import(Vec<Value>, Duplicates),
    /// A whole list as a file, by query parameters.
    Export(Vec<(String, String)>),
    /// Reads one.
    Get(Uuid),
    /// A page, by query parameters.
    List(Vec<(String, String)>),
    /// A whole new content.
    Replace(Uuid, Value),
    /// A merge patch.
    Patch(Uuid, Value),
    /// Takes it out of lists.
    Archive(Uuid),
    /// Puts it back.
    Restore(Uuid),
    /// Deletes it.
    Delete(Uuid),
}

/// How tests reach a table's entity.
pub(crate) struct Probe {
    fields: &'static [&'static str],
    filters: &'static [&'static str],
    orders: &'static [&'static str],
    expands: &'static [&'static str],
    example: fn(u32) -> Value,
    texts: fn(&Value) -> Vec<String>,
    perform: for<'a> fn(&'a Database, &'a TenantScope, Operation) -> Work<'a, Result<Value>>,
    run: Run,
    plans: Plans,
}

impl Probe {
    pub(crate) fn of<T: Table>() -> Self {
        Self {
            fields: T::FIELDS,
            filters: T::Filter::NAMES,
            orders: T::SORTS,
            expands: T::EXPANDS,
            example: |number| json(&T::example(number)),
            texts: statements::texts::<T>,
            perform: |database, scope, operation| {
                Box::pin(perform::<T>(database, scope, operation))
            },
            run: |connection, account, id, record| {
                Box::pin(statements::run::<T>(connection, account, id, record))
            },
            plans: |connection, account, record| {
                Box::pin(statements::plans::<T>(connection, account, record))
            },
        }
    }
}

impl RegisteredTable {
    /// The fields of a record.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static str] {
        self.probe.fields
    }

    /// The names of the filters.
    #[must_use]
    pub fn filters(&self) -> &'static [&'static str] {
        self.probe.filters
    }

    /// The names of the orders.
    #[must_use]
    pub fn orders(&self) -> &'static [&'static str] {
        self.probe.orders
    }

    /// The names that `expand` knows.
    #[must_use]
    pub fn expands(&self) -> &'static [&'static str] {
        self.probe.expands
    }

    /// The content of a record; two of one number collide.
    #[must_use]
    pub fn example(&self, number: u32) -> Value {
        (self.probe.example)(number)
    }

    /// The text of every statement, lists in every order and with every filter
    /// among them. `record` is one of the table.
    #[must_use]
    pub fn statements(&self, record: &Value) -> Vec<String> {
        (self.probe.texts)(record)
    }

    /// Performs an operation through the repository.
    ///
    /// # Errors
    /// Those of the repository; what does not read as the operation's input is
    /// `invalid_body`, as it would be in a request.
    pub async fn perform(
        &self,
        database: &Database,
        scope: &TenantScope,
        operation: Operation,
    ) -> Result<Value> {
        (self.probe.perform)(database, scope, operation).await
    }

    /// Creates the entity's example of this number.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_example(
        &self,
        database: &Database,
        scope: &TenantScope,
        number: u32,
    ) -> Value {
        let created = self.perform(database, scope, Operation::Create(self.example(number))).await;
        created.expect("the example is accepted")
    }

    /// Runs every statement but INSERT on this record, and each list in which
    /// it stands, with this account as `$1`, in the transaction that the
    /// connection is in; each is undone.
    pub async fn run(
        &self,
        connection: &Client,
        account: Id<Account>,
        record: &Value,
    ) -> Vec<Seen> {
        (self.probe.run)(connection, account, id_of(record), record).await
    }

    /// How PostgreSQL runs every list in which this record stands.
    pub async fn plans(
        &self,
        connection: &Client,
        account: Id<Account>,
        record: &Value,
    ) -> Vec<ListPlan> {
        (self.probe.plans)(connection, account, record).await
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

/// The id of a record in JSON.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn id_of(record: &Value) -> Uuid {
    record["id"].as_str().and_then(|id| id.parse().ok()).expect("a record has an id")
}

async fn perform<T: Table>(
    database: &Database,
    scope: &TenantScope,
    operation: Operation,
) -> Result<Value> {
    let to = database.repository::<T>();
    let id = Id::<T>::from_uuid;
    let done = match operation {
        Operation::Create(new) => json(&to.create(scope, &read::<T::New>(new)?).await?),
        Operation::Batch(batch) => json(&to.batch(scope, &read::<Batch<T>>(batch)?).await?),
        Operation::Get(one) => json(&to.get(scope, id(one)).await?),
        Operation::Import(records, duplicates) => {
            files::import::<T>(database, scope, &records, duplicates).await?
        }
        Operation::Export(query) => {
            files::export::<T>(database, scope, params::<T>(&query)?).await?
        }
        Operation::List(query) => json(&to.list(scope, &params::<T>(&query)?).await?),
        Operation::Replace(one, new) => {
            json(&to.replace(scope, id(one), &read::<T::New>(new)?, None).await?)
        }
        Operation::Patch(one, patch) => {
            json(&to.patch(scope, id(one), &read::<T::Patch>(patch)?, None).await?)
        }
        Operation::Archive(one) => json(&to.archive(scope, id(one), None).await?),
        Operation::Restore(one) => json(&to.restore(scope, id(one), None).await?),
        Operation::Delete(one) => {
            to.delete(scope, id(one), None).await?;
            json!({ "id": one })
        }
    };
    Ok(done)
}

fn params<T: Table>(query: &[(String, String)]) -> Result<ListParams<T>> {
    let mut params = ListParams::default();
    for (name, value) in query {
        let accepted = params.accept(name, value);
        accepted.map_err(|refused| Error::new(ErrorCode::InvalidQuery, refused))?;
    }
    Ok(params)
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("wire types always serialise")
}

fn read<V: DeserializeOwned>(value: Value) -> Result<V> {
    serde_json::from_value(value)
        .map_err(|error| Error::new(ErrorCode::InvalidBody, error.to_string()))
}
