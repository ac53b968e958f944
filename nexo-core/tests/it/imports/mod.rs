//! Imports: files become records, row by row.

mod files;
mod permitted;
mod resume;
mod rows;
mod undo;

use nexo_core::model::{
    Client, Id, Import, ImportReport, ListParams, MAX_PIECE, NewClient, NewImport,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator, Database, Error, Importer, Repository, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    authenticator: Authenticator,
    scope: TenantScope,
    importer: Importer,
    clients: Repository<Client>,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let scope = Tenant::register(&authenticator).await.scope;
        let (importer, clients) = (database.importer(), database.repository());
        Self { test, database, authenticator, scope, importer, clients }
    }

    /// An import whose file has arrived.
    async fn upload(&self, mut new: NewImport, file: &[u8]) -> Id<Import> {
        new.size = file.len() as u64;
        let created = self.importer.create(&self.scope, &new, None).await.expect("it begins");
        let (id, mut sent) = (created.into_inner().id, 0);
        for piece in file.chunks(MAX_PIECE) {
            self.importer.write(&self.scope, id, sent, piece).await.expect("it arrives");
            sent += piece.len() as u64;
        }
        id
    }

    async fn finish(&self, id: Id<Import>) -> Result<Import, Error> {
        loop {
            let import = self.importer.advance(&self.scope, id).await?;
            if import.status.is_final() {
                return Ok(import);
            }
        }
    }

    async fn import(&self, new: NewImport, text: &str) -> Result<Import, Error> {
        let id = self.upload(new, text.as_bytes()).await;
        self.finish(id).await
    }

    async fn report(&self, id: Id<Import>) -> ImportReport {
        self.importer.report(&self.scope, id, 0).await.expect("a report")
    }

    /// What the report says, a line each.
    async fn told(&self, id: Id<Import>) -> Vec<String> {
        let line = |row: nexo_core::model::ReportedRow| {
            let errors: Vec<String> =
                row.errors.iter().map(|it| format!("{} {}", it.field, it.message)).collect();
            format!("{} {}: {}", row.row, row.outcome, errors.join("; "))
        };
        self.report(id).await.data.into_iter().map(line).collect()
    }

    async fn client(&self, name: &str) -> Option<Client> {
        let all = self.all().await;
        all.into_iter().find(|client| client.name == name)
    }

    async fn all(&self) -> Vec<Client> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let params = ListParams { limit: Some(200), cursor, ..ListParams::default() };
            let page = self.clients.list(&self.scope, &params).await.expect("listed");
            all.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return all;
            }
        }
    }
}

fn clients() -> NewImport {
    NewImport::csv("clients", 1)
}

/// Processed, created, changed, skipped, failed.
fn counts(import: &Import) -> [u64; 5] {
    [import.processed, import.created, import.changed, import.skipped, import.failed]
}

fn with_key(name: &str, key: &str) -> NewClient {
    NewClient { external_id: Some(key.to_owned()), ..NewClient::named(name) }
}
