//! What a filter can compare with.

use std::fmt::{Debug, Display};

use jiff::Timestamp;
use jiff::civil::Date;

use super::Id;

/// A value in a query parameter, and in a condition.
pub trait FilterValue: Debug + Display + Clone + PartialEq + Sql + Send + Sync + 'static {
    /// What a parameter must be, for people.
    const EXPECTED: &'static str;
    /// The type of the column.
    #[cfg(feature = "db")]
    const TYPE: tokio_postgres::types::Type;
    /// The type of an array of them.
    #[cfg(feature = "db")]
    const ARRAY: tokio_postgres::types::Type;

    /// Reads the wire form.
    fn read(text: &str) -> Option<Self>;

    /// The wire form.
    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema;
}

/// What can be a statement's parameter, where there are statements.
#[cfg(feature = "db")]
pub trait Sql: tokio_postgres::types::ToSql {}
#[cfg(feature = "db")]
impl<T: tokio_postgres::types::ToSql> Sql for T {}
/// What can be a statement's parameter, where there are statements.
#[cfg(not(feature = "db"))]
pub trait Sql {}
#[cfg(not(feature = "db"))]
impl<T> Sql for T {}

/// The two types of a column, for [`FilterValue`].
macro_rules! types {
    ($one:ident, $array:ident) => {
        #[cfg(feature = "db")]
        const TYPE: tokio_postgres::types::Type = tokio_postgres::types::Type::$one;
        #[cfg(feature = "db")]
        const ARRAY: tokio_postgres::types::Type = tokio_postgres::types::Type::$array;
    };
}
pub(crate) use types;

impl FilterValue for String {
    const EXPECTED: &'static str = "text of 1 to 500 characters";
    types!(TEXT, TEXT_ARRAY);

    fn read(text: &str) -> Option<Self> {
        let storable = !text.contains('\0') && (1..=500).contains(&text.chars().count());
        storable.then(|| text.to_owned())
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 500 })
    }
}

impl<T: 'static> FilterValue for Id<T> {
    const EXPECTED: &'static str = "an id";
    types!(UUID, UUID_ARRAY);

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "uuid" })
    }
}

impl FilterValue for uuid::Uuid {
    const EXPECTED: &'static str = "an id";
    types!(UUID, UUID_ARRAY);

    fn read(text: &str) -> Option<Self> {
        Id::<()>::read(text).map(|id| *id.as_uuid())
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        Id::<()>::schema()
    }
}

impl FilterValue for i16 {
    const EXPECTED: &'static str = "a whole number";
    types!(INT2, INT2_ARRAY);

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": i16::MIN, "maximum": i16::MAX })
    }
}

impl FilterValue for Timestamp {
    const EXPECTED: &'static str = "a time such as 2026-01-31T09:30:00Z";
    types!(TIMESTAMPTZ, TIMESTAMPTZ_ARRAY);

    fn read(text: &str) -> Option<Self> {
        let time: Self = text.parse().ok()?;
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        (1..=9999).contains(&year).then_some(time)
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl FilterValue for Date {
    const EXPECTED: &'static str = "a date such as 2026-01-31";
    types!(DATE, DATE_ARRAY);

    fn read(text: &str) -> Option<Self> {
        // Jiff would also take a date and time, and drop the time.
        let date: Self = (text.len() == 10).then(|| text.parse().ok())??;
        (1..=9999).contains(&date.year()).then_some(date)
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date" })
    }
}
