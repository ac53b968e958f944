//! The rows of an import that were refused.

use serde_json::Value;
use tokio_postgres::{Error as PgError, Row};

use super::state::{Does, GET, State, bigint};
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::Result;
use crate::model::{Id, Import, ImportReport, Permission, ReportedRow, SheetFormat};
use crate::sheet::SheetWriter;
use crate::tenant::TenantScope;

/// The most rows of a page.
const ROWS: i64 = 500;

/// `$2` import, `$3` the row before these, `$4` how many.
const REPORT: &str = "select number, outcome, key, record_id, errors from nexo.import_rows
     where account_id = $1 and import_id = $2 and number > $3 and outcome in ('failed', 'kept')
     order by number limit $4";

pub(super) async fn page(
    database: &Database,
    scope: &TenantScope,
    id: Id<Import>,
    after: u64,
) -> Result<ImportReport> {
    let after = bigint(after);
    let scoped = database.scoped_to_account(scope);
    let answered = scoped
        .run(
            Access::read(Permission::ImportRun),
            &[Call::new(GET, &[&id]), Call::new(REPORT, &[&id, &after, &ROWS])],
        )
        .await?;
    State::one(&answered[0])?.permitted(&scoped, Does::Tell).await?;
    let data = answered[1].iter().map(read).collect::<Result<Vec<_>, _>>().map_err(translate)?;
    let is_full = bigint(data.len() as u64) == ROWS;
    let next_after = data.last().filter(|_| is_full).map(|last| last.row);
    Ok(ImportReport { data, next_after })
}

/// The report on its way to a CSV file: a line for each thing that is wrong.
#[derive(Debug)]
pub struct ReportFile {
    database: Database,
    scope: TenantScope,
    id: Id<Import>,
    writer: SheetWriter,
    /// The page that was read and not yet written.
    page: Option<ImportReport>,
}

impl ReportFile {
    pub(super) async fn begin(
        database: Database,
        scope: TenantScope,
        id: Id<Import>,
    ) -> Result<Self> {
        let mut writer = SheetWriter::new(SheetFormat::Csv, "report");
        let heading = ["row", "outcome", "key", "record_id", "field", "code", "message"];
        writer.row(heading.map(Value::from))?;
        let page = Some(page(&database, &scope, id, 0).await?);
        Ok(Self { database, scope, id, writer, page })
    }

    /// The next piece of the file; `None` after the last.
    ///
    /// # Errors
    /// When the session has ended, the import was deleted, or the database is
    /// away; what was written is then no whole file.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(page) = self.page.take() else { return Ok(None) };
        for row in &page.data {
            for error in &row.errors {
                self.writer.row([
                    row.row.into(),
                    row.outcome.as_str().into(),
                    row.key.clone().into(),
                    row.record_id.map(|id| id.to_string()).into(),
                    error.field.clone().into(),
                    error.code.as_str().into(),
                    error.message.as_ref().into(),
                ])?;
            }
        }
        if let Some(after) = page.next_after {
            self.page = Some(self::page(&self.database, &self.scope, self.id, after).await?);
        }
        Ok(Some(self.writer.take()))
    }
}

fn read(row: &Row) -> Result<ReportedRow, PgError> {
    let number: i64 = row.try_get(0)?;
    let errors: Option<Value> = row.try_get(4)?;
    Ok(ReportedRow {
        row: number.try_into().unwrap_or_default(),
        outcome: row.try_get(1)?,
        key: row.try_get(2)?,
        record_id: row.try_get(3)?,
        errors: errors.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default(),
    })
}
