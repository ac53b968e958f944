//! Cursors: where the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Date as PgDate, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::model::{Account, ErrorCode, Id};

/// The value of a sort column in one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// A point in time.
    #[serde(rename = "t")]
    Time(Timestamp),
    /// A text.
    #[serde(rename = "s")]
    Text(String),
    /// A whole number.
    #[serde(rename = "n")]
    Int(i16),
    /// A day; none is later than all.
    #[serde(rename = "d")]
    Date(Day),
}

/// A day, or none: then it stands behind all days, as `infinity` does in the
/// column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub Option<Date>);

impl ToSql for Day {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.map_or(PgDate::PosInfinity, PgDate::Value).to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <PgDate<Date> as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

impl SortKey {
    pub(crate) fn as_param(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Time(time) => time,
            Self::Text(text) => text,
            Self::Int(number) => number,
            Self::Date(day) => day,
        }
    }

    /// Whether a row can have it at all: PostgreSQL knows no U+0000 and no
    /// times finer than a microsecond, and not every year that a text can name.
    fn is_storable(&self) -> bool {
        match self {
            Self::Time(time) => {
                let year = time.to_zoned(TimeZone::UTC).year();
                (1..=9999).contains(&year) && time.subsec_nanosecond() % 1_000 == 0
            }
            Self::Text(text) => !text.contains('\0'),
            Self::Int(_) => true,
            Self::Date(day) => day.0.is_none_or(|day| (1..=9999).contains(&day.year())),
        }
    }

    fn is(&self, kind: SortKind) -> bool {
        match self {
            Self::Time(_) => kind == SortKind::Time,
            Self::Text(_) => kind == SortKind::Text,
            Self::Int(_) => kind == SortKind::Int,
            Self::Date(_) => kind == SortKind::Date,
        }
    }
}

/// What kind of value a sort column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKind {
    /// `timestamptz`
    Time,
    /// `text`
    Text,
    /// `smallint`
    Int,
    /// `date`, with `infinity` for none
    Date,
}

impl SortKind {
    pub(crate) const fn ty(self) -> Type {
        match self {
            Self::Time => Type::TIMESTAMPTZ,
            Self::Text => Type::TEXT,
            Self::Int => Type::INT2,
            Self::Date => Type::DATE,
        }
    }
}

/// The last row of a page, and the list that it stood in. It opens nothing: a
/// cursor only says where in the caller's own rows to go on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    #[serde(rename = "a")]
    pub(crate) account: Id<Account>,
    #[serde(rename = "c")]
    pub(crate) collection: String,
    #[serde(rename = "o")]
    pub(crate) order: String,
    #[serde(rename = "k")]
    pub(crate) key: SortKey,
    #[serde(rename = "i")]
    pub(crate) id: Uuid,
}

impl Cursor {
    pub(crate) fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings, times and ids always serialise");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads a cursor of this very list: another account's, another
    /// collection's or another order's is refused.
    pub(crate) fn decode(
        text: &str,
        account: Id<Account>,
        collection: &str,
        order: &str,
        kind: SortKind,
    ) -> Result<Self> {
        let refused = |why| Error::new(ErrorCode::InvalidCursor, why);
        let malformed = || refused("the cursor is malformed; use next_cursor as it was given");
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| malformed())?;
        if cursor.account != account || cursor.collection != collection || cursor.order != order {
            return Err(refused("the cursor belongs to another list, or to another order of it"));
        }
        if !cursor.key.is(kind) || !cursor.key.is_storable() {
            return Err(malformed());
        }
        Ok(cursor)
    }
}
