//! The statements of a dashboard that are of no one table.

use tokio_postgres::Client;

use super::probe::Seen;
use crate::dashboard::statements::{ACTIVITY, INVITATIONS, MEMBERS, Mine, count, list};
use crate::model::{Account, Id, User};

/// Their texts; the last ones run as `nexo_limited`.
#[must_use]
pub fn dashboard_statements() -> [String; 7] {
    let mine = |is_limited| Mine { user: Id::new(), is_limited };
    let [all, limited] =
        [false, true].map(|is_limited| [count, list].map(|it| it(mine(is_limited))));
    let [count, list] = all;
    let [limited_count, limited_list] = limited;
    let [members, invitations, activity] = [MEMBERS, INVITATIONS, ACTIVITY].map(str::to_owned);
    [members, invitations, activity, count, list, limited_count, limited_list]
}

/// Runs those of `nexo_app` with this account as `$1`, in the transaction that the
/// connection is in: what each counts, or how many rows it gives.
///
/// # Panics
/// When one fails.
pub async fn run_dashboard(connection: &Client, account: Id<Account>, user: Id<User>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for sql in dashboard_statements().into_iter().take(5) {
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
