//! Days in JSON: `2026-01-31` and nothing else.
//!
//! Jiff would also read a date with a time, and drop the time.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::Change;
use super::filter_value::FilterValue;

/// For a field that may be absent.
pub(super) fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let read = |text: Cow<'_, str>| {
        Date::read(&text).ok_or_else(|| {
            D::Error::custom(format_args!("invalid value {text:?}: expected {}", Date::EXPECTED))
        })
    };
    Option::<Cow<'_, str>>::deserialize(deserializer)?.map(read).transpose()
}

/// For a field of a patch.
pub(super) fn change<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Change<Date>, D::Error> {
    Ok(option(deserializer)?.map_or(Change::Clear, Change::Set))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use crate::model::{Change, NewProject, ProjectPatch};

    #[test]
    fn a_day_is_a_day_and_nothing_more() {
        let new = |day: &str| {
            serde_json::from_str::<NewProject>(&format!(r#"{{"name":"a","ends_on":{day}}}"#))
        };
        assert_eq!(new(r#""2026-01-31""#).expect("a day").ends_on, Some(date(2026, 1, 31)));
        assert_eq!(new("null").expect("none").ends_on, None);
        let patch =
            |day: &str| serde_json::from_str::<ProjectPatch>(&format!(r#"{{"ends_on":{day}}}"#));
        assert_eq!(patch("null").expect("none").ends_on, Change::Clear);
        assert_eq!(
            patch(r#""2026-01-31""#).expect("a day").ends_on,
            Change::Set(date(2026, 1, 31))
        );
        for bad in [
            r#""2026-01-31T09:30:00""#,
            r#""2026-01-31 09:30""#,
            r#""31.01.2026""#,
            r#""20260131""#,
            r#""2026-02-30""#,
            r#""-000001-01-01""#,
            r#""0000-01-01""#,
            "20260131",
            r#""""#,
        ] {
            new(bad).expect_err(bad);
            patch(bad).expect_err(bad);
        }
    }
}
