//! Every filter and every order has an index that row-level security can use:
//! read from the plans, on an account that is large among others.

use std::hash::{DefaultHasher, Hash, Hasher};

use nexo_core::AuthConfig;
use nexo_core::testing::{
    ListPlan, Operation, RegisteredTable, Tenant, TestDatabase, id_of, registered_tables,
};
use nexo_core::tokio_postgres::Client;
use serde_json::Value;
use uuid::Uuid;

/// Records of each kind that are made one by one, with different values.
const VARIED: u32 = 40;
/// How often each of them is copied in the large account.
const COPIES: i32 = 500;

#[tokio::test]
async fn r10_every_filter_and_order_is_served_by_an_index() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let superuser = test.superuser().await;
    let tables = registered_tables();
    let mut large = None;
    for copies in [3, COPIES] {
        let scope = Tenant::register(&authenticator).await.scope;
        let mut samples = Vec::new();
        for table in &tables {
            samples.push(vary(&database, &scope, table, &tables).await);
        }
        for table in &tables {
            copy(&superuser, table, scope.account_id().as_uuid(), copies).await;
        }
        large = Some((scope, samples));
    }
    superuser.batch_execute("vacuum analyze").await.expect("analyzed");
    let (scope, samples) = large.expect("there is a large account");

    let app = test.as_app().await;
    let begin = format!(
        "begin; set local nexo.account_id = '{}'; set local nexo.permissions = '-1'",
        scope.account_id()
    );
    app.batch_execute(&begin).await.expect("begins");
    let (mut seen, mut bad) = (0, Vec::new());
    for (table, sample) in tables.iter().zip(&samples) {
        for plan in table.plans(&app, scope.account_id(), sample).await {
            seen += 1;
            bad.extend(faults(&plan));
        }
    }
    assert!(bad.is_empty(), "{} of {seen}:\n{}", bad.len(), bad.join("\n"));
    println!("{seen} lists");
    assert!(seen > 1_000, "{seen}");
}

/// What a plan must not have.
fn faults(list: &ListPlan) -> Vec<String> {
    let mut faults = Vec::new();
    nodes(&list.plan[0]["Plan"], &mut |node| {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        let number = |name: &str| {
            node[name].as_f64().unwrap_or_default() * node["Actual Loops"].as_f64().unwrap_or(1.0)
        };
        let (kept, removed) = (number("Actual Rows"), number("Rows Removed by Filter"));
        // A filter whose rows no index gives in that order is walked for, as
        // long as that is less work than to sort what passes it. The worst of
        // it is when both are the same: about the root of (limit × rows).
        let rows = f64::from(VARIED) * f64::from(COPIES);
        let most = if list.is_covered { kept.max(1.0) } else { 4.0 * (51.0 * rows).sqrt() };
        if (kind == "Seq Scan" && kept + removed > 0.0) || removed > most {
            faults.push(format!("{kind} keeps {kept}, removes {removed}: {}", list.sql));
        }
    });
    faults
}

fn nodes(plan: &Value, visit: &mut impl FnMut(&Value)) {
    visit(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        nodes(child, visit);
    }
}

/// Makes records with the references that they can have, and gives the last.
async fn vary(
    database: &nexo_core::Database,
    scope: &nexo_core::TenantScope,
    table: &RegisteredTable,
    tables: &[RegisteredTable],
) -> Value {
    let mut last = Value::Null;
    let mut enums = Vec::new();
    for (number, field) in (VARIED..).zip(table.fields()) {
        enums.push((*field, words(database, scope, table, field, number).await));
    }
    for number in 0..VARIED {
        let mut new = table.example(number);
        for (field, words) in enums.iter().filter(|(_, words)| !words.is_empty()) {
            new[*field] =
                words[usize::try_from(number).expect("small") % words.len()].clone().into();
        }
        for reference in table.references {
            let target = tables.iter().find(|it| it.name == reference.target).expect("registered");
            let list = Operation::List(vec![("limit".to_owned(), "200".to_owned())]);
            let page = target.perform(database, scope, list).await.expect("a list");
            let rows = page["data"].as_array().expect("rows");
            let excluded =
                reference.field == "assignee_professional_id" || reference.field.contains("[]");
            let at = spread(number, reference.field);
            if !rows.is_empty() && !excluded && !at.is_multiple_of(8) {
                new[reference.field] = id_of(&rows[at % rows.len()]).to_string().into();
            }
        }
        last = table.perform(database, scope, Operation::Create(new)).await.expect("created");
    }
    last
}

