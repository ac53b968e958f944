//! Lists as files.

use std::fmt;

use serde_json::Value;

use super::list::unknown;
use super::operations::page_of;
use super::table::Table;
use crate::db::Database;
use crate::error::{Error, Result};
use crate::model::{CountMode, ErrorCode, ListParams, Page, SheetFormat};
use crate::sheet::SheetWriter;
use crate::tenant::TenantScope;

/// Rows of one round trip, and of one piece of the file. A row may have tens of
/// kilobytes.
const ROWS: u16 = 100;

/// A list on its way to a file.
///
/// It is read in pages, each in a transaction of its own: like any list it
/// neither misses nor repeats a row because of what is created meanwhile.
/// Cells that a spreadsheet could run as a formula begin with an apostrophe,
/// which an import takes away again.
pub struct Export<T: Table> {
    database: Database,
    scope: TenantScope,
    params: ListParams<T>,
    fields: Vec<&'static str>,
    /// The first page, which is read before there is a file.
    first: Option<Page<T>>,
    /// `None` when the file is complete.
    writer: Option<SheetWriter>,
}

impl<T: Table> Export<T> {
    pub(super) async fn begin(
        database: Database,
        scope: TenantScope,
        params: ListParams<T>,
        format: SheetFormat,
        fields: &[String],
    ) -> Result<Self> {
        let list_only = [
            ("limit", params.limit.is_some()),
            ("cursor", params.cursor.is_some()),
            ("count", params.count != CountMode::None),
            ("expand", !params.expand.is_empty()),
        ];
        if let Some((name, _)) = list_only.iter().find(|(_, given)| *given) {
            let detail = format!("an export has all rows and nothing else: it takes no {name}");
            return Err(Error::new(ErrorCode::InvalidQuery, detail));
        }
        let fields = chosen::<T>(fields)?;
        let mut writer = SheetWriter::new(format, T::COLLECTION);
        writer.row(fields.iter().map(|name| Value::from(*name)))?;
        // What is wrong with the list is told before a file begins.
        let first = Some(read(&database, &scope, &params).await?);
        Ok(Self { database, scope, params, fields, first, writer: Some(writer) })
    }

    /// The next piece of the file; `None` after the last.
    ///
    /// # Errors
    /// When the session has ended or the database is away; what was written is
    /// then no whole file.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let page = match self.first.take() {
            Some(first) => first,
            None => read(&self.database, &self.scope, &self.params).await?,
        };
        for record in page.data {
            let Value::Object(mut record) =
                serde_json::to_value(&record).expect("wire types always serialise")
            else {
                continue;
            };
            writer.row(self.fields.iter().map(|name| record.remove(*name).unwrap_or_default()))?;
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

async fn read<T: Table>(
    database: &Database,
    scope: &TenantScope,
    params: &ListParams<T>,
) -> Result<Page<T>> {
    page_of(&database.scoped(scope), params, ROWS).await
}

/// The fields of the file, in the order that was asked for.
fn chosen<T: Table>(names: &[String]) -> Result<Vec<&'static str>> {
    if names.is_empty() {
        return Ok(T::FIELDS.to_vec());
    }
    let find = |name: &String| {
        let field = T::FIELDS.iter().find(|field| *field == name).copied();
        field.ok_or_else(|| unknown("fields", name, T::FIELDS, ""))
    };
    let fields: Vec<&'static str> = names.iter().map(find).collect::<Result<_>>()?;
    if let Some(twice) = (1..fields.len()).find(|at| fields[..*at].contains(&fields[*at])) {
        let detail = format!("fields names {} twice", fields[twice]);
        return Err(Error::new(ErrorCode::InvalidQuery, detail));
    }
    Ok(fields)
}

impl<T: Table> fmt::Debug for Export<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("collection", &T::COLLECTION).finish_non_exhaustive()
    }
}
