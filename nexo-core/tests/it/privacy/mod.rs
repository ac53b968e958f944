//! What is known of a person is told, and forgotten wherever it is kept.

mod chain;
mod persons;
mod users;

use nexo_core::model::{AuditEntry, AuditParams, MAX_PIECE, NewImport};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::tokio_postgres::Client as Connection;
use nexo_core::{AuthConfig, Authenticator, Database, TenantScope, Verified};

/// What stands in every text of a person, and nowhere else.
const MARK: &str = "qzmarker";

struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    owner: Tenant,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&authenticator).await;
        Self { test, database, authenticator, owner }
    }

    fn scope(&self) -> &TenantScope {
        &self.owner.scope
    }

    async fn execute(&self, sql: &str) {
        let superuser = self.test.superuser().await;
        superuser.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The tables that have this text anywhere in a row, and how many rows.
    async fn found(&self, text: &str) -> Vec<String> {
        let superuser = self.test.superuser().await;
        let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut found = Vec::new();
        for table in tables(&superuser).await {
            let count = format!(
                "select count(*) from {table} as t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0"
            );
            let rows: i64 =
                superuser.query_one(&count, &[&text, &bytes]).await.expect("searched").get(0);
            if rows > 0 {
                found.push(format!("{table}: {rows}"));
            }
        }
        found
    }

    /// Seals all that is there, when no transaction of another test holds it back.
    async fn seal(&self, scope: &TenantScope) {
        let superuser = self.test.superuser().await;
        let ready =
            "select coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
             from nexo.audit_log";
        while !superuser.query_one(ready, &[]).await.expect("asked").get::<_, bool>(0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.database.seal_audit_log(scope.account_id()).await.expect("sealed");
    }

    async fn verify(&self, scope: &TenantScope) -> Verified {
        self.database.audit().verify(scope, &[]).await.expect("verified")
    }

    async fn log(&self, scope: &TenantScope, params: &AuditParams) -> Vec<AuditEntry> {
        self.database.audit().list(scope, params).await.expect("read").data
    }

    async fn import(&self, new: NewImport, file: &str) {
        let importer = self.database.importer();
        let new = NewImport { size: file.len() as u64, ..new };
        let id = importer.create(self.scope(), &new, None).await.expect("begins").into_inner().id;
        for piece in file.as_bytes().chunks(MAX_PIECE) {
            importer.write(self.scope(), id, 0, piece).await.expect("arrives");
        }
        while !importer.advance(self.scope(), id).await.expect("goes on").status.is_final() {}
    }
}

async fn tables(superuser: &Connection) -> Vec<String> {
    let tables = "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'm')";
    let rows = superuser.query(tables, &[]).await.expect("tables");
    rows.iter().map(|row| row.get(0)).collect()
}
