//! A look at each head before it is parsed, for what two parsers could read as
//! two different things (RFC 9112, 11.2).
//!
//! hyper makes one sense of such a head and does not say so; a proxy in front may
//! have made another one, and taken for a body what is a request here. So these are
//! refused: a length and chunks, more than one length, more than one coding, lines
//! that end in a bare LF or hold a bare CR, and lines that continue another.

/// Longer lines are refused by what parses them.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct HeadScan {
    at: At,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    lengths: u32,
    codings: u32,
    length: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Where a request line is to come.
    #[default]
    Start,
    Fields,
    /// In a body of which so much is to come.
    Body(u64),
    /// Where the size of a chunk is to come.
    ChunkSize,
    /// In a chunk of which so much is to come, with its line end.
    Chunk(u64),
    /// After the last chunk.
    Trailers,
    /// In what no parser takes: it closes the connection.
    Lost,
    Refused,
}

impl HeadScan {
    /// Whether what came can be handed to the parser. What cannot be told is.
    pub(super) fn passes(&mut self, mut came: &[u8]) -> bool {
        loop {
            match self.at {
                At::Refused => return false,
                At::Lost => return true,
                At::Body(left) => {
                    let left = skip(&mut came, left);
                    self.at = if left == 0 { At::Start } else { At::Body(left) };
                }
                At::Chunk(left) => {
                    let left = skip(&mut came, left);
                    self.at = if left == 0 { At::ChunkSize } else { At::Chunk(left) };
                }
                At::Start | At::Fields | At::ChunkSize | At::Trailers => {
                    let Some(end) = memchr::memchr(b'\n', came) else {
                        self.line.extend_from_slice(came);
                        if self.line.len() > LONGEST {
                            // Too long for any parser, which says so.
                            self.at = At::Lost;
                        }
                        return true;
                    };
                    let (line, rest) = came.split_at(end);
                    came = &rest[1..];
                    if self.line.is_empty() {
                        self.ends_line(line);
                    } else {
                        let mut whole = std::mem::take(&mut self.line);
                        whole.extend_from_slice(line);
                        self.ends_line(&whole);
                    }
                }
            }
            if came.is_empty() && self.at != At::Refused {
                return true;
            }
        }
    }

    fn ends_line(&mut self, line: &[u8]) {
        let Some((b'\r', line)) = line.split_last() else {
            self.at = At::Refused;
            return;
        };
        if memchr::memchr(b'\r', line).is_some() {
            self.at = At::Refused;
            return;
        }
        match self.at {
            // Empty lines before a request are passed over.
            At::Start if line.is_empty() => {}
            At::Start => {
                (self.lengths, self.codings, self.length) = (0, 0, 0);
                self.at = At::Fields;
            }
            At::ChunkSize => self.at = chunk(line),
            At::Trailers if line.is_empty() => self.at = At::Start,
            At::Trailers => {}
            _ if line.is_empty() => self.ends_head(),
            _ => self.field(line),
        }
    }

    fn field(&mut self, line: &[u8]) {
        let name_ends = memchr::memchr(b':', line);
        // A line that continues the one before, or a name that ends in a blank.
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let Some(name_ends) = name_ends.filter(|_| !blank(line.first())) else {
            self.at = At::Refused;
            return;
        };
        let (name, value) = (&line[..name_ends], &line[name_ends + 1..]);
        if blank(name.last()) {
            self.at = At::Refused;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            // What is no number is refused by who parses it.
            let text = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            self.length = text.parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
        }
    }

    fn ends_head(&mut self) {
        self.at = match (self.lengths, self.codings) {
            (0, 0) => At::Start,
            (1, 0) => At::Body(self.length),
            (0, 1) => At::ChunkSize,
            _ => At::Refused,
        };
    }
}

/// Passes over so much; how much of it has not come yet.
fn skip(came: &mut &[u8], left: u64) -> u64 {
    let skipped = left.min(came.len() as u64);
    *came = &came[usize::try_from(skipped).unwrap_or(came.len())..];
    left - skipped
}

/// What comes after a chunk's size (RFC 9112, 7.1).
fn chunk(line: &[u8]) -> At {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let size = std::str::from_utf8(size.trim_ascii()).unwrap_or_default();
    match u64::from_str_radix(size, 16) {
        Ok(0) => At::Trailers,
        Ok(size) => At::Chunk(size.saturating_add(2)),
        Err(_) => At::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n";

    /// In one piece, and byte by byte.
    fn passes(sent: &str) -> bool {
        let whole = HeadScan::default().passes(sent.as_bytes());
        let mut scan = HeadScan::default();
        let bytes = sent.as_bytes().iter().all(|byte| scan.passes(&[*byte]));
        assert_eq!(whole, bytes, "{sent:?}");
        whole
    }

    #[test]
    fn h1_heads_that_can_be_read_in_two_ways_are_refused() {
        for ambiguous in [
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "GET / HTTP/1.1\r\nhost: a\rcontent-length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\tfolded\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        ] {
            assert!(!passes(ambiguous), "{ambiguous:?}");
            // Also behind others on the connection.
            assert!(!passes(&format!("{LENGTH}\n\r\nGET / HTTP/1.1\r\n\r\n{ambiguous}")));
        }
    }

    #[test]
    fn bodies_are_not_looked_at() {
        for good in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\na\nb\rcGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\nA;x=y\r\n0123\n\r\n789\r\n\
             0\r\na: b\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno size\r\nanything\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx:\r\ny: : \r\n\r\n",
        ] {
            assert!(passes(good), "{good:?}");
        }
        let mut scan = HeadScan::default();
        assert!(scan.passes(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"));
        assert!(scan.passes(b"GET / HTTP/1.1\r\n"));
        assert!(!scan.passes(b"a: b\n"), "the next head is looked at again");
        assert!(!scan.passes(b"GET / HTTP/1.1\r\n\r\n"), "and nothing after it is");
        let mut scan = HeadScan::default();
        assert!(scan.passes(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"));
        assert!(!scan.passes(b"1\nx\r\n"), "nor may the lines between chunks be ambiguous");
    }
}
