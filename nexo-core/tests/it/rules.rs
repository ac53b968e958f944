//! What the entities' values may be, as the database holds it whoever writes.

use jiff::civil::{Date, date};
use nexo_core::model::{
    Client, Decimal, Department, Employee, EmployeePatch, EmployeeStatus, ErrorCode, FieldCode, Id,
    ListParams, NewClient, NewDepartment, NewEmployee, NewProfessional, NewProject, NewTask,
    Professional, ProfessionalPatch, Project, ProjectMember, ProjectPatch, ProjectStatus, Task,
    TaskPatch, TaskStatus,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, Error, Repository, Table, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    scope: TenantScope,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let scope = Tenant::register(&authenticator).await.scope;
        Self { test, database, scope }
    }

    fn of<T: Table>(&self) -> Repository<T> {
        self.database.repository()
    }

    async fn make<T: Table>(&self, new: T::New) -> T {
        self.of::<T>().create(&self.scope, &new).await.expect("created")
    }

    async fn patch<T: Table>(&self, id: Id<T>, patch: T::Patch) -> Result<T, Error> {
        self.of::<T>().patch(&self.scope, id, &patch, None).await
    }
}

/// The one field that was refused, and why.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, FieldCode) {
    let error = result.expect_err("refused");
    assert_eq!(error.code(), ErrorCode::ValidationFailed, "{error:?}");
    let [field] = error.fields() else { panic!("{error:?}") };
    (field.field.clone(), field.code)
}

#[tokio::test]
async fn hierarchies_have_no_circles() {
    let world = World::create().await;
    let mut chain = Vec::new();
    for number in 0..4 {
        let manager_id = chain.last().copied();
        let new = NewEmployee::named(format!("E-{number}"), "Ada");
        chain.push(world.make::<Employee>(NewEmployee { manager_id, ..new }).await.id);
    }
    let under =
        |id: Id<Employee>| EmployeePatch { manager_id: id.into(), ..EmployeePatch::default() };
    for below in &chain {
        let circle = world.patch(chain[0], under(*below)).await;
        assert_eq!(refused(circle), ("manager_id".to_owned(), FieldCode::Cycle));
    }
    world.patch(chain[3], under(chain[0])).await.expect("no circle");
}

/// Two moves that are good alone: one of them waits, and is refused.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_moves_close_no_circle() {
    let world = World::create().await;
    for _ in 0..10 {
        let one = world.make::<Department>(NewDepartment::named("One")).await.id;
        let two = world.make::<Department>(NewDepartment::named("Two")).await.id;
        let mut moves = tokio::task::JoinSet::new();
        for (id, under) in [(one, two), (two, one)] {
            let (departments, scope) = (world.of::<Department>(), world.scope.clone());
            moves.spawn(async move {
                let patch = serde_json::from_value(serde_json::json!({ "parent_id": under }));
                departments.patch(&scope, id, &patch.expect("a patch"), None).await
            });
        }
        let moved = moves.join_all().await;
        assert_eq!(moved.iter().filter(|result| result.is_ok()).count(), 1, "{moved:?}");
    }
}

#[tokio::test]
async fn a_done_task_has_its_completion_and_moves_make_sense() {
    let world = World::create().await;
    let task = world.make::<Task>(NewTask::titled("Cut the gears")).await;
    assert_eq!((task.status, task.completed_at), (TaskStatus::Todo, None));
    let to = |status: TaskStatus| TaskPatch { status: status.into(), ..TaskPatch::default() };
    let done = world.patch(task.id, to(TaskStatus::Done)).await.expect("done");
    assert!(done.completed_at.is_some());
    let blocked = world.patch(task.id, to(TaskStatus::Blocked)).await;
    assert_eq!(refused(blocked), ("status".to_owned(), FieldCode::InvalidTransition));
    let again = world.patch(task.id, to(TaskStatus::InProgress)).await.expect("taken up again");
    assert_eq!(again.completed_at, None);
    let new = NewTask { status: TaskStatus::Done, ..NewTask::titled("Done before") };
    assert!(world.make::<Task>(new).await.completed_at.is_some());
    world.patch(task.id, to(TaskStatus::Cancelled)).await.expect("given up");
    let done = world.patch(task.id, to(TaskStatus::Done)).await;
    assert_eq!(refused(done), ("status".to_owned(), FieldCode::InvalidTransition));
}

