//! Every way in which an id of another account can be given.

use nexo_core::Error;
use nexo_core::model::{Duplicates, ErrorCode};
use nexo_core::testing::{Operation, RegisteredTable, id_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Findings, World, refer};

/// P1, R14: each id of account 0 in each place where account 1 can put one:
/// it answers as an id that nobody has.
pub(super) async fn try_ids(world: &World, findings: &mut Findings) {
    let [victim, attacker] = [&world.tenants[0], &world.tenants[1]];
    for (number, table) in (20_000..).zip(&world.tables) {
        // R8: what is unique is so in its account; here both have the same.
        let record = table.create_example(&world.database, victim, number).await;
        let same = table
            .perform(&world.database, attacker, Operation::Create(table.example(number)))
            .await;
        findings.expect(same.is_ok(), || {
            format!("{}: another account's values are taken: {same:?}", table.name)
        });
        let upsert = json!({ "op": "upsert", "record": table.example(number) });
        let upserted = table.perform(&world.database, attacker, batch(&upsert)).await;
        findings
            .expect(upserted.is_ok_and(|done| done["results"][0]["outcome"] == "changed"), || {
                format!("{}: the attacker's own record was not found by its key", table.name)
            });
        let file = vec![table.example(number)];
        let imported = Operation::Import(file, Duplicates::Update);
        let imported = table.perform(&world.database, attacker, imported).await;
        findings.expect(imported.as_ref().is_ok_and(|done| done["changed"] == 1), || {
            format!("{}: an import took another account's record: {imported:?}", table.name)
        });
        let (id, nobody) = (id_of(&record), Uuid::now_v7());
        for operation in on_one(table, number) {
            let answers = [id, nobody].map(&operation);
            let [foreign, absent] = answers;
            let foreign = table.perform(&world.database, attacker, foreign).await;
            let absent = table.perform(&world.database, attacker, absent).await;
            findings.expect(said(&foreign) == said(&absent) && is_not_found(&foreign), || {
                format!("{}: {:?} tells {foreign:?} from {absent:?}", table.name, operation(id))
            });
        }
        try_references(world, table, number, findings).await;
        try_lists(world, table, id, findings).await;
        let kept = table.perform(&world.database, victim, Operation::Get(id)).await;
        findings.expect(matches!(&kept, Ok(kept) if *kept == record), || {
            format!("{}: the victim's record became {kept:?}", table.name)
        });
    }
}

/// Every operation on one record.
fn on_one(table: &RegisteredTable, number: u32) -> Vec<Box<dyn Fn(Uuid) -> Operation + Send + '_>> {
    vec![
        Box::new(Operation::Get),
        Box::new(move |id| Operation::Replace(id, table.example(number + 1_000))),
        Box::new(|id| Operation::Patch(id, json!({}))),
        Box::new(|id| Operation::Patch(id, json!({ "external_id": "taken-over" }))),
        Box::new(Operation::Archive),
        Box::new(Operation::Restore),
        Box::new(Operation::Delete),
        Box::new(|id| batch(&json!({ "op": "patch", "id": id, "changes": {} }))),
        Box::new(|id| batch(&json!({ "op": "patch", "id": id, "version": 1, "changes": {} }))),
        Box::new(|id| batch(&json!({ "op": "delete", "id": id }))),
        Box::new(|id| batch(&json!({ "op": "delete", "id": id, "version": 1 }))),
    ]
}

fn batch(operation: &Value) -> Operation {
    Operation::Batch(json!({ "mode": "atomic", "operations": [operation] }))
}

/// A foreign id in a body: refused like one that nobody has.
async fn try_references(
    world: &World,
    table: &RegisteredTable,
    number: u32,
    findings: &mut Findings,
) {
    let [victim, attacker] = [&world.tenants[0], &world.tenants[1]];
    for (at, reference) in (0..).zip(table.references) {
        let target = world.table(reference.target);
        let number = number + 2_000 + 10 * at;
        let foreign = id_of(&target.create_example(&world.database, victim, number).await);
        let own = table.create_example(&world.database, attacker, number + 1).await;
        let mut told = Vec::new();
        for id in [foreign, Uuid::now_v7()] {
            let mut new = table.example(number + 2);
            refer(&mut new, reference.field, id);
            let mut patch = json!({});
            refer(&mut patch, reference.field, id);
            let mut again = table.example(number + 1);
            refer(&mut again, reference.field, id);
            for operation in [
                Operation::Create(new.clone()),
                batch(&json!({ "op": "create", "record": new })),
                batch(&json!({ "op": "upsert", "record": new })),
                Operation::Import(vec![new.clone()], Duplicates::Refuse),
                batch(&json!({ "op": "patch", "id": id_of(&own), "changes": patch })),
                Operation::Replace(id_of(&own), new),
                Operation::Patch(id_of(&own), patch),
                Operation::Import(vec![again], Duplicates::Update),
            ] {
                let answer = table.perform(&world.database, attacker, operation).await;
                findings.expect(
                    matches!(&answer, Err(error) if error.code() == ErrorCode::ValidationFailed),
                    || format!("{}.{}: refers to {answer:?}", table.name, reference.field),
                );
                told.push(said(&answer));
            }
        }
        let (foreign, absent) = told.split_at(told.len() / 2);
        findings.expect(foreign == absent, || format!("{foreign:?} is told from {absent:?}"));
    }
}

/// A foreign id in a filter finds nothing, and a foreign cursor is refused.
async fn try_lists(world: &World, table: &RegisteredTable, id: Uuid, findings: &mut Findings) {
    let [victim, attacker] = [&world.tenants[0], &world.tenants[1]];
    let query = |pairs: &[(&str, &str)]| {
        Operation::List(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    };
    let (id, expand) = (id.to_string(), table.expands().join(","));
    for field in table.filters() {
        let mut asked = vec![(*field, id.as_str()), ("count", "exact")];
        if !expand.is_empty() {
            asked.push(("expand", &expand));
        }
        // Fields that hold no ids refuse one, which is as good.
        let asked_of_file = vec![((*field).to_owned(), id.clone())];
        let file = table.perform(&world.database, attacker, Operation::Export(asked_of_file)).await;
        if let Ok(rows) = file {
            findings.expect(rows == json!([]), || {
                format!("{}: {field}={id} exports {rows}", table.name)
            });
        }
        if let Ok(page) = table.perform(&world.database, attacker, query(&asked)).await {
            let nothing = page["data"] == json!([]) && page["count"]["value"] == 0;
            findings.expect(nothing && page["included"].is_null(), || {
                format!("{}: {field}={id} shows {page}", table.name)
            });
        }
    }
    let page = table.perform(&world.database, victim, query(&[("limit", "1")])).await;
    let page = page.expect("the victim's own list");
    let cursor = page["next_cursor"].as_str().expect("it has two records").to_owned();
    let used = table.perform(&world.database, attacker, query(&[("cursor", &cursor)])).await;
    findings
        .expect(matches!(&used, Err(error) if error.code() == ErrorCode::InvalidCursor), || {
            format!("{}: another account's cursor gives {used:?}", table.name)
        });
}

fn said(answer: &Result<Value, Error>) -> Option<(ErrorCode, String)> {
    answer.as_ref().err().map(|error| (error.code(), error.to_string()))
}

fn is_not_found(answer: &Result<Value, Error>) -> bool {
    answer.as_ref().is_err_and(Error::is_not_found)
}
