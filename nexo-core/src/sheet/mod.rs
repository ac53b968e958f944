//! Rows of text: what spreadsheets give and take. Nothing here knows a database.

mod cell;
mod csv_read;
mod csv_write;
mod row;
mod write;
mod xlsx;

pub(crate) use cell::reveal;
pub(crate) use csv_read::{BOM, CsvFault, CsvReader, MAX_RECORD, Step, detect_delimiter};
pub(crate) use csv_write::CsvWriter;
pub(crate) use row::{fields_of, read_row};
pub(crate) use write::SheetWriter;
pub(crate) use xlsx::{XlsxError, XlsxFault, XlsxLimits, read_xlsx};