#[tokio::test]
async fn dates_and_amounts_go_together_also_in_patches() {
    let world = World::create().await;
    let new = NewProject { starts_on: Some(date(2026, 3, 1)), ..NewProject::named("Engine") };
    let project = world.make::<Project>(new).await;
    let ends = |day: Date| ProjectPatch { ends_on: day.into(), ..ProjectPatch::default() };
    let before = world.patch(project.id, ends(date(2026, 2, 28))).await;
    assert_eq!(refused(before), ("ends_on".to_owned(), FieldCode::OutOfOrder));
    world.patch(project.id, ends(date(2026, 3, 1))).await.expect("the same day");
    let budget = ProjectPatch { budget: Decimal::from(5).into(), ..ProjectPatch::default() };
    let alone = world.patch(project.id, budget).await;
    assert_eq!(refused(alone), ("currency".to_owned(), FieldCode::Required));
    let to =
        |status: ProjectStatus| ProjectPatch { status: status.into(), ..ProjectPatch::default() };
    world.patch(project.id, to(ProjectStatus::Completed)).await.expect("completed");
    let planned = world.patch(project.id, to(ProjectStatus::Planned)).await;
    assert_eq!(refused(planned), ("status".to_owned(), FieldCode::InvalidTransition));

    let ada = world.make::<Employee>(NewEmployee::named("E-1", "Ada")).await;
    let left = EmployeePatch { status: EmployeeStatus::Left.into(), ..EmployeePatch::default() };
    assert!(world.patch(ada.id, left).await.expect("left").left_on.is_some());
    let rated = world.make::<Professional>(NewProfessional::named("Luigi")).await;
    let rate = ProfessionalPatch { hourly_rate: Decimal::from(9).into(), ..Default::default() };
    assert_eq!(
        refused(world.patch(rated.id, rate).await),
        ("currency".to_owned(), FieldCode::Required)
    );
}

#[tokio::test]
async fn what_is_referred_to_is_archived_and_not_deleted() {
    let world = World::create().await;
    let clients = world.of::<Client>();
    let acme = world.make::<Client>(NewClient::named("Acme")).await;
    for number in 0..2 {
        let new =
            NewProject { client_id: Some(acme.id), ..NewProject::named(format!("P{number}")) };
        world.make::<Project>(new).await;
    }
    let error = clients.delete(&world.scope, acme.id, None).await.expect_err("in use");
    assert_eq!(error.code(), ErrorCode::InUse);
    let [by] = error.fields() else { panic!("{error:?}") };
    assert_eq!((by.field.as_str(), by.code), ("projects", FieldCode::InUse));
    assert_eq!(by.message, "2 projects refer to it by client_id");

    let archived = clients.archive(&world.scope, acme.id, Some(1)).await.expect("archived");
    assert!(archived.archived_at.is_some() && archived.version == 2);
    let list = async |archived| {
        let params = ListParams { archived, ..ListParams::default() };
        clients.list(&world.scope, &params).await.expect("listed").data.len()
    };
    assert_eq!((list(false).await, list(true).await), (0, 1));
    assert_eq!(clients.get(&world.scope, acme.id).await.expect("still there"), archived);
    let stale = clients.restore(&world.scope, acme.id, Some(1)).await.expect_err("stale");
    assert!(stale.is_version_conflict());
    let restored = clients.restore(&world.scope, acme.id, None).await.expect("restored");
    assert_eq!((restored.archived_at, list(false).await), (None, 1));
}

