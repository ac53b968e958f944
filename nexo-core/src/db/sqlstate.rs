//! From SQLSTATE to [`Error`]: the one table.

use std::time::Duration;

use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

use super::constraint;
use crate::error::Error;
use crate::model::ErrorCode;

/// The policy that holds `nexo_limited` to what is visible.
const ONLY_VISIBLE: &str = "only_visible";

/// Raised by triggers of roles and memberships.
const BEYOND: &str = "NX403";
const LAST_OWNER: &str = "NX409";

const SOON: Duration = Duration::from_secs(1);

/// What a database error means to a caller. The text never names a table, a
/// constraint or a value; the cause is kept for the log.
pub(crate) fn translate(error: PgError) -> Error {
    let Some(state) = error.code() else {
        let broken = error.is_closed() || is_io(&error);
        let told = if broken { unavailable() } else { internal() };
        return told.because(error);
    };
    if let Some(field) = constraint::field_error(&error) {
        return Error::invalid(vec![field]).because(error);
    }
    let told = if *state == SqlState::UNIQUE_VIOLATION {
        Error::new(ErrorCode::Conflict, "a record with these values exists already")
    } else if *state == SqlState::FOREIGN_KEY_VIOLATION {
        Error::new(
            ErrorCode::Conflict,
            "a record that this one refers to does not exist, or is referred to",
        )
    } else if *state == SqlState::CHECK_VIOLATION
        || *state == SqlState::NOT_NULL_VIOLATION
        // Class 22: a value that cannot be what the column or operator asks for.
        || state.code().starts_with("22")
    {
        Error::new(ErrorCode::ValidationFailed, "a value was refused by the database")
    } else if *state == SqlState::T_R_SERIALIZATION_FAILURE
        || *state == SqlState::T_R_DEADLOCK_DETECTED
        || *state == SqlState::LOCK_NOT_AVAILABLE
    {
        Error::new(ErrorCode::Conflict, "the record is being changed by another request; try again")
            .retry_in(SOON)
    } else if *state == SqlState::PROGRAM_LIMIT_EXCEEDED {
        // Raised by the search of a list.
        Error::new(ErrorCode::InvalidQuery, "q finds more than 10,000 records; add a word")
    } else if state.code() == BEYOND {
        Error::new(ErrorCode::Forbidden, "it is beyond what you may do yourself")
    } else if state.code() == LAST_OWNER {
        Error::new(ErrorCode::Conflict, "an account has an owner; make somebody else one first")
    } else if is_out_of_sight(&error) {
        let told =
            "you would not see the record then: somebody who sees all of them can give it away";
        Error::new(ErrorCode::Forbidden, told)
    } else if *state == SqlState::QUERY_CANCELED {
        Error::new(ErrorCode::Timeout, "the database took too long")
    } else if is_unavailable(state) {
        unavailable()
    } else {
        internal()
    };
    told.because(error)
}

/// What the database said, of an error that it is the cause of.
pub(super) fn state(error: &Error) -> Option<&SqlState> {
    std::error::Error::source(error)?.downcast_ref::<PgError>()?.code()
}

/// The same of a statement that changes nothing. It cannot collide with another one, and
/// waits only for whoever changes the tables themselves.
pub(super) fn of_read(error: Error) -> Error {
    if error.code() != ErrorCode::Conflict || error.retry_after().is_none() {
        return error;
    }
    unavailable().because(error)
}

/// Whether it is the connection that ended, or PostgreSQL that ended it, and not the
/// statement that failed.
pub(super) fn was_cut(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<PgError>());
    cause.is_some_and(is_cut)
}

pub(super) fn is_cut(error: &PgError) -> bool {
    match error.code() {
        Some(state) => state.code().starts_with("08") || state.code().starts_with("57P"),
        None => error.is_closed() || is_io(error),
    }
}

/// Whether a write would leave a record that the scope does not see. The policy's
/// name stands in the message, whatever its language.
fn is_out_of_sight(error: &PgError) -> bool {
    error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
        && error.as_db_error().is_some_and(|error| error.message().contains(ONLY_VISIBLE))
}

/// Whether the connection itself failed, and not a value on its way.
fn is_io(error: &PgError) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

fn internal() -> Error {
    Error::new(ErrorCode::Internal, "the database failed")
}

/// Whether the same statement may do another time: somebody held a lock, it took too
/// long, or the server is not as it should be.
pub(super) fn is_passing(state: &SqlState) -> bool {
    *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::QUERY_CANCELED
        || state.code().starts_with("XX")
        || is_unavailable(state)
}

/// The server is away, starting, stopping, full or read-only: class 08
/// (connection), 53 (resources), 57P (operator), and 25006.
fn is_unavailable(state: &SqlState) -> bool {
    let code = state.code();
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57P")
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
}

pub(super) fn unavailable() -> Error {
    Error::new(ErrorCode::Unavailable, "the database cannot be reached").retry_in(SOON)
}
