//! CSV in, from pieces of a file: each call reads one record from its first
//! byte, so that reading can go on at any record after a crash.

use csv_core::{ReadRecordResult, Reader};

/// The longest record, in bytes.
pub(crate) const MAX_RECORD: usize = 1024 * 1024;
/// The most columns.
pub(crate) const MAX_COLUMNS: usize = 1_000;
/// As much of the file as must be there to know a record for too long: every
/// byte of it may have been written as two.
const ENOUGH: usize = 2 * MAX_RECORD + 4 * MAX_COLUMNS;

/// What was found at the beginning of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record of so many bytes; [`CsvReader::cells`] has it.
    Record(usize),
    /// Empty lines.
    Blank { bytes: usize, lines: u64 },
    /// Its end is not among these bytes.
    More,
    /// The end of the file.
    End,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CsvFault {
    /// Longer than allowed, in this column, counted from 0.
    TooLong { column: usize },
    /// A quote opens in this column and never closes.
    Unclosed { column: usize },
    /// More columns than allowed.
    TooManyColumns,
    /// The bytes of this column are no UTF-8.
    NotUtf8 { column: usize },
}

/// What some programs put before text in UTF-8.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads records, into memory that it keeps.
#[derive(Debug)]
pub(crate) struct CsvReader {
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
}

impl CsvReader {
    pub(crate) fn new(delimiter: u8) -> Self {
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Self { core, text: vec![0; 4096], ends: vec![0; 64], columns: 0 }
    }

    /// Reads the record at the beginning of `bytes`, which are the file's last
    /// if `last`.
    pub(crate) fn read(&mut self, bytes: &[u8], last: bool) -> Result<Step, CsvFault> {
        self.core.reset();
        if bytes.is_empty() {
            return Ok(if last { Step::End } else { Step::More });
        }
        let (blank, lines) = blank_lines(bytes, last);
        if blank > 0 {
            return Ok(Step::Blank { bytes: blank, lines });
        }
        let (mut read, mut written, mut columns) = (0, 0, 0);
        loop {
            let rest = &bytes[read..];
            // The end of the file ends its last line; inside of quotes a line
            // end is text, so what goes on after it was left open.
            let at_end = rest.is_empty();
            if at_end && !last {
                if bytes.len() > ENOUGH {
                    return Err(CsvFault::TooLong { column: columns });
                }
                return Ok(Step::More);
            }
            let input = if at_end { b"\n" } else { rest };
            let (result, consumed, wrote, ended) =
                self.core.read_record(input, &mut self.text[written..], &mut self.ends[columns..]);
            if !at_end {
                read += consumed;
            }
            written += wrote;
            columns += ended;
            match result {
                ReadRecordResult::Record => {
                    // A line may end with two bytes, which belong together.
                    if bytes[read - 1] == b'\r' {
                        match bytes.get(read) {
                            Some(b'\n') => read += 1,
                            None if !last => return Ok(Step::More),
                            _ => {}
                        }
                    }
                    self.columns = columns;
                    if written > MAX_RECORD {
                        return Err(CsvFault::TooLong { column: self.longest() });
                    }
                    return self.checked().map(|()| Step::Record(read));
                }
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(CsvFault::Unclosed { column: columns });
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() > MAX_RECORD => {
                    return Err(CsvFault::TooLong { column: columns });
                }
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() > MAX_COLUMNS => {
                    return Err(CsvFault::TooManyColumns);
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Ok(Step::End),
            }
        }
    }

    /// The cells of the record that was read.
    pub(crate) fn cells(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.columns).map(|column| {
            std::str::from_utf8(self.bytes(column)).expect("checked when the record was read")
        })
    }

    fn bytes(&self, column: usize) -> &[u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        &self.text[start..self.ends[column]]
    }

    fn checked(&self) -> Result<(), CsvFault> {
        let wrong = (0..self.columns).find(|&at| std::str::from_utf8(self.bytes(at)).is_err());
        wrong.map_or(Ok(()), |column| Err(CsvFault::NotUtf8 { column }))
    }

