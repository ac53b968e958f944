//! CSV out: RFC 4180, in UTF-8, lines ended by CR and LF.

/// Writes rows to memory, from which they are taken piece by piece.
#[derive(Debug, Default)]
pub(crate) struct CsvWriter {
    out: Vec<u8>,
}

impl CsvWriter {
    /// Appends a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.cell(cell.as_ref(), at == 0);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// The bytes that were written since the last time.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn cell(&mut self, cell: &str, first: bool) {
        // An empty first cell could be all of its line, which readers skip.
        let quoted = cell.contains(['"', ',', ';', '\t', '\r', '\n'])
            || cell.starts_with(' ')
            || cell.ends_with(' ')
            || (first && cell.is_empty());
        if !quoted {
            self.out.extend_from_slice(cell.as_bytes());
            return;
        }
        self.out.push(b'"');
        for byte in cell.bytes() {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
    }
}
