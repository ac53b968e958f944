//! Filters of lists: which rows, as a typed value and as query parameters.
//!
//! | parameter | rows whose `field` is |
//! |---|---|
//! | `field=a`, `field=a&field=b` | one of these |
//! | `field.null=true`, `field.null=false` | missing; present |
//! | `field.gte=a`, `.gt`, `.lte`, `.lt` | within these bounds, for fields that have an order |
//!
//! Conditions on several fields must all hold. A missing value is outside of
//! all bounds.

use std::fmt::{Debug, Display};

use super::filter_value::FilterValue;

/// The most values that one field may be compared with.
pub const MAX_FILTER_VALUES: usize = 100;

/// Any of some values. The default holds for every row.
///
/// With values and `null: Some(true)` it holds for rows with one of the values
/// and for rows without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOf<T> {
    /// The values; none of them is no condition.
    pub values: Vec<T>,
    /// Whether the value must be missing (`true`) or present (`false`).
    pub null: Option<bool>,
}

impl<T> OneOf<T> {
    /// Rows without a value.
    #[must_use]
    pub const fn missing() -> Self {
        Self { values: Vec::new(), null: Some(true) }
    }
}

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self { values: Vec::new(), null: None }
    }
}

impl<T> From<T> for OneOf<T> {
    fn from(value: T) -> Self {
        Self { values: vec![value], null: None }
    }
}

impl<T> FromIterator<T> for OneOf<T> {
    /// An iterator without values gives no condition, not one that fails.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self { values: values.into_iter().collect(), null: None }
    }
}

/// Between two bounds. The default holds for every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within<T> {
    /// This or larger.
    pub gte: Option<T>,
    /// Larger than this.
    pub gt: Option<T>,
    /// This or smaller.
    pub lte: Option<T>,
    /// Smaller than this.
    pub lt: Option<T>,
    /// Whether the value must be missing (`true`) or present (`false`).
    pub null: Option<bool>,
}

impl<T> Default for Within<T> {
    fn default() -> Self {
        Self { gte: None, gt: None, lte: None, lt: None, null: None }
    }
}

impl<T> From<std::ops::Range<T>> for Within<T> {
    fn from(range: std::ops::Range<T>) -> Self {
        Self { gte: Some(range.start), lt: Some(range.end), ..Self::default() }
    }
}

impl<T> From<std::ops::RangeInclusive<T>> for Within<T> {
    fn from(range: std::ops::RangeInclusive<T>) -> Self {
        let (start, end) = range.into_inner();
        Self { gte: Some(start), lte: Some(end), ..Self::default() }
    }
}

impl<T> From<std::ops::RangeFrom<T>> for Within<T> {
    fn from(range: std::ops::RangeFrom<T>) -> Self {
        Self { gte: Some(range.start), ..Self::default() }
    }
}

impl<T> From<std::ops::RangeTo<T>> for Within<T> {
    fn from(range: std::ops::RangeTo<T>) -> Self {
        Self { lt: Some(range.end), ..Self::default() }
    }
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal to the value.
    Equal,
    /// Equal to one of the values.
    OneOf,
    /// Equal to one of the values, or missing.
    OneOfOrNull,
    /// Missing.
    Null,
    /// Present.
    NotNull,
    /// At least.
    Gte,
    /// More than.
    Gt,
    /// At most.
    Lte,
    /// Less than.
    Lt,
}

/// One condition of a field, ready for a statement.
#[cfg(feature = "db")]
#[derive(Debug, Clone)]
pub struct Condition<'a> {
    /// How it compares.
    pub comparison: Comparison,
    /// With what: an array for the two `OneOf`s, nothing for the two nulls.
    pub operand:
        Option<(&'a (dyn tokio_postgres::types::ToSql + Sync), tokio_postgres::types::Type)>,
}

/// One field of a [`Filters`](super::Filters), whatever its type.
pub trait FilterField: Debug + Send + Sync {
    /// Whether it is no condition at all.
    fn is_empty(&self) -> bool;

    /// Takes one query parameter. `bound` is what follows the dot in its name.
    ///
    /// # Errors
    /// What was expected instead.
    fn accept(&mut self, bound: Option<&str>, text: &str) -> Result<(), String>;

