//! A file that is received piece by piece.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::{Error, RequestLine, Result};

/// The body of an answer, as it arrives.
///
/// It may be of any size: only the piece that was read last is in memory. The
/// timeout counts for each piece.
#[must_use = "nothing more is received until it is asked for"]
pub struct Download {
    request: RequestLine,
    response: reqwest::Response,
    timeout: Duration,
}

impl Download {
    pub(crate) fn new(
        request: RequestLine,
        response: reqwest::Response,
        timeout: Duration,
    ) -> Self {
        Self { request, response, timeout }
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// When the server or the connection breaks the file off: what was received
    /// is not the whole of it.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match timeout(self.timeout, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece.map(Vec::from)),
            Ok(Err(source)) => Err(Error::transport(self.request.clone(), source)),
            Err(_) => Err(Error::stalled(self.request.clone())),
        }
    }

    /// All that is left. Meant for files that are known to be small.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn into_bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("request", &self.request).finish_non_exhaustive()
    }
}
