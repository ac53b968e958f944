//! The statements of a dashboard that are of no one table.

use tokio_postgres::Client;

use super::probe::Seen;
use crate::dashboard::statements::{ACTIVITY, INVITATIONS, MEMBERS, Mine, statement};
use crate::model::{Account, Id, User};

/// Their texts; the last one runs as `nexo_limited`.
#[must_use]
pub fn dashboard_statements() -> [String; 5] {
    let mine = |is_limited| statement(Mine { user: Id::new(), is_limited });
    let [members, invitations, activity] = [MEMBERS, INVITATIONS, ACTIVITY].map(str::to_owned);
    [members, invitations, activity, mine(false), mine(true)]
}

/// Runs those of `nexo_app` with this account as `$1`, in the transaction that the
/// connection is in: what each counts, or how many rows it gives.
///
/// # Panics
/// When one fails.
pub async fn run_dashboard(connection: &Client, account: Id<Account>, user: Id<User>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for sql in dashboard_statements().into_iter().take(4) {
        let rows = match sql.contains("$2") {
            true => connection.query(&sql, &[&account, &user]).await,
            false => connection.query(&sql, &[&account]).await,
        };
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let found = match sql.starts_with("select count") {
            true => usize::try_from(rows[0].get::<_, i64>(0)).expect("a count"),
            false => rows.len(),
        };
        seen.push((sql, found));
    }
    seen
}
