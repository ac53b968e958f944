//! Imports: records from files, in small steps that survive a crash.
//!
//! A file arrives in pieces, is checked as a whole, and only then imported,
//! some hundreds of rows in a transaction that also moves the import's
//! position. An import goes on while somebody asks for it
//! ([`Importer::advance`]), in any process: there is nothing to restart.

mod check;
mod columns;
mod forget;
mod importer;
mod importing;
mod report;
mod rows;
mod source;
mod state;
mod step;
mod undo;
mod upload;
mod workbook;

pub use importer::Importer;
pub use report::ReportFile;

pub(crate) use importing::Importing;

use std::time::Duration;

use crate::sheet::CsvReader;

/// How long one call works before it tells how far it is.
const SLICE: Duration = Duration::from_secs(2);
/// How long to wait for what somebody else is doing.
const PAUSE: Duration = Duration::from_millis(50);

/// Where something is in a file: rows are counted from 1, the heading, and so
/// are columns.
fn place(row: u64, column: usize) -> String {
    format!("row {row}, column {}", column + 1)
}

/// Whether a row has nothing in it.
fn is_blank(reader: &CsvReader) -> bool {
    reader.cells().all(|cell| cell.trim().is_empty())
}
