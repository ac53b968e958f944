//! XLSX in: the rows of a workbook's first sheet as text, in bounded memory
//! whatever the file claims or unpacks to.

use quick_xml::events::Event;

use super::book::Book;
use super::cell::{Context, Head, Line};
use super::xml::{XmlFault, attribute};

/// What a workbook may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct XlsxLimits {
    /// Entries of the zip.
    pub(crate) parts: usize,
    /// Bytes of all parts that are unpacked but the sheet, together.
    pub(crate) unpacked: u64,
    /// Bytes of the sheet, and again of the text of its rows.
    pub(crate) sheet: u64,
    pub(crate) rows: u32,
    pub(crate) columns: usize,
    /// Bytes of a cell's text.
    pub(crate) cell: usize,
    /// Bytes of a row's text.
    pub(crate) row: usize,
}

impl XlsxLimits {
    pub(crate) const DEFAULT: Self = Self {
        parts: 1_000,
        unpacked: 128 * 1024 * 1024,
        sheet: 1024 * 1024 * 1024,
        rows: 1_048_576,
        columns: 1_000,
        cell: 1024 * 1024,
        row: 4 * 1024 * 1024,
    };
}

/// Why a workbook cannot be read. Rows are counted from 1, columns from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XlsxFault {
    #[error("the file is no .xlsx workbook")]
    NotXlsx,
    #[error("the file is an old .xls workbook: save it as .xlsx")]
    OldXls,
    #[error("the workbook is protected by a password: save it without one")]
    Encrypted,
    #[error("the file is a zip, but no .xlsx workbook with a sheet of cells")]
    NotWorkbook,
    #[error("the workbook is damaged or incomplete")]
    Broken { row: Option<u32> },
    #[error("the workbook is too large when it is unpacked")]
    TooLarge,
    #[error("the workbook has too many parts")]
    TooManyParts,
    #[error("the sheet has too many rows")]
    TooManyRows { row: u32 },
    #[error("the row has too many columns")]
    TooManyColumns { row: u32 },
    #[error("the cell or its row is too long")]
    TooLong { row: u32, column: usize },
}

impl XlsxFault {
    /// The row that is at fault, if it is one.
    pub(crate) fn row(self) -> Option<u32> {
        match self {
            Self::Broken { row } => row,
            Self::TooManyRows { row }
            | Self::TooManyColumns { row }
            | Self::TooLong { row, .. } => Some(row),
            _ => None,
        }
    }

    /// The column that is at fault, if it is one.
    pub(crate) fn column(self) -> Option<usize> {
        if let Self::TooLong { column, .. } = self { Some(column) } else { None }
    }
}

impl From<XmlFault> for XlsxFault {
    fn from(fault: XmlFault) -> Self {
        match fault {
            XmlFault::TooLarge | XmlFault::TooLong => Self::TooLarge,
            XmlFault::Broken => Self::Broken { row: None },
        }
    }
}

/// Why reading ended early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum XlsxError<E> {
    Fault(XlsxFault),
    /// Whoever got the row did not want to go on.
    Row(E),
}

impl<E, F: Into<XlsxFault>> From<F> for XlsxError<E> {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// Reads the first sheet that is shown. The n-th call of `row` gets row n, up to
/// its last cell that is not empty; blank rows at the end are left out.
pub(crate) fn read_xlsx<E>(
    file: &[u8],
    limits: &XlsxLimits,
    mut row: impl FnMut(&[String]) -> Result<(), E>,
) -> Result<(), XlsxError<E>> {
    let mut book = Book::open(file, limits)?;
    let since_1904 = book.since_1904;
    let (mut xml, strings, formats) = book.sheet(limits.sheet)?;
    let context = Context { strings, formats, since_1904, limits };
    let mut line = Line::default();
    let (mut given, mut text, mut in_data) = (0, 0, false);
    loop {
        let event = xml.next().map_err(|fault| line.fault(fault))?;
        match event {
            Event::Start(it) => match it.local_name().as_ref() {
                "sheetData" => in_data = true,
                "row" if in_data => {
                    let number = attribute(&it, "r")?.map(|number| number.parse().ok());
                    let number = number.unwrap_or_else(|| line.number.checked_add(1));
                    line.number = number.ok_or(XlsxFault::Broken { row: None })?;
                }
                "c" if in_data => {
                    let cell = Head::of(&it, &line)?;
                    line.column = cell.column;
                    context.read(&mut xml, &cell, &mut line)?;
                    line.column += 1;
                }
                _ => {}
            },
            Event::End(it) => match it.local_name().as_ref() {
                "row" if in_data => {
                    let number = line.number;
                    text += line.bytes as u64;
                    if line.used > 0 {
                        if number > limits.rows {
                            Err(XlsxFault::TooManyRows { row: number })?;
                        }
                        // Rows out of their order could not be given in it.
                        if number <= given {
                            Err(XlsxFault::Broken { row: Some(number) })?;
                        }
                        if text > limits.sheet {
                            Err(XlsxFault::TooLarge)?;
                        }
                        for _ in given + 1..number {
                            row(&[]).map_err(XlsxError::Row)?;
                        }
                        row(&line.cells[..line.used]).map_err(XlsxError::Row)?;
                        given = number;
                    }
                    line.clear();
                }
                "sheetData" => in_data = false,
                _ => {}
            },
            // Only here is it known that nothing of the part was damaged.
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}
