//! The isolation proof: everything that repositories can do, over every
//! registered table and three accounts. A table that is added later is in it
//! without another line; one that is not registered fails it.
//!
//! The suite is a function that gives what it found wrong, so that it can be
//! tried on databases that were broken on purpose.

mod foreign;
mod model;
mod policy;
mod random;
mod sabotage;

use nexo_core::testing::{RegisteredTable, Tenant, TestDatabase, registered_tables};
use nexo_core::{AuthConfig, Database, TenantScope};
use serde_json::Value;
use uuid::Uuid;

/// Accounts of the proof.
const ACCOUNTS: usize = 3;

/// What was tried, and what it found.
#[derive(Debug, Default)]
struct Findings {
    operations: usize,
    violations: Vec<String>,
}

impl Findings {
    /// Counts an operation, and keeps what it shows unless that is as promised.
    fn expect(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        self.operations += 1;
        if !holds {
            self.violations.push(violation());
        }
    }
}

/// Three accounts on one database.
struct World {
    test: TestDatabase,
    database: Database,
    tenants: Vec<TenantScope>,
    tables: Vec<RegisteredTable>,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let mut tenants = Vec::new();
        for _ in 0..ACCOUNTS {
            tenants.push(Tenant::register(&authenticator).await.scope);
        }
        Self { test, database, tenants, tables: registered_tables() }
    }

    /// Runs the suite.
    async fn findings(&self) -> Findings {
        let mut findings = Findings::default();
        policy::try_statements(self, &mut findings).await;
        foreign::try_ids(self, &mut findings).await;
        model::try_operations(self, 1, 1_500, &mut findings).await;
        findings
    }

    fn table(&self, name: &str) -> &RegisteredTable {
        self.tables.iter().find(|table| table.name == name).expect("references name tables")
    }
}

/// Puts an id where the reference stands: `client_id`, or `members[].employee_id`
/// for one in a list of objects.
fn refer(record: &mut Value, field: &str, id: Uuid) {
    match field.split_once("[].") {
        None => record[field] = id.to_string().into(),
        Some((list, field)) => record[list] = serde_json::json!([{ field: id }]),
    }
}

/// R1 to R19, R30, P1: over all registered tables nothing of one account is
/// seen, changed, referred to or noticed by another.
#[tokio::test]
async fn r30_every_repository_keeps_accounts_apart() {
    let world = World::create().await;
    let findings = world.findings().await;
    println!(
        "isolation: {} operations, {ACCOUNTS} accounts, {} tables, {} failures",
        findings.operations,
        world.tables.len(),
        findings.violations.len()
    );
    assert_eq!(findings.violations, Vec::<String>::new());
    assert!(findings.operations > 2_000, "{}", findings.operations);
}

/// Tables with rows of accounts that are no entity of their own.
const PARTS: &[&str] = &[
    "nexo.account_settings",
    "nexo.api_keys",
    "nexo.audit_log",
    "nexo.audit_seals",
    "nexo.idempotency_keys",
    "nexo.import_chunks",
    "nexo.import_rows",
    "nexo.imports",
    "nexo.invitations",
    "nexo.project_members",
    "nexo.role_parents",
    "nexo.roles",
];

/// What `nexo_app` can write is an entity that is registered, or a part of one.
#[tokio::test]
async fn every_table_is_registered() {
    let world = World::create().await;
    let written = "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
           and has_table_privilege('nexo_app', c.oid, 'insert')";
    for row in world.test.superuser().await.query(written, &[]).await.expect("tables") {
        let name: &str = row.get(0);
        let known = world.tables.iter().any(|table| table.name == name) || PARTS.contains(&name);
        assert!(known, "{name} is in no registry: add it to nexo-core/src/repo/mod.rs");
    }
}

/// What refers to an entity is known, so that a refused deletion can name it.
#[tokio::test]
async fn every_foreign_key_is_a_known_reference() {
    let world = World::create().await;
    let keys = "select conname::text, conrelid::regclass::text, confrelid::regclass::text
         from pg_constraint
         where contype = 'f' and connamespace = 'nexo'::regnamespace";
    for row in world.test.superuser().await.query(keys, &[]).await.expect("keys") {
        let (name, from, to): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        if !world.tables.iter().any(|table| table.name == to)
            || name.contains("_project_id_fkey") && PARTS.contains(&from)
        {
            continue;
        }
        let references = world.tables.iter().flat_map(|table| table.references);
        let known = references
            .filter(|reference| reference.target == to && reference.count.contains(from))
            .any(|reference| {
                let field = reference.field.rsplit("[].").next().unwrap_or_default();
                name.ends_with(&format!("_{field}_fkey"))
            });
        assert!(known, "{name} ({from} → {to}) is no Reference of a table");
    }
}

/// `fields=` and exports name what a record has, no more and no less.
#[tokio::test]
async fn fields_are_those_of_a_record() {
    let world = World::create().await;
    for table in &world.tables {
        let record = table.create_example(&world.database, &world.tenants[0], 1).await;
        let mut keys: Vec<&str> =
            record.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut fields = table.fields().to_vec();
        keys.sort_unstable();
        fields.sort_unstable();
        assert_eq!(keys, fields, "{}", table.name);
    }
}
