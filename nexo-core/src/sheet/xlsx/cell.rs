//! The cells of a row, from what the sheet says of each to its text.

use std::io::Read;

use quick_xml::events::{BytesStart, Event};

use super::book::Strings;
use super::read::{XlsxFault, XlsxLimits};
use super::value::{Format, add_number, unescape};
use super::xml::{Xml, XmlFault};

/// Capacity that a cell keeps for the next row.
const KEPT: usize = 4096;

/// The row that is being read.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) column: usize,
    /// How many of the cells are this row's.
    pub(crate) used: usize,
    pub(crate) bytes: usize,
    pub(crate) cells: Vec<String>,
}

impl Line {
    /// Puts text into the current column.
    pub(crate) fn put(&mut self, text: &str, limits: &XlsxLimits) -> Result<(), XlsxFault> {
        let (row, column) = (self.number, self.column);
        if text.is_empty() {
            return Ok(());
        }
        if column >= limits.columns {
            return Err(XlsxFault::TooManyColumns { row });
        }
        self.bytes += text.len();
        if text.len() > limits.cell || self.bytes > limits.row {
            return Err(XlsxFault::TooLong { row, column });
        }
        self.used = self.used.max(column + 1);
        if self.cells.len() < self.used {
            self.cells.resize_with(self.used, String::new);
        }
        let cell = &mut self.cells[column];
        cell.clear();
        cell.push_str(text);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        for cell in &mut self.cells[..self.used] {
            cell.clear();
            cell.shrink_to(KEPT);
        }
        (self.column, self.used, self.bytes) = (0, 0, 0);
    }

    pub(crate) fn fault(&self, fault: XmlFault) -> XlsxFault {
        match fault {
            XmlFault::TooLong if self.number > 0 => {
                XlsxFault::TooLong { row: self.number, column: self.column }
            }
            XmlFault::TooLarge | XmlFault::TooLong => XlsxFault::TooLarge,
            XmlFault::Broken => XlsxFault::Broken { row: Some(self.number).filter(|&it| it > 0) },
        }
    }
}

/// What a cell says of itself before its value.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) column: usize,
    kind: Kind,
    style: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Shared,
    Inline,
    Formula,
    Boolean,
    Number,
    /// Errors, dates in text, and what is unknown.
    Verbatim,
}

impl Head {
    pub(crate) fn of(element: &BytesStart<'_>, line: &Line) -> Result<Self, XlsxFault> {
        let broken = XlsxFault::Broken { row: Some(line.number) };
        let mut head = Self { column: line.column, kind: Kind::Number, style: 0 };
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| broken)?;
            match attribute.key.as_ref() {
                "r" => head.column = column_of(&attribute.value).ok_or(broken)?,
                "s" => head.style = attribute.value.parse().unwrap_or_default(),
                "t" => {
                    head.kind = match attribute.value.as_ref() {
                        "s" => Kind::Shared,
                        "inlineStr" => Kind::Inline,
                        "str" => Kind::Formula,
                        "b" => Kind::Boolean,
                        "n" => Kind::Number,
                        _ => Kind::Verbatim,
                    }
                }
                _ => {}
            }
        }
        Ok(head)
    }
}

/// The column of a reference such as `AB12`, counted from 0.
fn column_of(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let column = letters.into_iter().try_fold(0_usize, |column, letter| {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column.checked_mul(26)?.checked_add(digit)
    });
    column?.checked_sub(1)
}

/// What cells refer to.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) strings: &'a Strings,
    pub(crate) formats: &'a [Format],
    pub(crate) since_1904: bool,
    pub(crate) limits: &'a XlsxLimits,
}

impl Context<'_> {
    /// Reads the cell that has just begun into the row.
    pub(crate) fn read<R: Read>(
        &self,
        xml: &mut Xml<R>,
        head: &Head,
        line: &mut Line,
    ) -> Result<(), XlsxFault> {
        let (mut value, mut inline) = (String::new(), String::new());
        loop {
            enum Part {
                Value,
                Inline,
                Other,
            }
            let part = match xml.next().map_err(|fault| line.fault(fault))? {
                Event::Start(it) => match it.local_name().as_ref() {
                    "v" => {
                        // A second value is none that spreadsheets write.
                        value.clear();
                        Part::Value
                    }
                    "is" => {
                        inline.clear();
                        Part::Inline
                    }
                    _ => Part::Other,
                },
                Event::End(_) => break,
                _ => continue,
            };
            let read = match part {
                Part::Value => xml.text(&mut value, self.limits.cell),
                Part::Inline => xml.string(&mut inline, self.limits.cell),
                Part::Other => xml.skip(),
            };
            read.map_err(|fault| line.fault(fault))?;
        }
        self.put(head, &value, &inline, line)
    }

    fn put(
        &self,
        head: &Head,
        value: &str,
        inline: &str,
        line: &mut Line,
    ) -> Result<(), XlsxFault> {
        match head.kind {
            Kind::Inline => line.put(inline, self.limits),
            _ if value.is_empty() => Ok(()),
            Kind::Shared => {
                let shared = value.trim().parse().ok().and_then(|at| self.strings.get(at));
                let broken = XlsxFault::Broken { row: Some(line.number) };
                line.put(shared.ok_or(broken)?, self.limits)
            }
            Kind::Formula => line.put(&unescape(value), self.limits),
            Kind::Boolean => match value.trim() {
                "1" => line.put("true", self.limits),
                "0" => line.put("false", self.limits),
                other => line.put(other, self.limits),
            },
            Kind::Verbatim => line.put(value, self.limits),
            Kind::Number => {
                let format = self.formats.get(head.style).copied().unwrap_or_default();
                let mut shown = String::new();
                add_number(&mut shown, value, format, self.since_1904);
                line.put(&shown, self.limits)
            }
        }
    }
}
