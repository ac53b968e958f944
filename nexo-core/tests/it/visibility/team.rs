//! The team: one's department and those below it.

use nexo_core::model::{Department, DepartmentPatch, ErrorCode, Permission, RolePatch, Task};
use nexo_core::testing::{Operation, id_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{OWN, Person, TEAM, World, all, ids, owned};

/// Who sees whose, as letters.
async fn who_sees(world: &World, person: &Person, made: &[(char, Uuid)]) -> String {
    let tables = owned();
    let scope = world.again(person).await;
    let page = world.perform(&scope, &tables[0], all()).await.expect("a list");
    let seen = ids(&page);
    let mut letters: Vec<char> =
        made.iter().filter(|it| seen.contains(&it.1)).map(|it| it.0).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// A10: a department sees those below it and not those above; and whoever moves,
/// or is moved with their department, is seen elsewhere from the next request on.
#[tokio::test]
async fn a10_departments_see_what_is_below_them() {
    let world = World::create(TEAM).await;
    let clients = &owned()[0];
    let mut made = Vec::new();
    for (letter, person) in ['a', 'b', 'c', 'd'].into_iter().zip(world.people()) {
        made.push((letter, id_of(&world.make(person.scope(), clients, u32::from(letter)).await)));
    }
    let see = async || {
        let mut all = Vec::new();
        for person in world.people() {
            all.push(who_sees(&world, person, &made).await);
        }
        all.join(" ")
    };
    assert_eq!(see().await, "ab b c d");
    world.move_to(&world.cid, Some(world.sales)).await;
    assert_eq!(see().await, "abc b abc d");
    world.move_to(&world.ann, None).await;
    assert_eq!(see().await, "a b bc d");
    // Sales itself becomes a part of support.
    world.move_to(&world.ann, Some(world.support)).await;
    let below = DepartmentPatch { parent_id: world.support.into(), ..Default::default() };
    let departments = world.database.repository::<Department>();
    departments.patch(&world.owner.scope, world.sales, &below, None).await.expect("moved");
    assert_eq!(see().await, "abc b bc d");
    world.set_level(OWN).await;
    assert_eq!(see().await, "a b c d");
}

/// It does not matter whether a member may read employees: they see their team's
/// records, and no employee.
#[tokio::test]
async fn the_team_is_known_to_whoever_may_not_read_employees() {
    let world = World::create(TEAM).await;
    let clients = &owned()[0];
    let theirs = world.make(world.bob.scope(), clients, 1).await;
    let fewer =
        RolePatch { permissions: Some(Permission::ClientReadTeam.into()), ..Default::default() };
    world.database.roles().patch(&world.owner.scope, world.role, &fewer, None).await.expect("set");
    let scope = world.again(&world.ann).await;
    let page = world.perform(&scope, clients, all()).await.expect("a list");
    assert_eq!(ids(&page), [id_of(&theirs)]);
    let refused = world.database.repository::<Department>().list(&scope, &Default::default()).await;
    assert_eq!(refused.expect_err("may not").code(), ErrorCode::Forbidden);
}

/// P5: nobody sees more by moving themselves, or by being another employee.
#[tokio::test]
async fn p5_nobody_widens_their_own_team() {
    let world = World::create(TEAM).await;
    let tables = nexo_core::testing::registered_tables();
    let table = |name: &str| tables.iter().find(|it| it.collection == name).expect("there");
    let own = *world.ann.employee.expect("is one").as_uuid();
    let mut colleague = super::plain(table("employees"), 3);
    colleague["user_id"] = json!(world.owner.scope.user_id());
    let sales = *world.sales.as_uuid();
    for (collection, it) in [
        ("employees", Operation::Patch(own, json!({ "department_id": world.support }))),
        ("employees", Operation::Patch(own, json!({ "user_id": world.cid.user }))),
        ("employees", Operation::Create(colleague)),
        ("departments", Operation::Patch(sales, json!({ "parent_id": world.support }))),
    ] {
        let refused = world.perform(world.ann.scope(), table(collection), it).await;
        let refused = refused.expect_err("beyond");
        assert_eq!(refused.code(), ErrorCode::Forbidden, "{refused:?}");
    }
    let title = Operation::Patch(own, json!({ "title": "Head" }));
    world.perform(world.ann.scope(), table("employees"), title).await.expect("nobody's team");
}

/// R17: whatever becomes of a request, the next one on its connection is nobody.
#[tokio::test]
async fn r17_nothing_of_what_is_seen_stays_on_a_connection() {
    let world = World::create(TEAM).await;
    let clients = &owned()[0];
    let own = id_of(&world.make(world.ann.scope(), clients, 1).await);
    let unit = world.database.unit_of_work(world.ann.scope()).await.expect("begins");
    drop(unit);
    world.perform(world.ann.scope(), clients, Operation::Get(own)).await.expect("theirs");
    let away = Operation::Patch(own, json!({ "owner_id": world.cid.user }));
    world.perform(world.ann.scope(), clients, away).await.expect_err("out of sight");
    let abandoned = world.perform(world.ann.scope(), clients, all());
    assert!(futures_util::FutureExt::now_or_never(abandoned).is_none(), "it is not done yet");
    assert_eq!(world.database.leaked_settings().await.expect("asked"), "");
}

/// A task is also its assignee's, who may go on with it; of no more than that.
#[tokio::test]
async fn tasks_are_their_assignees_too() {
    let world = World::create(OWN).await;
    let tasks = owned().into_iter().find(|it| it.collection == "tasks").expect("there");
    let task = world.make(world.cid.scope(), &tasks, 1).await;
    let id = id_of(&task);
    let get =
        async |person: &Person| world.perform(person.scope(), &tasks, Operation::Get(id)).await;
    assert!(get(&world.ann).await.expect_err("hidden").is_not_found());
    let assign = Operation::Patch(id, json!({ "assignee_employee_id": world.ann.employee }));
    world.perform(world.cid.scope(), &tasks, assign).await.expect("assigned");
    get(&world.ann).await.expect("their task");
    get(&world.cid).await.expect("still theirs");
    assert!(get(&world.bob).await.expect_err("hidden").is_not_found());
    let progress = Operation::Patch(id, json!({ "status": "in_progress" }));
    world.perform(world.ann.scope(), &tasks, progress).await.expect("changed");
    // In a unit of work too, which looks before it knows what for.
    let unit = world.database.unit_of_work(world.ann.scope()).await.expect("begins");
    unit.get::<Task>(nexo_core::model::Id::from_uuid(id)).await.expect("their task");
    // A circle through what is hidden is one.
    let above = world.make(world.ann.scope(), &tasks, 3).await;
    let between = world.make(world.cid.scope(), &tasks, 4).await;
    let below = world.make(world.ann.scope(), &tasks, 5).await;
    let part_of = |one: &Value, whole: &Value| {
        Operation::Patch(id_of(one), json!({ "parent_id": whole["id"] }))
    };
    world.perform(&world.owner.scope, &tasks, part_of(&below, &between)).await.expect("a part");
    world.perform(&world.owner.scope, &tasks, part_of(&between, &above)).await.expect("a part");
    let circle = world.perform(world.ann.scope(), &tasks, part_of(&above, &below)).await;
    assert_eq!(circle.expect_err("a circle").fields()[0].field, "parent_id");
    // Whoever is no employee has what they own.
    let own = world.make(world.dan.scope(), &tasks, 2).await;
    let page = world.perform(world.dan.scope(), &tasks, all()).await.expect("a list");
    assert_eq!(ids(&page), [id_of(&own)]);
}
