//! Rows out, in whichever format.

use std::borrow::Cow;
use std::io;

use serde_json::Value;

use super::cell::text_of;
use super::csv_write::CsvWriter;
use super::xlsx::{XlsxCell, XlsxWriter};
use crate::error::{Error, Result};
use crate::model::{ErrorCode, SheetFormat};

/// A file that is taken piece by piece while it is written.
#[derive(Debug)]
pub(crate) enum SheetWriter {
    Csv(CsvWriter),
    Xlsx(Box<XlsxWriter>),
}

impl SheetWriter {
    /// A file whose sheet has this name, if it can have one.
    pub(crate) fn new(format: SheetFormat, name: &str) -> Self {
        match format {
            SheetFormat::Csv => Self::Csv(CsvWriter::default()),
            SheetFormat::Xlsx => Self::Xlsx(Box::new(XlsxWriter::new(name))),
        }
    }

    /// Appends a row of fields.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Value>) -> Result<()> {
        let cells: Vec<Value> = cells.into_iter().collect();
        match self {
            Self::Csv(csv) => csv.row(cells.iter().map(text_of)),
            Self::Xlsx(xlsx) => {
                let texts: Vec<Cow<'_, str>> = cells.iter().map(text_of).collect();
                let cell = |(value, text): (&Value, _)| match value {
                    Value::Number(_) => XlsxCell::Number(text),
                    _ => XlsxCell::Text(text),
                };
                let texts = texts.iter().map(Cow::as_ref);
                xlsx.row(cells.iter().zip(texts).map(cell)).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Csv(csv) => csv.take(),
            Self::Xlsx(xlsx) => xlsx.take(),
        }
    }

    /// The last piece.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Csv(mut csv) => Ok(csv.take()),
            Self::Xlsx(xlsx) => xlsx.finish().map_err(refused),
        }
    }
}

/// Writing is to memory, so it can only be the row's own fault.
fn refused(error: io::Error) -> Error {
    let told = format!("{error}; export it as CSV");
    Error::new(ErrorCode::ValidationFailed, told).because(error)
}
