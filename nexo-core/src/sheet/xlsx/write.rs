//! XLSX out: rows into a zip that is taken piece by piece while it is written,
//! in constant memory however many there are.

use std::cell::RefCell;
use std::io::{self, Write};

use zip::ZipWriter;
use zip::write::{SimpleFileOptions, StreamWriter};

use super::put::{XlsxCell, attribute, put_row, sheet_name};

/// Rows that a sheet can have.
const MAX_ROWS: u32 = 1_048_576;
/// Bytes of a sheet's part. Far below 4 GiB, so that no entry needs zip64, which
/// not all spreadsheets accept, and as much as is read again.
const MAX_BYTES: u64 = 1000 * 1024 * 1024;
/// A third of the time that the default takes, for half as large a file again.
const LEVEL: i64 = 1;
/// Bytes that are compressed together.
const CHUNK: usize = 64 * 1024;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const KINDS: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const PACKAGE: &str = "application/vnd.openxmlformats-package.relationships+xml";

/// Where the zip is written to, and taken from.
#[derive(Debug, Default)]
struct Sink(RefCell<Vec<u8>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a workbook.
#[derive(Debug)]
pub(crate) struct XlsxWriter {
    zip: ZipWriter<StreamWriter<Sink>>,
    name: String,
    sheets: usize,
    /// Rows and bytes of the present sheet.
    rows: u32,
    bytes: u64,
    /// The first row, as each sheet begins.
    header: Vec<u8>,
    line: Vec<u8>,
    pending: Vec<u8>,
    max_rows: u32,
}

impl XlsxWriter {
    /// Begins a workbook whose sheet has this name, as far as a sheet can.
    pub(crate) fn new(sheet: &str) -> Self {
        Self::of(sheet, MAX_ROWS)
    }

    /// With sheets of at most so many rows.
    pub(crate) fn of(sheet: &str, max_rows: u32) -> Self {
        Self {
            zip: ZipWriter::new_stream(Sink::default()),
            name: sheet.to_owned(),
            sheets: 0,
            rows: 0,
            bytes: 0,
            header: Vec::new(),
            line: Vec::new(),
            pending: Vec::new(),
            max_rows,
        }
    }

    /// Appends a row. When the sheet is full, the rows go on in a further one,
    /// below the first row again. A row with a cell that is too long is refused
    /// and not written.
    pub(crate) fn row<'a>(
        &mut self,
        cells: impl IntoIterator<Item = XlsxCell<'a>>,
    ) -> io::Result<()> {
        let full = self.rows == self.max_rows || self.bytes > MAX_BYTES;
        let number = if full { 2 } else { self.rows + 1 };
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let written = put_row(&mut line, number, cells);
        if written.is_ok() {
            if self.sheets == 0 {
                self.header.clone_from(&line);
                self.open_sheet()?;
            } else if full {
                self.close_sheet()?;
                self.open_sheet()?;
                let header = std::mem::take(&mut self.header);
                self.append(&header)?;
                self.header = header;
            }
            self.append(&line)?;
        }
        self.line = line;
        written
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.zip.get_ref().map(|sink| sink.get_ref().0.take()).unwrap_or_default()
    }

    /// Writes what makes the sheets a workbook, and gives the rest of it.
    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        if self.sheets == 0 {
            self.open_sheet()?;
        }
        self.close_sheet()?;
        let (mut sheets, mut relations, mut types) = (String::new(), String::new(), String::new());
        for at in 1..=self.sheets {
            let name = attribute(&sheet_name(&self.name, at));
            sheets += &format!(r#"<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>"#);
            relations += &format!(
                r#"<Relationship Id="rId{at}" Type="{DOCUMENT}/worksheet" Target="worksheets/sheet{at}.xml"/>"#
            );
            types += &format!(
                r#"<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType="{KINDS}.worksheet+xml"/>"#
            );
        }
        self.part(
            "xl/workbook.xml",
            &format!(
                r#"<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheets>{sheets}</sheets></workbook>"#
            ),
        )?;
        self.part(
            "xl/_rels/workbook.xml.rels",
            &format!(r#"<Relationships xmlns="{RELATIONS}">{relations}</Relationships>"#),
        )?;
        self.part(
            "_rels/.rels",
            &format!(
                r#"<Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" Type="{DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        )?;
        self.part(
            "[Content_Types].xml",
            &format!(
                r#"<Types xmlns="{TYPES}"><Default Extension="rels" ContentType="{PACKAGE}"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{KINDS}.sheet.main+xml"/>{types}</Types>"#
            ),
        )?;
        Ok(self.zip.finish()?.into_inner().0.into_inner())
    }

    fn open_sheet(&mut self) -> io::Result<()> {
        self.sheets += 1;
        (self.rows, self.bytes) = (0, 0);
        self.start(&format!("xl/worksheets/sheet{}.xml", self.sheets))?;
        write!(self.pending, r#"{DECLARATION}<worksheet xmlns="{MAIN}"><sheetData>"#)
    }

    fn close_sheet(&mut self) -> io::Result<()> {
        self.pending.extend_from_slice(b"</sheetData></worksheet>");
        self.zip.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.rows += 1;
        self.bytes += line.len() as u64;
        self.pending.extend_from_slice(line);
        if self.pending.len() >= CHUNK {
            self.zip.write_all(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    fn part(&mut self, name: &str, xml: &str) -> io::Result<()> {
        self.start(name)?;
        write!(self.zip, "{DECLARATION}{xml}")
    }

    fn start(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default().compression_level(Some(LEVEL));
        Ok(self.zip.start_file(name, options)?)
    }
}