    /// Gives the query parameters that say the same.
    fn give(&self, parameter: &mut dyn FnMut(Option<&'static str>, String));

    /// Gives the conditions for a statement.
    #[cfg(feature = "db")]
    fn conditions<'a>(&'a self, found: &mut Vec<Condition<'a>>);

    /// The query parameters that it reads, by what follows the dot in their names.
    #[cfg(feature = "schema")]
    fn schemas(&self) -> Vec<(Option<&'static str>, schemars::Schema)>;
}

impl<T: FilterValue> FilterField for OneOf<T> {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.null.is_none()
    }

    fn accept(&mut self, bound: Option<&str>, text: &str) -> Result<(), String> {
        match bound {
            None if self.values.len() == MAX_FILTER_VALUES => {
                Err(format!("can have at most {MAX_FILTER_VALUES} values"))
            }
            None => {
                self.values.push(read(text)?);
                Ok(())
            }
            Some("null") => once(&mut self.null, truth(text)?),
            Some(_) => Err("can be compared with values and with .null only".to_owned()),
        }
    }

    fn give(&self, parameter: &mut dyn FnMut(Option<&'static str>, String)) {
        for value in &self.values {
            parameter(None, value.to_string());
        }
        give(parameter, "null", self.null.as_ref());
    }

    #[cfg(feature = "db")]
    fn conditions<'a>(&'a self, found: &mut Vec<Condition<'a>>) {
        if self.values.is_empty() {
            found.extend(self.null.map(Condition::null));
            return;
        }
        let many = || Some((&self.values as _, T::ARRAY));
        let (comparison, operand) = match (self.null, self.values.as_slice()) {
            (Some(true), _) => (Comparison::OneOfOrNull, many()),
            (_, [one]) => (Comparison::Equal, Some((one as _, T::TYPE))),
            _ => (Comparison::OneOf, many()),
        };
        found.push(Condition { comparison, operand });
    }

    #[cfg(feature = "schema")]
    fn schemas(&self) -> Vec<(Option<&'static str>, schemars::Schema)> {
        let values = schemars::json_schema!({
            "type": "array", "items": T::schema(), "maxItems": MAX_FILTER_VALUES,
        });
        vec![(None, values), (Some("null"), schemars::json_schema!({ "type": "boolean" }))]
    }
}

impl<T: FilterValue> FilterField for Within<T> {
    fn is_empty(&self) -> bool {
        let Self { gte, gt, lte, lt, null } = self;
        [gte, gt, lte, lt].iter().all(|bound| bound.is_none()) && null.is_none()
    }

    fn accept(&mut self, bound: Option<&str>, text: &str) -> Result<(), String> {
        match bound {
            Some("gte") => once(&mut self.gte, read(text)?),
            Some("gt") => once(&mut self.gt, read(text)?),
            Some("lte") => once(&mut self.lte, read(text)?),
            Some("lt") => once(&mut self.lt, read(text)?),
            Some("null") => once(&mut self.null, truth(text)?),
            _ => Err("can be compared with .gte, .gt, .lte, .lt and .null only".to_owned()),
        }
    }

    fn give(&self, parameter: &mut dyn FnMut(Option<&'static str>, String)) {
        give(parameter, "gte", self.gte.as_ref());
        give(parameter, "gt", self.gt.as_ref());
        give(parameter, "lte", self.lte.as_ref());
        give(parameter, "lt", self.lt.as_ref());
        give(parameter, "null", self.null.as_ref());
    }

    #[cfg(feature = "db")]
    fn conditions<'a>(&'a self, found: &mut Vec<Condition<'a>>) {
        let bounds = [
            (Comparison::Gte, &self.gte),
            (Comparison::Gt, &self.gt),
            (Comparison::Lte, &self.lte),
            (Comparison::Lt, &self.lt),
        ];
        for (comparison, bound) in bounds {
            if let Some(value) = bound {
                found.push(Condition { comparison, operand: Some((value, T::TYPE)) });
            }
        }
        found.extend(self.null.map(Condition::null));
    }

    #[cfg(feature = "schema")]
    fn schemas(&self) -> Vec<(Option<&'static str>, schemars::Schema)> {
        let bounds = ["gte", "gt", "lte", "lt"].map(|bound| (Some(bound), T::schema()));
        let null = (Some("null"), schemars::json_schema!({ "type": "boolean" }));
        bounds.into_iter().chain([null]).collect()
    }
}

#[cfg(feature = "db")]
impl Condition<'_> {
    const fn null(null: bool) -> Self {
        let comparison = if null { Comparison::Null } else { Comparison::NotNull };
        Self { comparison, operand: None }
    }
}

fn read<T: FilterValue>(text: &str) -> Result<T, String> {
    T::read(text).ok_or_else(|| format!("must be {}", T::EXPECTED))
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false after .null".to_owned())
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("has the same bound twice".to_owned()),
    }
}

fn give<V: Display>(
    parameter: &mut dyn FnMut(Option<&'static str>, String),
    bound: &'static str,
    value: Option<&V>,
) {
    if let Some(value) = value {
        parameter(Some(bound), value.to_string());
    }
}
