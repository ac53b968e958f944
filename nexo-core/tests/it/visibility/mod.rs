//! Who sees which records: all, those of their team, or their own.

mod dashboard;
mod lists;
mod reach;
mod team;
mod transfer;
mod writes;

use nexo_core::model::{
    BuiltInRole, Change, Department, Employee, EmployeePatch, Id, NewDepartment, NewEmployee,
    NewRole, Permission, Permissions, RefreshRequest, Role, RolePatch, User,
};
use nexo_core::testing::{
    Operation, RegisteredTable, Tenant, TestDatabase, id_of, registered_tables,
};
use nexo_core::{AuthConfig, Authenticator, Database, Peer, Result, TenantScope};
use serde_json::Value;
use uuid::Uuid;

/// What sees all, the team's and one's own of each kind with owners.
const LEVELS: [[Permission; 3]; 5] = [
    [Permission::ClientRead, Permission::ClientReadTeam, Permission::ClientReadOwn],
    [Permission::SupplierRead, Permission::SupplierReadTeam, Permission::SupplierReadOwn],
    [
        Permission::ProfessionalRead,
        Permission::ProfessionalReadTeam,
        Permission::ProfessionalReadOwn,
    ],
    [Permission::ProjectRead, Permission::ProjectReadTeam, Permission::ProjectReadOwn],
    [Permission::TaskRead, Permission::TaskReadTeam, Permission::TaskReadOwn],
];
const TEAM: usize = 1;
const OWN: usize = 2;

/// An account with departments, and members in them who see less than all.
struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    owner: Tenant,
    role: Id<Role>,
    sales: Id<Department>,
    support: Id<Department>,
    /// In sales, in a department below it, in support, and in none.
    ann: Person,
    bob: Person,
    cid: Person,
    dan: Person,
}

/// A member, and the employee that they are.
struct Person {
    tenant: Tenant,
    user: Id<User>,
    employee: Option<Id<Employee>>,
}

impl Person {
    fn scope(&self) -> &TenantScope {
        &self.tenant.scope
    }
}

/// All writing and deleting, and reading at this level.
fn at(level: usize) -> Permissions {
    let all: Permissions = BuiltInRole::Manager.permissions();
    let reads: Permissions = LEVELS.iter().map(|it| it[0]).collect();
    LEVELS.iter().map(|it| it[level]).fold(all.without(reads), Permissions::with)
}

impl World {
    async fn create(level: usize) -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&authenticator).await;
        let new = NewRole { name: "Some".to_owned(), permissions: at(level), ..Default::default() };
        let role = database.roles().create(&owner.scope, &new, None).await.expect("made");
        let role = role.into_inner().id;

        let departments = database.repository::<Department>();
        let department = async |name: &str, parent_id| {
            let new = NewDepartment { parent_id, ..NewDepartment::named(name) };
            departments.create(&owner.scope, &new).await.expect("created").id
        };
        let sales = department("Sales", None).await;
        let below = department("Sales abroad", Some(sales)).await;
        let support = department("Support", None).await;
        let person = async |code: &str, department: Option<Id<Department>>| {
            let tenant = Tenant::join(&database, &authenticator, &owner.scope, role).await;
            let user = tenant.scope.user_id().expect("a user");
            let mut employee = None;
            if department.is_some() {
                let new = NewEmployee {
                    department_id: department,
                    user_id: Some(user),
                    ..NewEmployee::named(code, code)
                };
                let made = database.repository::<Employee>().create(&owner.scope, &new).await;
                employee = Some(made.expect("created").id);
            }
            Person { tenant, user, employee }
        };
        let (ann, bob) = (person("ann", Some(sales)).await, person("bob", Some(below)).await);
        let (cid, dan) = (person("cid", Some(support)).await, person("dan", None).await);
        Self { test, database, authenticator, owner, role, sales, support, ann, bob, cid, dan }
    }

    fn people(&self) -> [&Person; 4] {
        [&self.ann, &self.bob, &self.cid, &self.dan]
    }

    /// Lets the role see at another level, and whoever has it go on with that.
    async fn set_level(&self, level: usize) {
        let patch = RolePatch { permissions: Some(at(level)), ..Default::default() };
        self.database.roles().patch(&self.owner.scope, self.role, &patch, None).await.expect("set");
    }

    /// A new scope of the same session.
    async fn again(&self, person: &Person) -> TenantScope {
        let request = RefreshRequest { refresh_token: person.tenant.tokens.refresh_token.clone() };
        let tokens = self.authenticator.refresh(&request, &Peer::default()).await.expect("goes on");
        self.authenticator.verify(&tokens.access_token).await.expect("verifies")
    }

    async fn perform(
        &self,
        scope: &TenantScope,
        table: &RegisteredTable,
        it: Operation,
    ) -> Result<Value> {
        table.perform(&self.database, scope, it).await
    }

    /// A record that somebody makes, and so owns.
    async fn make(&self, scope: &TenantScope, table: &RegisteredTable, number: u32) -> Value {
        let made = self.perform(scope, table, Operation::Create(plain(table, number))).await;
        made.unwrap_or_else(|error| panic!("{}: {error:?}", table.collection))
    }

    async fn move_to(&self, person: &Person, department: Option<Id<Department>>) {
        let patch = EmployeePatch {
            department_id: department.map_or(Change::Clear, Change::Set),
            ..EmployeePatch::default()
        };
        let employee = person.employee.expect("is one");
        let employees = self.database.repository::<Employee>();
        employees.patch(&self.owner.scope, employee, &patch, None).await.expect("moved");
    }
}

/// The kinds whose records have owners.
fn owned() -> Vec<RegisteredTable> {
    let mut tables = registered_tables();
    tables.retain(|table| table.fields().contains(&"owner_id"));
    assert_eq!(tables.len(), LEVELS.len());
    tables
}

/// The example without what refers to others.
fn plain(table: &RegisteredTable, number: u32) -> Value {
    let mut new = table.example(number);
    let fields = new.as_object_mut().expect("an object");
    for reference in table.references {
        fields.remove(reference.field.split("[]").next().expect("a name"));
    }
    new
}

fn ids(page: &Value) -> Vec<Uuid> {
    page["data"].as_array().expect("rows").iter().map(id_of).collect()
}

fn all() -> Operation {
    Operation::List(vec![("limit".to_owned(), "200".to_owned())])
}
