//! What somebody sees first agrees with what they find when they look.

use std::collections::BTreeMap;

use nexo_core::demo::{Demo, fill};
use nexo_core::model::{
    AuditParams, BuiltInRole, Decimal, Employee, EmployeePatch, Id, Invite, ListParams, NewRole,
    Permission, Permissions, Project, ProjectStatus, RecordCount, Task, TaskStatus, User,
};
use nexo_core::testing::{
    Operation, RegisteredTable, Tenant, TestDatabase, dashboard_statements, registered_tables,
    run_dashboard,
};
use nexo_core::{AuthConfig, Authenticator, Database, Table, TenantScope};
use serde_json::Value;

struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    tenant: Tenant,
    other: Tenant,
}

impl World {
    /// Two accounts that are filled, with different amounts.
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let tenant = Tenant::register(&authenticator).await;
        let other = Tenant::register(&authenticator).await;
        for (whose, clients) in [(&tenant, 120), (&other, 70)] {
            let demo = Demo::of(clients).expect("a size").owner(whose.tokens.user.id);
            fill(&database, &whose.scope, &demo, |_| {}).await.expect("filled");
        }
        Self { test, database, authenticator, tenant, other }
    }

    /// A member with a role of these permissions.
    async fn member(&self, name: &str, permissions: impl Into<Permissions>) -> Tenant {
        let permissions = permissions.into();
        let role = NewRole { name: name.to_owned(), permissions, ..Default::default() };
        let made = self.database.roles().create(&self.tenant.scope, &role, None).await;
        let role = made.expect("made").into_inner().id;
        Tenant::join(&self.database, &self.authenticator, &self.tenant.scope, role).await
    }

    async fn all<T: Table>(&self, scope: &TenantScope) -> Vec<T> {
        let (mut rows, mut params) = (Vec::new(), ListParams::<T>::default());
        loop {
            let page = self.database.repository::<T>().list(scope, &params).await.expect("listed");
            rows.extend(page.data);
            params.cursor = page.next_cursor;
            if params.cursor.is_none() {
                return rows;
            }
        }
    }

    /// Makes the user one of the employees, who has tasks.
    async fn employ(&self, user: Id<User>) {
        let tasks: Vec<Task> = self.all(&self.tenant.scope).await;
        let employee = tasks.iter().find_map(|task| task.assignee_employee_id).expect("one works");
        let patch = EmployeePatch { user_id: user.into(), ..EmployeePatch::default() };
        let employees = self.database.repository::<Employee>();
        employees.patch(&self.tenant.scope, employee, &patch, None).await.expect("employed");
    }
}