/// A number for a record's field that goes with no other field's.
fn spread(number: u32, field: &str) -> usize {
    let mut hash = DefaultHasher::new();
    (number, field).hash(&mut hash);
    usize::try_from(hash.finish() >> 33).expect("31 bits")
}

/// The words of a field that takes one of a few, as its refusal tells them.
async fn words(
    database: &nexo_core::Database,
    scope: &nexo_core::TenantScope,
    table: &RegisteredTable,
    field: &str,
    number: u32,
) -> Vec<String> {
    let mut new = table.example(number);
    new[field] = "no such word".into();
    let refused = table.perform(database, scope, Operation::Create(new)).await;
    let refused = refused.map_or_else(|error| error.to_string(), |_| String::new());
    let Some((_, words)) = refused.split_once("expected ") else { return Vec::new() };
    if !refused.starts_with("unknown variant") {
        return Vec::new();
    }
    words.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Copies every record of an account, with other times and identifiers.
async fn copy(superuser: &Client, table: &RegisteredTable, account: &Uuid, copies: i32) {
    let columns = "select attname::text, format_type(atttypid, null) from pg_attribute
         where attrelid = $1::text::regclass and attnum > 0 and attgenerated = '' and not attisdropped";
    let unique = "select distinct a.attname::text from pg_index i
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indrelid = $1::text::regclass and i.indisunique and a.attname not in ('account_id', 'id')";
    let unique: Vec<String> = superuser
        .query(unique, &[&table.name])
        .await
        .expect("indexes")
        .iter()
        .map(|row| row.get(0))
        .collect();
    // What is filtered or ordered by and takes any text has a value of its own.
    let free = "select a.attname::text from pg_attribute a
         where a.attrelid = $1::text::regclass and exists (
               select from pg_index i where i.indrelid = a.attrelid and a.attnum = any(i.indkey))
           and not exists (
               select from pg_constraint c where c.conrelid = a.attrelid and a.attnum = any(c.conkey)
                 and pg_get_constraintdef(c.oid) ~ 'ANY|~')";
    let varied: Vec<String> = superuser
        .query(free, &[&table.name])
        .await
        .expect("columns")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for row in superuser.query(columns, &[&table.name]).await.expect("columns") {
        let (name, kind): (String, String) = (row.get(0), row.get(1));
        values.push(match (name.as_str(), kind.as_str()) {
            ("id", _) => "gen_random_uuid()".to_owned(),
            ("created_at" | "updated_at", _) => {
                "now() - random() * interval '1000 days'".to_owned()
            }
            (_, "text") if unique.contains(&name) => "left(md5(random()::text), 20)".to_owned(),
            ("priority", _) => {
                "(array['low', 'normal', 'high', 'urgent'])[1 + (random() * 3)::int]".to_owned()
            }
            ("user_id", _) => "null".to_owned(),
            (_, "text") if varied.contains(&name) => format!("{name} || at"),
            // The same shift for all, so that what must be in order stays so.
            (_, "date") => format!("{name} + at * 7 % 1000"),
            _ => name.clone(),
        });
        names.push(name);
    }
    let sql = format!(
        "set session_replication_role = replica;
         insert into {} ({}) select {} from {}, generate_series(1, {copies}) as at where account_id = '{account}'",
        table.name,
        names.join(", "),
        values.join(", "),
        table.name,
    );
    superuser.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
