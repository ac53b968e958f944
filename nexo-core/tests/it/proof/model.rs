//! Random operations of three accounts against what each should then see.

use std::collections::BTreeMap;

use nexo_core::Error;
use nexo_core::model::{Duplicates, ErrorCode};
use nexo_core::testing::{Operation, RegisteredTable, id_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::random::Random;
use super::{Findings, World, refer};

/// What one account has: for each table its records by id.
type Account = Vec<BTreeMap<Uuid, Value>>;

/// R30: after any operations each account sees what it was answered, and
/// nothing else.
pub(super) async fn try_operations(
    world: &World,
    seed: u64,
    operations: u32,
    findings: &mut Findings,
) {
    let mut random = Random::new(seed);
    let mut accounts: Vec<Account> = Vec::new();
    for scope in &world.tenants {
        let mut account = Account::new();
        for table in 0..world.tables.len() {
            account.push(everything(world, scope, table).await);
        }
        accounts.push(account);
    }
    for number in 0..operations {
        let tenant = random.below(world.tenants.len());
        let table = random.below(world.tables.len());
        let operation = choose(world, &mut random, &accounts, tenant, table, number);
        step(world, &mut accounts, tenant, table, operation, findings).await;
    }
    for (scope, account) in world.tenants.iter().zip(&accounts) {
        for (table, expected) in account.iter().enumerate() {
            let seen = everything(world, scope, table).await;
            let export = Operation::Export(Vec::new());
            let exported = world.tables[table].perform(&world.database, scope, export).await;
            let exported: Vec<Uuid> = exported
                .expect("an account's own")
                .as_array()
                .expect("rows")
                .iter()
                .map(id_of)
                .collect();
            let shown = expected.values().filter(|row| row["archived_at"].is_null()).count();
            let own = exported.iter().all(|id| expected.contains_key(id));
            findings.expect(own && exported.len() == shown, || {
                format!("{}: exports {exported:?}", world.tables[table].name)
            });
            findings.expect(seen == *expected, || {
                let name = world.tables[table].name;
                format!("{name}: an account sees {seen:?} instead of {expected:?}")
            });
        }
    }
}

/// An operation of one account on a record of its own, of another, or of none.
fn choose(
    world: &World,
    random: &mut Random,
    accounts: &[Account],
    tenant: usize,
    table: usize,
    number: u32,
) -> Operation {
    let of = if random.below(3) == 0 { random.below(accounts.len()) } else { tenant };
    let ids: Vec<Uuid> = accounts[of][table].keys().copied().collect();
    let id = random.pick(&ids).copied().unwrap_or_else(Uuid::now_v7);
    let entity = &world.tables[table];
    match random.below(11) {
        0..=3 | 10 => {
            let mut new = entity.example(30_000 + number);
            if let Some(reference) = random.pick(entity.references) {
                let target = world.tables.iter().position(|it| it.name == reference.target);
                let owner =
                    if random.below(3) == 0 { random.below(accounts.len()) } else { tenant };
                let targets = &accounts[owner][target.expect("it is registered")];
                let targets: Vec<Uuid> = targets.keys().copied().collect();
                if let Some(target) = random.pick(&targets) {
                    refer(&mut new, reference.field, *target);
                }
            }
            match random.below(5) {
                0 => Operation::Import(vec![new], Duplicates::Update),
                _ => Operation::Create(new),
            }
        }
        4 => Operation::Get(id),
        5 => Operation::Replace(id, entity.example(30_000 + number)),
        6 => Operation::Patch(id, json!({ "external_id": format!("patched-{number}") })),
        7 => Operation::Archive(id),
        8 => Operation::Restore(id),
        _ => Operation::Delete(id),
    }
}

async fn step(
    world: &World,
    accounts: &mut [Account],
    tenant: usize,
    table: usize,
    operation: Operation,
    findings: &mut Findings,
) {
    let entity = &world.tables[table];
    let done = entity.perform(&world.database, &world.tenants[tenant], operation.clone()).await;
    if let Operation::Import(records, _) = &operation {
        let scope = &world.tenants[tenant];
        let before = accounts[tenant][table].clone();
        let after = everything(world, scope, table).await;
        let mine = refers_to_own(world, &accounts[tenant], entity, &records[0]);
        findings.expect(is_imported(&before, &after, &records[0], mine, &done), || {
            format!("{}: {operation:?} gave {done:?}", entity.name)
        });
        accounts[tenant][table] = after;
        return;
    }
    let own = &accounts[tenant];
    let (holds, after) = match (&operation, &done) {
        (Operation::Create(new), Ok(row)) => {
            (refers_to_own(world, own, entity, new), Some(row.clone()))
        }
        (Operation::Create(_), Err(error)) => (error.code() == ErrorCode::ValidationFailed, None),
        (Operation::Get(id), answer) => (matches(own[table].get(id), answer), None),
        (Operation::Delete(id), Ok(_)) => {
            let was = accounts[tenant][table].remove(id);
            (was.is_some(), None)
        }
        (Operation::Delete(id), Err(error)) if error.code() == ErrorCode::InUse => {
            (own[table].contains_key(id), None)
        }
        (
            Operation::Replace(id, _)
            | Operation::Patch(id, _)
            | Operation::Archive(id)
            | Operation::Restore(id),
            Ok(row),
        ) => {
            let was = own[table].get(id);
            let next = was.map(|was| was["version"].as_i64().unwrap_or_default() + 1);
            (next.is_some() && row["version"].as_i64() == next, Some(row.clone()))
        }
        (
            Operation::Replace(id, _)
            | Operation::Patch(id, _)
            | Operation::Archive(id)
            | Operation::Restore(id)
            | Operation::Delete(id),
            Err(error),
        ) => {
            let refused = error.code() == ErrorCode::ValidationFailed;
            (
                error.is_not_found() != own[table].contains_key(id)
                    && (error.is_not_found() || refused),
                None,
            )
        }
        (
            Operation::List(_) | Operation::Batch(_) | Operation::Import(..) | Operation::Export(_),
            _,
        ) => (true, None),
    };
    findings.expect(holds, || format!("{}: {operation:?} gave {done:?}", entity.name));
    if let Some(row) = after {
        accounts[tenant][table].insert(id_of(&row), row);
    }
}

/// Whether whatever a record refers to is the account's own.
fn refers_to_own(world: &World, own: &Account, entity: &RegisteredTable, new: &Value) -> bool {
    entity.references.iter().all(|reference| {
        let target = world.tables.iter().position(|it| it.name == reference.target);
        let target = &own[target.expect("it is registered")];
        referred(new, reference.field).is_none_or(|id| target.contains_key(&id))
    })
}

/// Whether an import has made or changed the record with its key, and nothing
/// else, or was refused and has done nothing.
fn is_imported(
    before: &BTreeMap<Uuid, Value>,
    after: &BTreeMap<Uuid, Value>,
    new: &Value,
    mine: bool,
    done: &Result<Value, Error>,
) -> bool {
    let differing: Vec<&Value> = after
        .iter()
        .filter(|(id, row)| before.get(*id) != Some(*row))
        .map(|(_, row)| row)
        .collect();
    let none_lost = before.keys().all(|id| after.contains_key(id));
    match (done, differing.as_slice()) {
        (Ok(_), [row]) => mine && none_lost && row["external_id"] == new["external_id"],
        (Err(error), []) => none_lost && error.code() == ErrorCode::ValidationFailed,
        _ => false,
    }
}

fn matches(expected: Option<&Value>, answer: &Result<Value, Error>) -> bool {
    match (expected, answer) {
        (Some(expected), Ok(row)) => expected == row,
        (None, Err(error)) => error.is_not_found(),
        _ => false,
    }
}

fn referred(record: &Value, field: &str) -> Option<Uuid> {
    let value = match field.split_once("[].") {
        None => &record[field],
        Some((list, field)) => &record[list][0][field],
    };
    value.as_str()?.parse().ok()
}

/// Every record of a table that an account sees, archived ones too, page by page.
async fn everything(
    world: &World,
    scope: &nexo_core::TenantScope,
    table: usize,
) -> BTreeMap<Uuid, Value> {
    let mut found = BTreeMap::new();
    for archived in ["false", "true"] {
        let mut cursor = None;
        loop {
            let mut query = vec![("archived".to_owned(), archived.to_owned())];
            query.push(("limit".to_owned(), "37".to_owned()));
            query.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor)));
            let list = Operation::List(query);
            let page = world.tables[table].perform(&world.database, scope, list).await;
            let page = page.expect("an account's own list");
            for row in page["data"].as_array().expect("rows") {
                assert!(found.insert(id_of(row), row.clone()).is_none(), "no row stands twice");
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
    }
    found
}
