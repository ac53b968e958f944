//! What a reply carries.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::failure::Outcome;

/// A file that is written while it is sent. A failure breaks it off, so that
/// the caller sees that it is not whole.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Outcome<Bytes>> + Send>>;

/// A whole answer in memory, or a file in pieces.
pub(crate) enum Body {
    Whole(Bytes),
    Pieces(Pieces),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Pieces(_) => f.write_str("pieces"),
        }
    }
}
