//! List parameters as the query of a URL, read by the server and written by
//! the SDK.

use super::filter_value::FilterValue;
use super::{Entity, Filters, ListParams, MAX_LIMIT, Sort};

/// The parameters that every list has, besides its filters.
const COMMON: [&str; 8] = ["limit", "cursor", "sort", "q", "archived", "count", "expand", "fields"];

impl<T: Entity> ListParams<T> {
    /// Takes one query parameter, decoded. `expand` may be given several times
    /// or be a list with commas, a filter once a value, the others once.
    ///
    /// # Errors
    /// What was wrong with it, for the caller.
    pub fn accept(&mut self, name: &str, value: &str) -> Result<(), String> {
        let again = match name {
            "limit" => self.limit.replace(limit(value)?).is_some(),
            "cursor" => self.cursor.replace(value.to_owned()).is_some(),
            "sort" => self.sort.replace(Sort::parse(value)).is_some(),
            "q" => self.q.replace(value.to_owned()).is_some(),
            "archived" => std::mem::replace(&mut self.archived, word(name, value)?),
            "count" => {
                let asked = super::CountMode::read(value)
                    .ok_or_else(|| format!("count must be {}", super::CountMode::EXPECTED))?;
                std::mem::replace(&mut self.count, asked) != super::CountMode::None
            }
            "expand" => {
                self.expand.extend(value.split(',').map(str::to_owned));
                self.expand.len() > 20
            }
            _ => return self.accept_filter(name, value),
        };
        if again { Err(format!("the parameter {name} is given twice")) } else { Ok(()) }
    }

    fn accept_filter(&mut self, name: &str, value: &str) -> Result<(), String> {
        let (field, bound) = match name.split_once('.') {
            Some((field, bound)) => (field, Some(bound)),
            None => (name, None),
        };
        let Some(filter) = self.filter.field_mut(field) else {
            let name: String = name.chars().take(40).collect();
            let known = [&COMMON[..], T::Filter::NAMES].concat().join(", ");
            return Err(format!("unknown parameter {name:?}; known are {known}"));
        };
        filter.accept(bound, value).map_err(|expected| format!("{field} {expected}"))
    }

    /// The query parameters that say the same.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        let mut add = |name: &str, value: String| parameters.push((name.to_owned(), value));
        if let Some(limit) = self.limit {
            add("limit", limit.to_string());
        }
        if let Some(cursor) = &self.cursor {
            add("cursor", cursor.clone());
        }
        if let Some(sort) = &self.sort {
            add("sort", sort.to_string());
        }
        if let Some(q) = &self.q {
            add("q", q.clone());
        }
        if self.archived {
            add("archived", "true".to_owned());
        }
        if self.count != super::CountMode::None {
            add("count", self.count.to_string());
        }
        if !self.expand.is_empty() {
            add("expand", self.expand.join(","));
        }
        parameters.extend(self.filter.parameters());
        parameters
    }
}

pub(super) fn limit(value: &str) -> Result<u16, String> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| format!("limit must be a number from 1 to {MAX_LIMIT}"))
}

fn word(name: &str, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("{name} must be true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Client, ClientFilter, ClientStatus, CountMode, OneOf, Within};

    fn read(query: &[(&str, &str)]) -> Result<ListParams<Client>, String> {
        let mut params = ListParams::default();
        query.iter().try_for_each(|(name, value)| params.accept(name, value))?;
        Ok(params)
    }

    #[test]
    fn parameters_are_read_as_they_are_written() {
        let day = |text: &str| text.parse().expect("a time");
        let params = ListParams::<Client> {
            limit: Some(20),
            cursor: Some("a+b".to_owned()),
            sort: Some(Sort { column: "name".to_owned(), descending: true }),
            q: Some("ada & co".to_owned()),
            filter: ClientFilter {
                status: [ClientStatus::Lead, ClientStatus::Active].into_iter().collect(),
                email: OneOf::missing(),
                created_at: Within::from(day("2026-01-01T00:00:00Z")..day("2026-02-01T00:00:00Z")),
                ..ClientFilter::default()
            },
            archived: true,
            count: CountMode::Exact,
            expand: vec!["a".to_owned(), "b".to_owned()],
        };
        let written = params.parameters();
        let pairs: Vec<_> = written.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(read(&pairs), Ok(params));
        assert_eq!(read(&[]), Ok(ListParams::default()));
        assert_eq!(ListParams::<Client>::default().parameters(), []);
    }

    #[test]
    fn everything_else_is_refused() {
        let bad: &[&[(&str, &str)]] = &[
            &[("limit", "0")],
            &[("limit", "201")],
            &[("limit", "")],
            &[("limit", "+5")],
            &[("limit", "99999")],
            &[("limit", "1"), ("limit", "1")],
            &[("sort", "name"), ("sort", "name")],
            &[("archived", "yes")],
            &[("count", "some")],
            &[("offset", "3")],
            &[("Limit", "3")],
            &[("", "")],
            &[("status", "gone")],
            &[("status.gte", "lead")],
            &[("status.null", "1")],
            &[("status.null", "true"), ("status.null", "true")],
            &[("created_at", "2026-01-01T00:00:00Z")],
            &[("created_at.gte", "yesterday")],
            &[("created_at.gte", "-000001-01-01T00:00:00Z")],
            &[("created_at.lt", "2026-01-01T00:00:00Z"), ("created_at.lt", "2026-01-01T00:00:00Z")],
            &[("id", "1")],
            &[("name", "a\0b")],
            &[("account_id", "0190a5d2-0000-7000-8000-000000000000")],
        ];
        for query in bad {
            read(query).expect_err(&format!("{query:?}"));
        }
        let many = vec![("name", "x"); crate::model::MAX_FILTER_VALUES + 1];
        assert_eq!(read(&many).expect_err("too many"), "name can have at most 100 values");
    }
}
