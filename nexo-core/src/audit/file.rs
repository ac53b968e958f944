//! The audit log as a file.

use std::fmt;

use serde_json::Value;

use super::AuditRepository;
use crate::error::{Error, Result};
use crate::model::{
    AuditAccesses, AuditEntry, AuditPage, AuditParams, ErrorCode, MAX_LIMIT, SheetFormat,
};
use crate::sheet::SheetWriter;
use crate::tenant::TenantScope;

const HEADING: [&str; 15] = [
    "at",
    "action",
    "subject",
    "record_id",
    "user_id",
    "user_name",
    "session_id",
    "key_id",
    "reason",
    "request_id",
    "ip",
    "user_agent",
    "before",
    "after",
    "erased_by",
];

/// Entries on their way to a file, the newest first. Cells that a spreadsheet
/// could run as a formula begin with an apostrophe.
pub struct AuditFile {
    audit: AuditRepository,
    scope: TenantScope,
    params: AuditParams,
    /// The first page, which is read before there is a file.
    first: Option<AuditPage>,
    /// `None` when the file is complete.
    writer: Option<SheetWriter>,
}

impl AuditRepository {
    /// All entries that are asked for, as a file.
    ///
    /// # Errors
    /// As [`list`](Self::list); `invalid_query` with a `limit` or a `cursor`.
    pub async fn export(
        &self,
        scope: &TenantScope,
        params: &AuditParams,
        format: SheetFormat,
    ) -> Result<AuditFile> {
        if params.limit.is_some() || params.cursor.is_some() {
            let told = "a file has all entries: it takes no limit and no cursor";
            return Err(Error::new(ErrorCode::InvalidQuery, told));
        }
        let params = AuditParams { limit: Some(MAX_LIMIT), ..params.clone() };
        let mut writer = SheetWriter::new(format, "audit");
        writer.row(HEADING.map(Value::from))?;
        // What is wrong with it is told before a file begins.
        let first = Some(self.list(scope, &params).await?);
        Ok(AuditFile {
            audit: self.clone(),
            scope: scope.clone(),
            params,
            first,
            writer: Some(writer),
        })
    }
}

impl AuditFile {
    /// The next piece of the file; `None` after the last.
    ///
    /// # Errors
    /// When the session has ended or the database is away; what was written is
    /// then no whole file.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let page = match self.first.take() {
            Some(first) => first,
            None => self.audit.list(&self.scope, &self.params).await?,
        };
        for entry in page.data {
            writer.row(cells(entry))?;
        }
        if page.next_cursor.is_none() {
            return writer.finish().map(Some);
        }
        self.params.cursor = page.next_cursor;
        let piece = writer.take();
        self.writer = Some(writer);
        Ok(Some(piece))
    }
}

fn cells(entry: AuditEntry) -> [Value; 15] {
    let id = |id: Option<String>| Value::from(id);
    let object = |fields: Option<_>| fields.map_or(Value::Null, Value::Object);
    [
        entry.at.to_string().into(),
        entry.action.as_str().into(),
        entry.subject.into(),
        id(entry.record_id.map(|it| it.to_string())),
        id(entry.user_id.map(|it| it.to_string())),
        entry.user_name.into(),
        id(entry.session_id.map(|it| it.to_string())),
        id(entry.key_id.map(|it| it.to_string())),
        entry.reason.into(),
        entry.request_id.into(),
        entry.ip.into(),
        entry.user_agent.into(),
        object(entry.before),
        object(entry.after),
        id(entry.erased_by.map(|it| it.to_string())),
    ]
}

impl AuditAccesses {
    /// The same as a file.
    ///
    /// # Errors
    /// `validation_failed` for what a workbook cannot hold.
    pub fn to_file(&self, format: SheetFormat) -> Result<Vec<u8>> {
        let mut writer = SheetWriter::new(format, "access");
        writer.row(
            ["user_id", "user_name", "key_id", "visibility", "since", "until"].map(Value::from),
        )?;
        for access in &self.data {
            writer.row([
                Value::from(access.user_id.map(|it| it.to_string())),
                access.user_name.clone().into(),
                access.key_id.map(|it| it.to_string()).into(),
                access.visibility.as_str().into(),
                access.since.map(|it| it.to_string()).into(),
                access.until.map(|it| it.to_string()).into(),
            ])?;
        }
        writer.finish()
    }
}

impl fmt::Debug for AuditFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditFile").field("params", &self.params).finish_non_exhaustive()
    }
}
