//! What an answer looks like when all went well, for the documentation.

use http::StatusCode;

/// How a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Success {
    Ok,
    Created,
    Accepted,
    NoContent,
    NotModified,
}

impl Success {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Ok => StatusCode::OK,
            Self::Created => StatusCode::CREATED,
            Self::Accepted => StatusCode::ACCEPTED,
            Self::NoContent => StatusCode::NO_CONTENT,
            Self::NotModified => StatusCode::NOT_MODIFIED,
        }
    }

    /// For people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Ok => "It is done, or here it is.",
            Self::Created => "It was created.",
            Self::Accepted => "It will be done.",
            Self::NoContent => "It is done.",
            Self::NotModified => "The caller has it already.",
        }
    }
}
