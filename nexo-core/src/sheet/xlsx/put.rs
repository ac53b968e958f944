//! Rows and names as the XML of a sheet, so that they are read again as they are.

use std::io::{self, Error, ErrorKind, Write};

use super::value::unit;

/// UTF-16 units that a cell can have. The format knows no bound, but Excel calls
/// a file with longer text damaged and cuts it. Rather than that anyone loses
/// data unseen, such a cell is refused, for CSV to take.
const MAX_TEXT: usize = 32_767;
/// Digits of a number that spreadsheets keep; with more it is written as text.
const MAX_DIGITS: usize = 15;

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XlsxCell<'a> {
    /// Text; without any it is an empty cell.
    Text(&'a str),
    /// A number as JSON has it.
    Number(&'a str),
}

/// Appends a row, or what is written of it before a cell that is too long.
pub(crate) fn put_row<'a>(
    line: &mut Vec<u8>,
    number: u32,
    cells: impl IntoIterator<Item = XlsxCell<'a>>,
) -> io::Result<()> {
    write!(line, r#"<row r="{number}">"#)?;
    for (at, cell) in cells.into_iter().enumerate() {
        match cell {
            XlsxCell::Text("") => {}
            XlsxCell::Number(text) if is_kept(text) => {
                put_reference(line, at, number)?;
                write!(line, "\"><v>{text}</v></c>")?;
            }
            XlsxCell::Number(text) | XlsxCell::Text(text) => {
                if text.len() > MAX_TEXT && text.encode_utf16().count() > MAX_TEXT {
                    let message = format!(
                        "the cell in column {} is longer than the {MAX_TEXT} characters that a spreadsheet can hold",
                        at + 1
                    );
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                put_reference(line, at, number)?;
                line.extend_from_slice(br#"" t="inlineStr"><is><t xml:space="preserve">"#);
                put_text(line, text)?;
                line.extend_from_slice(b"</t></is></c>");
            }
        }
    }
    line.extend_from_slice(b"</row>");
    Ok(())
}

/// Begins a cell with where it is: not all readers count for themselves.
fn put_reference(line: &mut Vec<u8>, column: usize, row: u32) -> io::Result<()> {
    line.extend_from_slice(br#"<c r=""#);
    let (mut letters, mut rest) = (Vec::new(), column + 1);
    while rest > 0 {
        letters.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    line.extend(letters.iter().rev());
    write!(line, "{row}")
}

/// Whether a spreadsheet, which knows floating-point numbers only, keeps a
/// number as it is.
fn is_kept(text: &str) -> bool {
    let number = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = number.trim_start_matches(['-', '0', '.']).bytes();
    let digits = digits.filter(u8::is_ascii_digit).count();
    let parsed = text.parse().ok();
    digits <= MAX_DIGITS
        && parsed.is_some_and(|it: f64| it.is_finite() && (it != 0.0 || digits == 0))
}

/// Writes text so that it is read again as it is. XML cannot hold most control
/// characters, so they are written as `_xHHHH_`, and text that looks like that
/// already has its first character written so. A CR could stand for itself only
/// as a reference, or else be read as an LF.
fn put_text(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let (with, length) = match byte {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'\r' => ("&#13;", 1),
            b'\t' | b'\n' => continue,
            b'_' if unit(&text[at..]).is_some() => ("_x005F_", 1),
            0..b' ' => ("", 1),
            0xEF if text[at..].starts_with('\u{FFFE}') => ("_xFFFE_", 3),
            0xEF if text[at..].starts_with('\u{FFFF}') => ("_xFFFF_", 3),
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[from..at]);
        if with.is_empty() {
            write!(out, "_x{byte:04X}_")?;
        }
        out.extend_from_slice(with.as_bytes());
        from = at + length;
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
    Ok(())
}

/// A name that a sheet can have: of 31 UTF-16 units at most, and without what
/// separates it in formulas.
pub(crate) fn sheet_name(name: &str, at: usize) -> String {
    let number = if at == 1 { String::new() } else { format!(" {at}") };
    let allowed = |char: &char| !char.is_control() && !matches!(char, '\u{FFFE}' | '\u{FFFF}');
    let clean = |char| if "[]:*?/\\".contains(char) { '_' } else { char };
    let mut left = 31 - number.len();
    let fits = |char: &char| {
        let fits = char.len_utf16() <= left;
        left = if fits { left - char.len_utf16() } else { 0 };
        fits
    };
    let name = name.trim().trim_matches('\'');
    let name: String = name.chars().filter(allowed).map(clean).take_while(fits).collect();
    let name = name.trim_end_matches([' ', '\'']);
    // Excel keeps one name for itself.
    match name {
        "" => format!("Sheet{number}"),
        _ if name.eq_ignore_ascii_case("history") => format!("{name}_{number}"),
        _ => format!("{name}{number}"),
    }
}

pub(crate) fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