    fn longest(&self) -> usize {
        (0..self.columns).max_by_key(|&at| self.bytes(at).len()).unwrap_or_default()
    }
}

/// The empty lines at the beginning, as far as they are wholly there.
fn blank_lines(bytes: &[u8], last: bool) -> (usize, u64) {
    let (mut at, mut lines) = (0, 0);
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => at += 2,
            (Some(b'\r'), None) if !last => return (at, lines),
            (Some(b'\r' | b'\n'), _) => at += 1,
            _ => return (at, lines),
        }
        lines += 1;
    }
}

/// The separator of a file: whichever stands most often in its first line,
/// outside of quotes.
pub(crate) fn detect_delimiter(bytes: &[u8]) -> u8 {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start();
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for &byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(one, _)| *one == byte) {
                    *count += 1;
                }
            }
        }
    }
    // The first of equals, so that one column is separated by commas.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(one, _)| *one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Result<Vec<Vec<String>>, CsvFault> {
        let (mut reader, mut at, mut rows) = (CsvReader::new(b','), 0, Vec::new());
        loop {
            match reader.read(&text[at..], true)? {
                Step::Record(length) => {
                    at += length;
                    rows.push(reader.cells().map(str::to_owned).collect());
                }
                Step::Blank { bytes, .. } => at += bytes,
                Step::More => panic!("there is no more"),
                Step::End => return Ok(rows),
            }
        }
    }

    #[test]
    fn records_are_read_whatever_ends_their_lines() {
        let rows =
            vec![vec!["a".to_owned(), "b\nc".to_owned()], vec!["d\"e".to_owned(), String::new()]];
        for text in
            ["a,\"b\nc\"\nd\"e,\n", "a,\"b\nc\"\r\n\r\n\"d\"\"e\",", "\r\na,\"b\nc\"\rd\"e,\"\""]
        {
            assert_eq!(all(text.as_bytes()), Ok(rows.clone()), "{text:?}");
        }
        assert_eq!(all(b""), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_read_names_its_column() {
        assert_eq!(all(b"a,\"b\nc\n"), Err(CsvFault::Unclosed { column: 1 }));
        assert_eq!(all(b"a,\"b"), Err(CsvFault::Unclosed { column: 1 }));
        assert_eq!(all(b"a,b,M\xfcller\n"), Err(CsvFault::NotUtf8 { column: 2 }));
        let long = [b"a,".as_slice(), &vec![b'x'; 10 * MAX_RECORD], b",c\n"].concat();
        assert_eq!(all(&long), Err(CsvFault::TooLong { column: 1 }));
        assert_eq!(all(&[b','; 2000]), Err(CsvFault::TooManyColumns));
    }

    #[test]
    fn a_record_that_is_cut_is_read_again_with_more() {
        let text = "name,\"a \"\"long\"\" one\"\r\nnext,2\r\n".as_bytes();
        let mut reader = CsvReader::new(b',');
        for cut in 0..21 {
            assert_eq!(reader.read(&text[..cut], false), Ok(Step::More), "{cut}");
        }
        let Ok(Step::Record(length)) = reader.read(text, false) else { panic!("a record") };
        assert_eq!(reader.cells().collect::<Vec<_>>(), ["name", "a \"long\" one"]);
        assert!(matches!(reader.read(&text[length..], false), Ok(Step::Record(_))));
        assert_eq!(reader.cells().collect::<Vec<_>>(), ["next", "2"]);
    }

    #[test]
    fn the_separator_is_the_one_that_is_there() {
        assert_eq!(detect_delimiter(b"a;b;\"c,d,e\"\n1,2,3,4"), b';');
        assert_eq!(detect_delimiter(b"a\tb"), b'\t');
        assert_eq!(detect_delimiter(b"name"), b',');
    }
}
