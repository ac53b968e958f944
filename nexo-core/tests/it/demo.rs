//! Accounts filled with believable data.

use jiff::Timestamp;
use nexo_core::demo::{Demo, Filled, Progress, fill};
use nexo_core::model::{
    Client, ClientFilter, ClientStatus, CountMode, Department, Employee, ErrorCode, ListParams,
    OneOf, Professional, Project, SearchParams, Sort, Supplier, Task,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, Table, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    tenant: Tenant,
    other: Tenant,
    /// Both accounts could be filled to this end.
    until: Timestamp,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let tenant = Tenant::register(&authenticator).await;
        let other = Tenant::register(&authenticator).await;
        Self { test, database, tenant, other, until: Timestamp::now() }
    }

    async fn fill(&self, tenant: &Tenant, clients: u32) -> (Filled, Vec<Progress>) {
        let demo = Demo::of(clients).expect("a size").seed(7).until(self.until);
        let demo = demo.owner(tenant.tokens.user.id);
        let scope = self.database.system_scope(tenant.scope.account_id(), "test of the demo");
        let mut heard = Vec::new();
        let filled = fill(&self.database, &scope, &demo, |progress| heard.push(progress)).await;
        (filled.expect("filled"), heard)
    }

    /// The rows of a collection: in lists, and archived.
    async fn count<T: Table>(&self, scope: &TenantScope) -> [u64; 2] {
        let mut counts = [0; 2];
        for (archived, count) in [false, true].into_iter().zip(&mut counts) {
            let params =
                ListParams::<T> { archived, count: CountMode::Exact, ..ListParams::default() };
            let page = self.database.repository::<T>().list(scope, &params).await.expect("listed");
            *count = page.count.expect("asked for").value;
        }
        counts
    }

    async fn found(&self, scope: &TenantScope, q: &str) -> Vec<String> {
        let params = SearchParams { q: q.to_owned(), ..SearchParams::default() };
        let found = self.database.search(scope, &params).await.expect("searched");
        found.data.into_iter().map(|hit| hit.title).collect()
    }
}

#[tokio::test]
async fn an_account_is_filled_as_told_and_no_other() {
    let world = World::create().await;
    let (filled, heard) = world.fill(&world.tenant, 300).await;
    let scope = &world.tenant.scope;
    let counts = [
        (filled.clients, 300, world.count::<Client>(scope).await),
        (filled.departments, 4, world.count::<Department>(scope).await),
        (filled.employees, 6, world.count::<Employee>(scope).await),
        (filled.suppliers, 15, world.count::<Supplier>(scope).await),
        (filled.professionals, 15, world.count::<Professional>(scope).await),
        (filled.projects, 60, world.count::<Project>(scope).await),
        (filled.tasks, 300, world.count::<Task>(scope).await),
    ];
    for (told, expected, [listed, archived]) in counts {
        assert_eq!((told, listed + archived), (expected, expected));
    }
    let [_, archived] = world.count::<Client>(scope).await;
    assert!((1..30).contains(&archived), "{archived} archived");
    let superuser = world.test.superuser().await;
    let members = "select count(*) from nexo.project_members where account_id = $1";
    let members = superuser.query_one(members, &[&scope.account_id()]).await.unwrap();
    assert_eq!(members.get::<_, i64>(0) as u64, filled.project_members);
    assert_eq!(filled.total(), 700 + filled.project_members);

    assert!(heard.windows(2).all(|two| two[0].written < two[1].written));
    assert_eq!(heard.last().map(|last| (last.written, last.of)), Some((700, 700)));

    let other = &world.other.scope;
    assert_eq!(world.count::<Client>(other).await, [0, 0]);
    assert_eq!(world.count::<Task>(other).await, [0, 0]);
    assert_eq!(world.found(other, "müller").await, [""; 0]);
}

