//! Lists in parts show what the whole list would, in its order.

use nexo_core::TenantScope;
use nexo_core::testing::{Operation, RegisteredTable, id_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OWN, TEAM, World, owned};

/// All pages of a list, two rows at a time.
async fn walk(
    world: &World,
    scope: &TenantScope,
    table: &RegisteredTable,
    query: &[(&str, &str)],
) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut params: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        params.push(("limit".to_owned(), "2".to_owned()));
        params.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor)));
        let page = world.perform(scope, table, Operation::List(params)).await.expect("a page");
        rows.extend(page["data"].as_array().expect("rows").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return rows,
        }
    }
}

/// Records of everybody, some assigned to others, some archived.
async fn fill(world: &World, table: &RegisteredTable) {
    let assignees = [&world.ann, &world.bob, &world.cid].map(|it| it.employee.expect("is one"));
    for number in 0..24_u32 {
        let person = world.people()[number as usize % 4];
        let mut new = super::plain(table, number);
        new["owner_id"] = json!(person.user);
        if number % 5 == 4 {
            new["owner_id"] = Value::Null;
        }
        if table.fields().contains(&"assignee_employee_id") && number % 3 > 0 {
            new["assignee_employee_id"] = json!(assignees[number as usize / 4 % 3]);
        }
        let made = Operation::Create(new);
        let made = world.perform(&world.owner.scope, table, made).await.expect("made");
        if number % 5 == 4 {
            // Whoever creates it would own it.
            let nobody = Operation::Patch(id_of(&made), json!({ "owner_id": null }));
            world.perform(&world.owner.scope, table, nobody).await.expect("changed");
        }
        if number % 7 == 6 {
            world
                .perform(&world.owner.scope, table, Operation::Archive(id_of(&made)))
                .await
                .expect("archived");
        }
    }
}

/// R30: for each kind, order, direction and filter, the pages of somebody who sees
/// less are those rows of the whole list that are theirs, none twice.
#[tokio::test]
async fn r30_lists_are_the_whole_without_what_is_hidden() {
    for level in [OWN, TEAM] {
        let world = World::create(level).await;
        for table in owned() {
            fill(&world, &table).await;
            let team = [&world.ann, &world.bob];
            let people: &[_] = if level == TEAM { &team } else { &team[..1] };
            let is_seen = |row: &Value| {
                people.iter().any(|it| {
                    row["owner_id"] == json!(it.user)
                        || row["assignee_employee_id"] == json!(it.employee)
                            && !row["assignee_employee_id"].is_null()
                })
            };
            let owner = |it: &super::Person| ("owner_id", it.user.to_string());
            let mut queries: Vec<Vec<(&str, String)>> = vec![
                vec![],
                vec![("archived", "true".to_owned())],
                vec![owner(&world.ann), owner(&world.cid)],
                vec![owner(&world.cid)],
                vec![("q", "a".to_owned())],
            ];
            if table.filters().contains(&"status") {
                let all =
                    world.perform(&world.owner.scope, &table, super::all()).await.expect("a list");
                let status = all["data"][0]["status"].as_str().expect("a status").to_owned();
                queries.push(vec![("status", status)]);
            }
            let mut seen = 0;
            for query in &queries {
                for sort in table.orders() {
                    for sort in [(*sort).to_owned(), format!("-{sort}")] {
                        let mut query: Vec<(&str, &str)> =
                            query.iter().map(|(name, value)| (*name, value.as_str())).collect();
                        query.push(("sort", &sort));
                        let whole = walk(&world, &world.owner.scope, &table, &query).await;
                        let expected: Vec<Uuid> =
                            whole.iter().filter(|row| is_seen(row)).map(id_of).collect();
                        let part = walk(&world, world.ann.scope(), &table, &query).await;
                        let part: Vec<Uuid> = part.iter().map(id_of).collect();
                        assert_eq!(
                            part, expected,
                            "{} {query:?} at level {level}",
                            table.collection
                        );
                        seen += part.len();
                    }
                }
            }
            assert!(seen > 40, "{}: {seen}", table.collection);
        }
    }
}
