//! What a reply carries.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::failure::Outcome;

/// As much of a file may be in memory while it is sent: the rows that are being
/// written, and what waits to be sent.
const FILE_MEMORY: usize = 8 * 1024 * 1024;

/// A file that is written while it is sent. A failure breaks it off, so that
/// the caller sees that it is not whole.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Outcome<Bytes>> + Send>>;

/// A whole answer in memory, or one in pieces.
pub(crate) enum Body {
    Whole(Bytes),
    Pieces {
        pieces: Pieces,
        /// How much of it may be in memory at a time, in bytes.
        memory: usize,
        /// Whether there is work to do while it is sent.
        is_file: bool,
    },
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A file that is made while it is sent.
    pub(crate) fn file(pieces: Pieces) -> Self {
        Self::streamed(pieces, FILE_MEMORY, true)
    }

    /// What comes from elsewhere, of which so much is here at a time.
    pub(crate) fn streamed(pieces: Pieces, memory: usize, is_file: bool) -> Self {
        Self::Pieces { pieces, memory, is_file }
    }

    /// How much memory it takes until it is sent, in bytes.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces { memory, .. } => *memory,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Pieces { .. } => f.write_str("pieces"),
        }
    }
}