/// A user who is named is a member of the account, and one employee at most.
#[tokio::test]
async fn users_are_those_of_the_account() {
    let world = World::create().await;
    let user = world.scope.user_id();
    let new = NewProject { owner_id: user, ..NewProject::named("Engine") };
    assert_eq!(world.make::<Project>(new).await.owner_id, user);
    let stranger = NewProject { owner_id: Some(Id::new()), ..NewProject::named("Engine") };
    let stranger = world.of::<Project>().create(&world.scope, &stranger).await;
    assert_eq!(refused(stranger), ("owner_id".to_owned(), FieldCode::UnknownReference));
    let employee = |code: &str| NewEmployee { user_id: user, ..NewEmployee::named(code, "Ada") };
    world.make::<Employee>(employee("E-1")).await;
    let twice = world.of::<Employee>().create(&world.scope, &employee("E-2")).await;
    assert_eq!(refused(twice), ("user_id".to_owned(), FieldCode::Duplicate));
}

/// Members are a part of their project: kept in order, replaced as a list, and
/// gone with it; whoever is one cannot be deleted.
#[tokio::test]
async fn members_belong_to_their_project() {
    let world = World::create().await;
    let ada = world.make::<Employee>(NewEmployee::named("E-1", "Ada")).await.id;
    let luigi = world.make::<Professional>(NewProfessional::named("Luigi")).await.id;
    let employee = ProjectMember { employee_id: Some(ada), ..ProjectMember::default() };
    let professional = ProjectMember {
        professional_id: Some(luigi),
        role: Some("Translator".to_owned()),
        ..ProjectMember::default()
    };
    let both = vec![professional.clone(), employee.clone()];
    let new = NewProject { members: both.clone(), ..NewProject::named("Engine") };
    let project = world.make::<Project>(new).await;
    assert_eq!(project.members, both);
    let renamed = ProjectPatch { name: "Engine II".to_owned().into(), ..ProjectPatch::default() };
    assert_eq!(world.patch(project.id, renamed).await.expect("patched").members, both);
    for members in [vec![employee.clone()], vec![professional.clone()], both.clone()] {
        let patch = ProjectPatch { members: members.clone().into(), ..ProjectPatch::default() };
        assert_eq!(world.patch(project.id, patch).await.expect("patched").members, members);
        let read = world.of::<Project>().get(&world.scope, project.id).await.expect("read");
        assert_eq!(read.members, members);
    }
    let error = world.of::<Employee>().delete(&world.scope, ada, None).await.expect_err("in use");
    assert_eq!(error.code(), ErrorCode::InUse);
    let stranger = ProjectMember { employee_id: Some(Id::new()), ..ProjectMember::default() };
    let patch = ProjectPatch { members: vec![stranger].into(), ..ProjectPatch::default() };
    let unknown = ("members[].employee_id".to_owned(), FieldCode::UnknownReference);
    assert_eq!(refused(world.patch(project.id, patch).await), unknown);
    world.of::<Project>().delete(&world.scope, project.id, None).await.expect("deleted");
    world.of::<Employee>().delete(&world.scope, ada, None).await.expect("no longer a member");
}

