//! Imports: records from files, in small steps that survive a crash.
//!
//! A file arrives in pieces, is checked as a whole, and only then imported,
//! some hundreds of rows in a transaction that also moves the import's
//! position. An import goes on while somebody asks for it
//! ([`Importer::advance`]), in any process: there is nothing to restart.

mod check;
mod columns;
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

use crate::sheet::CsvReader;

/// Where something is in a file: rows are counted from 1, the heading, and so
/// are columns.
fn place(row: u64, column: usize) -> String {
    format!("row {row}, column {}", column + 1)
}

/// Whether a row has nothing in it.
fn is_blank(reader: &CsvReader) -> bool {
    reader.cells().all(|cell| cell.trim().is_empty())
}
