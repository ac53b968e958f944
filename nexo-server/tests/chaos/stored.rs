//! What the database has, against what callers were told.

use std::collections::HashSet;

use nexo_core::tokio_postgres::Client;

use crate::load::Done;
use crate::report::Row;

/// Looks for all of it: each acknowledged write is there once, its key once, and each
/// change has its entry in the audit log and the other way round.
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
