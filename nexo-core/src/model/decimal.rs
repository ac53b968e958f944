//! Amounts, exactly.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::filter_value::{FilterValue, types};

/// How many parts one has: four decimals, which the currencies of ISO 4217 and
/// hourly rates need.
const SCALE: u64 = 10_000;

/// A decimal number with up to four decimals: money, or hours.
///
/// On the wire it is a string, `"1250.00"`, because many readers of JSON make
/// of a number what loses cents. At least two decimals are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i64);

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that a field takes: ten million million.
    pub const MAX_AMOUNT: Self = Self(10_000_000_000_000 * SCALE as i64);

    /// From ten-thousandths: 12,500 are 1.25.
    #[must_use]
    pub const fn from_ten_thousandths(parts: i64) -> Self {
        Self(parts)
    }

    /// In ten-thousandths.
    #[must_use]
    pub const fn as_ten_thousandths(self) -> i64 {
        self.0
    }

    /// The sum, unless it is too large to be one.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl From<i32> for Decimal {
    fn from(whole: i32) -> Self {
        Self(i64::from(whole) * SCALE as i64)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, parts) = (self.0.unsigned_abs() / SCALE, self.0.unsigned_abs() % SCALE);
        match (parts % 100, parts % 10) {
            (0, _) => write!(f, "{sign}{whole}.{:02}", parts / 100),
            (_, 0) => write!(f, "{sign}{whole}.{:03}", parts / 10),
            _ => write!(f, "{sign}{whole}.{parts:04}"),
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a decimal number such as \"1250.00\", with up to 14 digits and 4 decimals")]
pub struct ParseDecimalError;

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    /// Digits, at most one point between digits, and a minus sign at most.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let number = |digits: &str, most: usize| {
            let good = (1..=most).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            if good { digits.parse::<i64>().ok() } else { None }
        };
        let whole = number(whole, 14).ok_or(ParseDecimalError)?;
        let missing = 4_usize.saturating_sub(decimals.len());
        let decimals = number(decimals, 4).ok_or(ParseDecimalError)?;
        let parts = whole * SCALE as i64 + decimals * 10_i64.pow(missing as u32);
        Ok(Self(if negative { -parts } else { parts }))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FilterValue for Decimal {
    const EXPECTED: &'static str = "a decimal number such as 1250.00";
    types!(INT8, INT8_ARRAY);

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        <Self as schemars::JsonSchema>::json_schema(&mut schemars::SchemaGenerator::default())
    }
}

#[cfg(feature = "db")]
mod sql {
    use std::error::Error;

    use tokio_postgres::types::private::BytesMut;
    use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

    use super::Decimal;

    /// As `bigint`, in ten-thousandths.
    impl ToSql for Decimal {
        fn to_sql(
            &self,
            ty: &Type,
            out: &mut BytesMut,
        ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
            self.0.to_sql(ty, out)
        }

        fn accepts(ty: &Type) -> bool {
            <i64 as ToSql>::accepts(ty)
        }

        to_sql_checked!();
    }

    impl<'a> FromSql<'a> for Decimal {
        fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
            i64::from_sql(ty, raw).map(Self)
        }

        fn accepts(ty: &Type) -> bool {
            <i64 as FromSql<'_>>::accepts(ty)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for (text, written, parts) in [
            ("0", "0.00", 0),
            ("1250", "1250.00", 12_500_000),
            ("1250.5", "1250.50", 12_505_000),
            ("0.125", "0.125", 1_250),
            ("0.0001", "0.0001", 1),
            ("-0.5", "-0.50", -5_000),
            ("99999999999999.9999", "99999999999999.9999", 999_999_999_999_999_999),
            ("007", "7.00", 70_000),
        ] {
            let read: Decimal = text.parse().expect(text);
            assert_eq!((read.to_string().as_str(), read.as_ten_thousandths()), (written, parts));
            assert_eq!(serde_json::to_value(read).expect("a string"), written);
            assert_eq!(written.parse(), Ok(read));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1 ",
            "0x1",
            "1.00001",
            "--1",
            "1.-5",
            "1.2.3",
            "٣",
            "100000000000000",
            "NaN",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(ParseDecimalError), "{text}");
        }
        serde_json::from_str::<Decimal>("1250.00").expect_err("a JSON number");
    }
}