/// Foreign keys hold references; this shows that they are there, and the rest
/// of what no key holds.
#[tokio::test]
async fn records_are_linked_and_their_states_are_dated() {
    let world = World::create().await;
    world.fill(&world.tenant, 300).await;
    let superuser = world.test.superuser().await;
    let account = world.tenant.scope.account_id();
    let user = world.tenant.tokens.user.id;
    for (what, sql, range) in [
        ("clients' e-mail", "clients where email is not null", 200..300),
        ("parents", "departments where parent_id is not null", 3..4),
        ("heads", "departments where head_id is not null", 4..5),
        ("places", "employees where department_id is not null", 6..7),
        ("managers", "employees where manager_id is not null", 5..6),
        ("skills", "professionals where cardinality(skills) > 0 and hourly_rate > 0", 8..16),
        ("projects of clients", "projects where client_id is not null", 45..61),
        ("tasks in projects", "tasks where project_id is not null", 200..300),
        ("parts of tasks", "tasks where parent_id is not null", 20..120),
        ("tasks of employees", "tasks where assignee_employee_id is not null", 150..250),
        ("tasks of others", "tasks where assignee_professional_id is not null", 10..100),
        ("done", "tasks where status = 'done'", 150..250),
        ("undated done ones", "tasks where (status = 'done') <> (completed_at is not null)", 0..1),
        ("done before", "tasks where completed_at not between created_at and $2", 0..1),
        (
            "ids of another time",
            "clients where id::text not like
            lpad(to_hex((extract(epoch from created_at) * 1000)::bigint >> 16), 8, '0') || '-%'",
            0..1,
        ),
    ] {
        let sql = format!(
            "select count(*) from nexo.{sql} and account_id = $1 and $2::timestamptz is not null"
        );
        let count = superuser.query_one(&sql, &[&account, &world.until]).await.expect(what);
        let count: i64 = count.get(0);
        assert!(range.contains(&count), "{what}: {count}");
    }
    let owned = "select count(*) filter (where owner_id = $2), count(owner_id) from nexo.projects where account_id = $1";
    let owned = superuser.query_one(owned, &[&account, &user]).await.unwrap();
    assert!(owned.get::<_, i64>(0) > 30 && owned.get::<_, i64>(0) == owned.get::<_, i64>(1));
    let led = "select employee_code from nexo.employees where account_id = $1 and user_id = $2";
    let led = superuser.query_one(led, &[&account, &user]).await.unwrap();
    assert_eq!(led.get::<_, &str>(0), "E-0001");
}

#[tokio::test]
async fn what_was_made_is_found_and_listed() {
    let world = World::create().await;
    world.fill(&world.tenant, 300).await;
    let (scope, clients) = (&world.tenant.scope, world.database.repository::<Client>());
    let newest = clients.list(scope, &ListParams::default()).await.unwrap().data;
    assert!(
        newest
            .windows(2)
            .all(|two| (two[0].created_at, two[0].id) > (two[1].created_at, two[1].id))
    );
    assert!(newest.windows(2).all(|two| two[0].id > two[1].id), "ids are in the same order");
    for client in &newest[..5] {
        assert!(world.found(scope, &client.name).await.contains(&client.name), "{}", client.name);
    }
    let filter =
        ClientFilter { status: OneOf::from(ClientStatus::Active), ..ClientFilter::default() };
    let params = ListParams { filter, sort: Some(Sort::parse("name")), ..ListParams::default() };
    let active = clients.list(scope, &params).await.unwrap().data;
    assert_eq!(active.len(), 50);
    assert!(active.iter().all(|client| client.status == ClientStatus::Active));
    let expand = vec!["project".to_owned(), "assignee".to_owned()];
    let params = ListParams::<Task> { expand, ..ListParams::default() };
    let page = world.database.repository::<Task>().list(scope, &params).await.unwrap();
    let of_project = page.data.iter().filter_map(|task| task.project_id);
    let mut projects = of_project.map(|id| page.included.get::<Project>(id));
    assert!(projects.next().is_some() && projects.all(|project| project.is_some()));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_content() {
    let world = World::create().await;
    world.fill(&world.tenant, 50).await;
    world.fill(&world.other, 50).await;
    let superuser = world.test.superuser().await;
    // Everything but what names the account, its user and its records.
    for (table, order) in [
        ("departments", "name"),
        ("employees", "employee_code"),
        ("suppliers", "created_at"),
        ("professionals", "created_at"),
        ("clients", "created_at"),
        ("projects", "code"),
        ("tasks", "created_at"),
    ] {
        let sql = format!(
            "select jsonb_agg(to_jsonb(t) - '{{account_id,id,parent_id,head_id,department_id,manager_id,user_id,
                 client_id,owner_id,project_id,assignee_id,assignee_employee_id,assignee_professional_id}}'::text[]
                 order by {order}) from nexo.{table} t where account_id = $1"
        );
        let mut contents = Vec::new();
        for tenant in [&world.tenant, &world.other] {
            let row = superuser.query_one(&sql, &[&tenant.scope.account_id()]).await.unwrap();
            contents.push(row.get::<_, serde_json::Value>(0));
        }
        assert_eq!(contents[0], contents[1], "{table}");
    }
}

#[tokio::test]
async fn an_account_that_was_filled_is_refused_and_stays() {
    let world = World::create().await;
    let (filled, _) = world.fill(&world.tenant, 10).await;
    assert_eq!((filled.employees, filled.projects, filled.suppliers), (5, 2, 2));
    let scope = &world.tenant.scope;
    let (database, of_user) = (world.database.clone(), scope.clone());
    // As a task of its own, with the scope of a user.
    let again = tokio::spawn(async move {
        let demo = Demo::of(10).expect("a size");
        fill(&database, &of_user, &demo, |_| {}).await
    });
    let error = again.await.unwrap().expect_err("its codes");
    assert_eq!(
        (error.code(), &*error.fields()[0].field),
        (ErrorCode::ValidationFailed, "employee_code")
    );
    let [listed, archived] = world.count::<Department>(scope).await;
    assert_eq!(listed + archived, 4);
    for wrong in [0, 9, 1_000_001] {
        Demo::of(wrong).expect_err("out of range");
    }
}
