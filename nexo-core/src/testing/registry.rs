//! The registered tables, so that tests reach those added later.

use std::fmt;
use std::pin::Pin;

use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::model::{Account, Id};
use crate::repo::{ListSql, SortKind, Table, statements};
use crate::{Database, TenantScope};

type Work<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;
/// A statement and how many rows it gave.
pub type Seen = (&'static str, usize);

/// A table of the crate, whatever its entity.
pub struct RegisteredTable {
    /// The table, with its schema.
    pub name: &'static str,
    /// Each of its statements.
    pub statements: Vec<&'static str>,
    create: for<'a> fn(&'a Database, &'a TenantScope) -> Work<'a, Uuid>,
    run: for<'a> fn(&'a Client, Id<Account>, Uuid) -> Work<'a, Vec<Seen>>,
}

impl RegisteredTable {
    pub(crate) fn of<T: Table>() -> Self {
        Self {
            name: T::NAME,
            statements: statements::<T>(),
            create: |database, scope| Box::pin(create::<T>(database, scope)),
            run: |connection, account, id| Box::pin(run::<T>(connection, account, id)),
        }
    }

    /// Creates the entity's example and returns its id.
    pub async fn create_example(&self, database: &Database, scope: &TenantScope) -> Uuid {
        (self.create)(database, scope).await
    }

    /// Runs every statement but INSERT on the row of this id, with this account
    /// as `$1`, in the transaction that the connection is in; each is undone.
    pub async fn run(&self, connection: &Client, account: Id<Account>, id: Uuid) -> Vec<Seen> {
        (self.run)(connection, account, id).await
    }
}

impl fmt::Debug for RegisteredTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredTable").field("name", &self.name).finish_non_exhaustive()
    }
}

async fn create<T: Table>(database: &Database, scope: &TenantScope) -> Uuid {
    let row = database.repository::<T>().create(scope, &T::example()).await;
    *row.expect("the example is accepted").id().as_uuid()
}

async fn run<T: Table>(connection: &Client, account: Id<Account>, id: Uuid) -> Vec<Seen> {
    let new = T::example();
    let patch: T::Patch = serde_json::from_str("{}").expect("an empty patch");
    let (any_version, limit) = (None::<i64>, 100i64);
    let one: Vec<&(dyn ToSql + Sync)> = vec![&account, &id];
    let changed: Vec<&(dyn ToSql + Sync)> = vec![&account, &id, &any_version];

    let mut calls = vec![(T::GET, one.clone()), (T::EXISTS, one), (T::DELETE, changed.clone())];
    calls.push((T::REPLACE, [changed.clone(), T::new_params(&new)].concat()));
    calls.push((T::PATCH, [changed, T::patch_params(&patch)].concat()));
    let starts: Vec<Start> = T::LISTS.iter().map(Start::before).collect();
    for (list, start) in T::LISTS.iter().zip(&starts) {
        calls.push((list.first, vec![&account, &limit]));
        calls.push((list.after, vec![&account, &limit, &*start.key, &start.id]));
    }
    let mut seen = Vec::new();
    for (sql, params) in calls {
        connection.batch_execute("savepoint one").await.expect("in a transaction");
        let rows = connection.query(sql, &params).await;
        seen.push((sql, rows.unwrap_or_else(|error| panic!("{sql}: {error:?}")).len()));
        connection.batch_execute("rollback to savepoint one").await.expect("undone");
    }
    seen
}

/// A place before every row of a list.
struct Start {
    key: Box<dyn ToSql + Sync + Send>,
    id: Uuid,
}

impl Start {
    fn before(list: &ListSql) -> Self {
        const YEAR_2100: i64 = 4_102_444_800;
        let far = Timestamp::from_second(YEAR_2100).expect("a time");
        let key: Box<dyn ToSql + Sync + Send> = match (list.kind, list.descending) {
            (SortKind::Time, true) => Box::new(far),
            (SortKind::Time, false) => Box::new(Timestamp::UNIX_EPOCH),
            (SortKind::Text, true) => Box::new("zzzzzzzz"),
            (SortKind::Text, false) => Box::new(""),
        };
        Self { key, id: if list.descending { Uuid::max() } else { Uuid::nil() } }
    }
}
