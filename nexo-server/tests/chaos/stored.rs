//! What the database has, against what callers were told.

use std::collections::{HashMap, HashSet};

use nexo_core::tokio_postgres::Client;

use crate::load::{Changes, Done};
use crate::report::Row;

/// Looks for all of it: each acknowledged write is there once, its key once, each change
/// that was acknowledged, too, and each write and change has its entry in the audit log
/// and the other way round.
pub(crate) async fn check(database: &Client, done: Done) -> Row {
    let seen = done.seen;
    let mut row = Row { requests: seen.requests, ..Row::default() };
    row.figure(format!("{}; slowest {:.2} s", seen.kinds(), seen.slowest.as_secs_f64()));
    if done.not_ready > 0 {
        row.figure(format!("/ready said no {} times", done.not_ready));
    }
    row.broken.extend(seen.broken);
    let mut beyond = 0;
    for (user, acknowledged) in done.users.iter().zip(&seen.acknowledged) {
        let account = &user.account;
        let count = async |what: &str| -> usize {
            let sql = format!("select count(*) from {what}").replace("$account", account);
            let count: i64 = database.query_one(&sql, &[]).await.unwrap().get(0);
            usize::try_from(count).unwrap()
        };
        let sql = format!("select id::text, name from nexo.clients where account_id = '{account}'");
        let rows = database.query(&sql, &[]).await.unwrap();
        let ids: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let names: HashSet<&str> = rows.iter().map(|row| row.get(1)).collect();
        let told: HashSet<&String> = acknowledged.iter().collect();
        row.acknowledged += told.len();
        row.lost += told.iter().filter(|id| !ids.contains(**id)).count();
        row.doubled += rows.len() - names.len() + (acknowledged.len() - told.len());
        beyond += rows.len().saturating_sub(told.len());

        changes(database, account, &seen.changes, &mut row).await;

        let keys = count("nexo.idempotency_keys where account_id = '$account'").await;
        row.hold(keys == rows.len(), format!("{keys} keys of {} writes", rows.len()));
        let unanswered =
            count("nexo.idempotency_keys where account_id = '$account' and answer is null").await;
        row.hold(unanswered == 0, format!("{unanswered} keys without their answers"));
        let entries = "nexo.audit_log
            where account_id = '$account' and subject = 'clients' and action = 'create'";
        let entries = count(entries).await;
        row.hold(
            entries == rows.len(),
            format!("{entries} entries in the audit log about {} writes", rows.len()),
        );
        let unaudited = "nexo.clients as client where account_id = '$account' and not exists (
            select from nexo.audit_log as entry where entry.account_id = '$account'
                and entry.record_id = client.id and entry.action = 'create')";
        let unaudited = count(unaudited).await;
        row.hold(unaudited == 0, format!("{unaudited} writes that the audit log knows nothing of"));
    }
    row.hold(row.lost == 0, format!("{} acknowledged writes are lost", row.lost));
    row.hold(row.doubled == 0, format!("{} writes were done twice", row.doubled));
    row.hold(
        beyond <= seen.unknown,
        format!("{beyond} writes that nobody was told of, {} unknown", seen.unknown),
    );
    row
}

/// What became of the changes of an account's clients. All of it is read at once: one that
/// nobody was told of may be committed meanwhile.
async fn changes(database: &Client, account: &str, told: &HashMap<String, Changes>, row: &mut Row) {
    let sql = format!(
        "select client.id::text, client.notes, client.version::bigint, (
            select count(*) from nexo.audit_log as entry where entry.account_id = client.account_id
                and entry.record_id = client.id and entry.action = 'update')
         from nexo.clients as client where client.account_id = '{account}'"
    );
    let (mut unaudited, mut beyond, mut differ) = (0, 0, 0);
    for client in database.query(&sql, &[]).await.unwrap() {
        let (id, notes): (String, Option<String>) = (client.get(0), client.get(1));
        let (version, entries): (i64, i64) = (client.get(2), client.get(3));
        unaudited += usize::from(version - 1 != entries);
        let done = usize::try_from(version - 1).unwrap();
        let Some(told) = told.get(&id) else {
            beyond += done;
            continue;
        };
        row.acknowledged += told.acknowledged;
        row.lost += told.acknowledged.saturating_sub(done);
        beyond += done.saturating_sub(told.acknowledged + told.unknown.len());
        // One of those that nobody was told of may have come last.
        let is_known = notes == told.last || notes.is_some_and(|it| told.unknown.contains(&it));
        differ += usize::from(!is_known);
    }
    row.hold(unaudited == 0, format!("the audit log tells other changes of {unaudited} clients"));
    row.hold(beyond == 0, format!("{beyond} changes more than were asked for"));
    row.hold(differ == 0, format!("{differ} clients have not what was set last"));
}