/// How many records a list has.
pub(crate) async fn counted(
    database: &Database,
    scope: &TenantScope,
    table: &RegisteredTable,
    query: &[(&str, &str)],
) -> u64 {
    let mut asked = vec![("count".to_owned(), "exact".to_owned()), ("limit".into(), "1".into())];
    asked.extend(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let page = table.perform(database, scope, Operation::List(asked)).await.expect("listed");
    page["count"]["value"].as_u64().expect("counted")
}

/// P1: every number is that of the list, and none of another account is in it.
#[tokio::test]
async fn p1_numbers_are_those_of_the_lists() {
    let world = World::create().await;
    let scope = &world.tenant.scope;
    let work = world.database.dashboard_work(scope).await.expect("told");
    let tables = registered_tables();
    assert_eq!(work.counts.len(), tables.len());
    for table in &tables {
        let active = counted(&world.database, scope, table, &[]).await;
        let archived = counted(&world.database, scope, table, &[("archived", "true")]).await;
        let expected = Some(RecordCount { active, archived });
        assert_eq!(work.counts[table.collection], expected, "{}", table.collection);
        assert!(active > 0, "{}", table.collection);
        let statuses = match table.collection {
            "clients" => &work.pipeline.clients,
            "projects" => &work.pipeline.projects,
            "tasks" => &work.pipeline.tasks,
            _ => continue,
        };
        for (status, count) in statuses.as_ref().expect("told") {
            let listed = counted(&world.database, scope, table, &[("status", status)]).await;
            assert_eq!(*count, listed, "{} {status}", table.collection);
        }
    }
    let mut budgets: BTreeMap<String, (u64, Decimal, Decimal)> = BTreeMap::new();
    for project in world.all::<Project>(scope).await {
        let (Some(budget), Some(currency)) = (project.budget, project.currency) else { continue };
        let total = budgets.entry(currency).or_default();
        let is_closed =
            [ProjectStatus::Completed, ProjectStatus::Cancelled].contains(&project.status);
        let open = if is_closed { Decimal::ZERO } else { budget };
        let add = |sum: Decimal, more| sum.checked_add(more).expect("a sum");
        *total = (total.0 + 1, add(total.1, budget), add(total.2, open));
    }
    let told = work.budgets.expect("told").into_iter();
    let told: Vec<_> = told.map(|it| (it.currency, it.projects, it.total, it.open)).collect();
    let expected = budgets.into_iter();
    let expected: Vec<_> =
        expected.map(|(of, it)| (of, it.0, it.1.to_string(), it.2.to_string())).collect();
    assert_eq!(told, expected);
    assert!(!told.is_empty());

    let log = AuditParams { limit: Some(20), ..AuditParams::default() };
    let log = world.database.audit().list(scope, &log).await.expect("listed").data;
    let told = work.recent_activity.expect("an owner reads the log");
    let told: Vec<_> = told.iter().map(|it| (it.id, it.record_id, it.action, it.user_id)).collect();
    let expected: Vec<_> =
        log.iter().map(|it| (it.id, it.record_id, it.action, it.user_id)).collect();
    assert_eq!((told, work.recent_records), (expected, None));
}

/// P1: one's tasks are those that one owns or is assigned to, and that are not done.
#[tokio::test]
async fn p1_ones_tasks_are_due_in_order() {
    let world = World::create().await;
    let member = world.member("Worker", Permission::TaskRead | Permission::EmployeeRead).await;
    let user = member.scope.user_id().expect("a user");
    let none = world.database.dashboard_work(&member.scope).await.expect("told");
    assert_eq!(none.my_tasks.expect("may read tasks").open, 0);

    world.employ(user).await;
    let employees: Vec<Employee> = world.all(&world.tenant.scope).await;
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    for whose in [&member, &world.tenant] {
        let user = whose.scope.user_id();
        let employee = employees.iter().find(|it| it.user_id == user).map(|it| it.id);
        let mut mine: Vec<Task> = world.all(&whose.scope).await;
        mine.retain(|task| {
            let is_open = ![TaskStatus::Done, TaskStatus::Cancelled].contains(&task.status);
            let is_assigned = employee.is_some() && task.assignee_employee_id == employee;
            is_open && (is_assigned || task.owner_id == user)
        });
        mine.sort_by_key(|task| (task.due_on.is_none(), task.due_on, task.id));
        let told = world.database.dashboard_work(&whose.scope).await.expect("told");
        let told = told.my_tasks.expect("may read tasks");
        assert!(!mine.is_empty());
        assert_eq!(told.open, mine.len() as u64);
        let late = mine.iter().filter(|task| task.due_on.is_some_and(|due| due < today));
        assert_eq!(told.overdue, late.count() as u64);
        mine.truncate(20);
        assert_eq!(told.data, mine);
    }
    // A program's own work is nobody's.
    let system = world.database.system_scope(world.tenant.scope.account_id(), "test");
    assert_eq!(world.database.dashboard_work(&system).await.expect("told").my_tasks, None);
}

/// P2: what is not permitted is absent, and the rest is there.
#[tokio::test]
async fn p2_forbidden_parts_are_absent() {
    let world = World::create().await;
    let some = world.member("Clients", Permission::ClientRead).await;
    let work = world.database.dashboard_work(&some.scope).await.expect("told");
    let told: Vec<&str> =
        work.counts.iter().filter(|it| it.1.is_some()).map(|it| it.0.as_str()).collect();
    assert_eq!(told, ["clients"]);
    assert!(work.pipeline.clients.is_some() && work.pipeline.projects.is_none());
    assert_eq!((work.pipeline.tasks, work.budgets, work.my_tasks), (None, None, None));
    assert_eq!(work.recent_activity, None);
    let recent = work.recent_records.expect("in its place");
    assert_eq!(recent.len(), 20);
    assert!(recent.iter().all(|record| record.collection == "clients"));
    let account = world.database.dashboard_account(&some.scope).await.expect("told");
    assert_eq!((account.members, account.open_invitations, account.partial), (None, None, false));
    assert_eq!(account.profile.expect("a session has one").user, some.tokens.user);

    let nobody = world.member("Nobody", Permissions::NONE).await;
    let work = world.database.dashboard_work(&nobody.scope).await.expect("told");
    assert!(work.counts.values().all(Option::is_none));
    assert_eq!(work.recent_records, Some(Vec::new()));
    assert!(work.my_tasks.is_none() && work.recent_activity.is_none() && work.budgets.is_none());

    let owner = world.database.dashboard_account(&world.tenant.scope).await.expect("told");
    let members = owner.members.expect("an owner sees members");
    assert_eq!((members.active, members.disabled, owner.open_invitations), (3, 0, Some(0)));
}

/// The records that changed last are those of all lists, the newest first.
#[tokio::test]
async fn records_that_changed_last_come_first() {
    let world = World::create().await;
    let read: Permissions = registered_tables().iter().map(|table| table.to_read).collect();
    let viewer = world.member("Reader", read).await;
    let mut all: Vec<(String, String)> = Vec::new();
    for table in registered_tables() {
        let list = ["-updated_at", "20"].map(str::to_owned);
        let [sort, limit] = list;
        let list = Operation::List(vec![("sort".to_owned(), sort), ("limit".to_owned(), limit)]);
        let page = table.perform(&world.database, &viewer.scope, list).await.expect("listed");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let rows = page["data"].as_array().expect("rows").iter();
        all.extend(rows.map(|row| (text(&row["updated_at"]), text(&row["id"]))));
    }
    all.sort_by_key(|(at, id)| (at.parse::<jiff::Timestamp>().expect("a time"), id.clone()));
    all.reverse();
    all.truncate(20);
    let work = world.database.dashboard_work(&viewer.scope).await.expect("told");
    let told = work.recent_records.expect("the log is closed to them");
    let told: Vec<_> = told.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(told, all.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
}

/// Statements of no one table name the account too, and find nothing of another one
/// by the policies alone.
#[tokio::test]
async fn r14_the_policies_hold_a_dashboards_statements() {
    let world = World::create().await;
    let app = world.test.as_app().await;
    for (at, sql) in dashboard_statements().iter().enumerate() {
        let role = if at < 4 { "begin" } else { "begin; set local role nexo_limited" };
        app.batch_execute(role).await.expect("begins");
        app.prepare(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        app.batch_execute("rollback").await.expect("ends");
        let scans = sql.matches("from nexo.").count() + sql.matches("join nexo.").count();
        assert!(sql.matches("account_id = $1").count() >= scans, "{sql}");
    }
    let user = world.tenant.scope.user_id().expect("a user");
    let account = world.tenant.scope.account_id();
    let invite = Invite { email: "x@example.com".to_owned(), role: BuiltInRole::Viewer.into() };
    world.database.invitations().create(&world.tenant.scope, &invite).await.expect("invited");
    for (whose, is_own) in [(&world.tenant, true), (&world.other, false)] {
        let begin = format!(
            "begin; set local nexo.account_id = '{}'; set local nexo.permissions = '-1'",
            whose.scope.account_id()
        );
        app.batch_execute(&begin).await.expect("begins");
        for (sql, found) in run_dashboard(&app, account, user).await {
            assert_eq!(found > 0, is_own, "{sql}");
        }
        app.batch_execute("rollback").await.expect("ends");
    }
}
