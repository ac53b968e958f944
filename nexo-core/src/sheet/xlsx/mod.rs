//! Workbooks, in and out.
//!
//! The reader keeps its bounds whatever a file claims or unpacks to: parts are
//! unpacked once, as far as they are needed, and nothing is reserved because the
//! file says so. The writer needs the memory of a row.

mod archive;
mod book;
mod cell;
mod put;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;
mod xml;

pub(crate) use put::XlsxCell;
pub(crate) use read::{XlsxError, XlsxFault, XlsxLimits, read_xlsx};
pub(crate) use write::XlsxWriter;
