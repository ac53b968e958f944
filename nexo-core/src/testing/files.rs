//! Files in and out, as tests of every table use them.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::{Duplicates, ListParams, NewImport, SheetFormat};
use crate::repo::Table;
use crate::sheet::{CsvReader, SheetWriter, Step};
use crate::{Database, TenantScope};

/// Imports the records from a file, as whoever has a spreadsheet of them would;
/// fails with what is wrong with the first row that is refused.
pub(super) async fn import<T: Table>(
    database: &Database,
    scope: &TenantScope,
    records: &[Value],
    duplicates: Duplicates,
) -> Result<Value> {
    let importer = database.importer();
    let file = file(records)?;
    let new = NewImport { duplicates, ..NewImport::csv(T::COLLECTION, file.len() as u64) };
    let id = importer.create(scope, &new, None).await?.into_inner().id;
    importer.write(scope, id, 0, &file).await?;
    let import = loop {
        let import = importer.advance(scope, id).await?;
        if import.status.is_final() {
            break import;
        }
    };
    match importer.report(scope, id, 0).await?.data.into_iter().next() {
        Some(refused) => Err(Error::invalid(refused.errors)),
        None => Ok(serde_json::to_value(&import).expect("wire types always serialise")),
    }
}

fn file(records: &[Value]) -> Result<Vec<u8>> {
    let mut fields: Vec<&String> =
        records.iter().filter_map(Value::as_object).flat_map(|record| record.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let mut writer = SheetWriter::new(SheetFormat::Csv, "records");
    writer.row(fields.iter().map(|name| Value::from(name.as_str())))?;
    for record in records {
        writer.row(fields.iter().map(|name| record[name.as_str()].clone()))?;
    }
    writer.finish()
}

/// Exports a list as a file and reads it again: an object for each row.
pub(super) async fn export<T: Table>(
    database: &Database,
    scope: &TenantScope,
    params: ListParams<T>,
) -> Result<Value> {
    let repository = database.repository::<T>();
    let mut export = repository.export(scope, params, SheetFormat::Csv, &[]).await?;
    let mut file = Vec::new();
    while let Some(piece) = export.next().await? {
        file.extend(piece);
    }
    let (mut reader, mut at, mut rows) = (CsvReader::new(b','), 0, Vec::new());
    while let Ok(Step::Record(length)) = reader.read(&file[at..], true) {
        at += length;
        let cells = T::FIELDS.iter().zip(reader.cells());
        rows.push(cells.map(|(field, cell)| ((*field).to_owned(), Value::from(cell))).collect());
    }
    assert_eq!(file[at..].trim_ascii(), b"", "the whole file can be read");
    Ok(Value::Array(rows.split_off(1)))
}