/// Of two changes at once the later one's members stay, and none of the other's.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_do_not_mix_members() {
    let world = World::create().await;
    let mut people = Vec::new();
    for number in 0..6 {
        let new = NewEmployee::named(format!("E-{number}"), "Ada");
        let employee_id = Some(world.make::<Employee>(new).await.id);
        people.push(ProjectMember { employee_id, ..ProjectMember::default() });
    }
    let project = world.make::<Project>(NewProject::named("Engine")).await;
    // Both wait for a third, so that both began before either was done.
    let holder = world.test.superuser().await;
    let hold = format!("begin; select from nexo.projects where id = '{}' for update", project.id);
    holder.batch_execute(&hold).await.expect("held");
    let watcher = world.test.superuser().await;
    let mut changes = tokio::task::JoinSet::new();
    for (waiting, members) in [(1, people[..4].to_vec()), (2, people[4..5].to_vec())] {
        let (projects, scope, id) = (world.of::<Project>(), world.scope.clone(), project.id);
        changes.spawn(async move {
            let patch = ProjectPatch { members: members.into(), ..ProjectPatch::default() };
            projects.patch(&scope, id, &patch, None).await.expect("patched")
        });
        let count = "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'";
        while watcher.query_one(count, &[]).await.expect("asked").get::<_, i64>(0) < waiting {
            tokio::task::yield_now().await;
        }
    }
    holder.batch_execute("commit").await.expect("let go");
    let last = changes.join_all().await.into_iter().max_by_key(|it| it.version);
    let read = world.of::<Project>().get(&world.scope, project.id).await.expect("read");
    assert_eq!(Some(read), last);
}

/// What `expand` brings along, in the same round trip; and counts.
#[tokio::test]
async fn lists_bring_along_what_they_refer_to() {
    let world = World::create().await;
    let acme = world.make::<Client>(NewClient::named("Acme")).await;
    let ada = world.make::<Employee>(NewEmployee::named("E-1", "Ada")).await;
    for number in 0..3 {
        let member = ProjectMember { employee_id: Some(ada.id), ..ProjectMember::default() };
        let new = NewProject::named(format!("P{number}"));
        let (client_id, members) = (Some(acme.id).filter(|_| number > 0), vec![member]);
        world.make::<Project>(NewProject { client_id, members, ..new }).await;
    }
    let params = ListParams::<Project> {
        expand: vec!["client".to_owned(), "members".to_owned()],
        count: nexo_core::model::CountMode::Exact,
        limit: Some(2),
        ..ListParams::default()
    };
    let page = world.of::<Project>().list(&world.scope, &params).await.expect("listed");
    assert_eq!((page.data.len(), page.count.map(|count| count.value)), (2, Some(3)));
    assert_eq!(page.included.get(acme.id), Some(acme));
    assert_eq!(page.included.get(ada.id), Some(ada));
    let unknown = ListParams::<Project> { expand: vec!["owner".into()], ..ListParams::default() };
    let error = world.of::<Project>().list(&world.scope, &unknown).await.expect_err("refused");
    assert_eq!(error.code(), ErrorCode::InvalidQuery);
    assert_eq!(error.to_string(), "expand cannot be \"owner\"; known: client, members");
}

/// A cursor goes on where its page ended, whatever is created meanwhile, in
/// every order, also over days that are missing.
#[tokio::test]
async fn cursors_survive_concurrent_inserts() {
    let world = World::create().await;
    let tasks = world.of::<Task>();
    let due = |number: i8| (number % 3 > 0).then(|| date(2026, 1 + number % 3, 1));
    for number in 0..12 {
        let new = NewTask { due_on: due(number), ..NewTask::titled(format!("{number}")) };
        world.make::<Task>(new).await;
    }
    for sort in ["due_on", "-due_on", "title", "-priority", "created_at", "-updated_at"] {
        let before = tasks.list(&world.scope, &ListParams::default()).await.expect("listed").data;
        let mut params = ListParams::<Task> {
            limit: Some(5),
            sort: Some(nexo_core::model::Sort::parse(sort)),
            ..ListParams::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = tasks.list(&world.scope, &params).await.expect("listed");
            seen.extend(page.data.into_iter().map(|task| task.id));
            let Some(next) = page.next_cursor else { break };
            params.cursor = Some(next);
            world.make::<Task>(NewTask::titled("made in between")).await;
        }
        let unique: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "{sort}: no row twice");
        assert!(before.iter().all(|task| unique.contains(&task.id)), "{sort}: none is left out");
    }
}
