//! A dashboard counts what its bearer sees.

use nexo_core::model::RecordCount;
use nexo_core::testing::{Operation, id_of};
use serde_json::json;

use super::{OWN, TEAM, World, owned};
use crate::dashboard::counted;

/// R30: numbers, tasks and what changed last are of the records that are seen.
#[tokio::test]
async fn r30_a_dashboard_is_of_what_is_seen() {
    for level in [OWN, TEAM] {
        let world = World::create(level).await;
        let mut number = 0;
        for table in owned() {
            for person in world.people().into_iter().chain(world.people()) {
                let mut new = super::plain(&table, number);
                new["owner_id"] = json!(person.user);
                // What ann is assigned to is hers too, whoever owns it.
                if table.collection == "tasks" && number.is_multiple_of(4) {
                    new["assignee_employee_id"] = json!(world.ann.employee);
                }
                let made = world.perform(&world.owner.scope, &table, Operation::Create(new)).await;
                number += 1;
                if number.is_multiple_of(5) {
                    let id = id_of(&made.expect("made"));
                    let archive = Operation::Archive(id);
                    world.perform(&world.owner.scope, &table, archive).await.expect("archived");
                }
            }
        }
        for person in world.people() {
            let scope = person.scope();
            let work = world.database.dashboard_work(scope).await.expect("told");
            let recent = work.recent_records.expect("they see only some");
            assert_eq!(work.recent_activity, None);
            let mut ids = Vec::new();
            for table in owned() {
                let active = counted(&world.database, scope, &table, &[]).await;
                let archived =
                    counted(&world.database, scope, &table, &[("archived", "true")]).await;
                let told = work.counts[table.collection];
                assert_eq!(told, Some(RecordCount { active, archived }), "{}", table.collection);
                assert!(active > 0 && active < 8, "{}: {active}", table.collection);
                let page = world.perform(scope, &table, super::all()).await.expect("listed");
                ids.extend(super::ids(&page));
            }
            let recent = recent.iter().filter(|it| it.collection != "departments");
            for record in recent.filter(|it| it.collection != "employees") {
                assert!(ids.contains(&record.id), "{record:?}");
            }
            let tasks = work.my_tasks.expect("they see tasks");
            let is_theirs = |task: &nexo_core::model::Task| {
                task.owner_id == Some(person.user)
                    || task.assignee_employee_id.is_some()
                        && task.assignee_employee_id == person.employee
            };
            assert!(tasks.data.iter().all(is_theirs));
            let own = world.perform(scope, &owned()[4], super::all()).await.expect("listed");
            let own = own["data"].as_array().expect("rows").iter();
            let own = own.filter(|row| {
                let task = serde_json::from_value((*row).clone()).expect("a task");
                is_theirs(&task)
                    && !["done", "cancelled"].contains(&row["status"].as_str().unwrap())
            });
            assert_eq!(tasks.open, own.count() as u64);
        }
    }
}
