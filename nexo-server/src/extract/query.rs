//! Query parameters of a list.

use nexo_core::model::{ErrorCode, ListParams, MAX_LIMIT, Sort};

use crate::failure::{Failure, Outcome};

/// Reads `limit`, `cursor` and `sort`; each once at most, and nothing else.
pub(super) fn list_params(query: &str) -> Outcome<ListParams> {
    let mut params = ListParams::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let again = match &*name {
            "limit" => params.limit.replace(limit(&value)?).is_some(),
            "cursor" => params.cursor.replace(value.into_owned()).is_some(),
            "sort" => params.sort.replace(Sort::parse(&value)).is_some(),
            _ => {
                return Err(refused(format!(
                    "unknown parameter {:?}; known are limit, cursor and sort",
                    excerpt(&name)
                )));
            }
        };
        if again {
            return Err(refused(format!("the parameter {name:?} is given twice")));
        }
    }
    Ok(params)
}

fn limit(value: &str) -> Outcome<u16> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| refused(format!("limit must be a number from 1 to {MAX_LIMIT}")))
}

fn excerpt(name: &str) -> String {
    name.chars().take(40).collect()
}

fn refused(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidQuery, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_once() {
        let params = list_params("limit=20&sort=-name&cursor=a%2Bb").expect("a good query");
        assert_eq!(params.limit, Some(20));
        assert_eq!(params.cursor.as_deref(), Some("a+b"));
        assert_eq!(params.sort, Some(Sort { column: "name".into(), descending: true }));
        assert_eq!(list_params("").expect("no query"), ListParams::default());
    }

    #[test]
    fn everything_else_is_refused() {
        let bad = [
            "limit=0",
            "limit=201",
            "limit=",
            "limit=+5",
            "limit=-1",
            "limit=5.0",
            "limit=99999",
            "limit=1&limit=1",
            "sort=name&sort=name",
            "offset=3",
            "Limit=3",
            "=",
        ];
        for query in bad {
            let failure = list_params(query).expect_err(query);
            assert_eq!(failure.code(), ErrorCode::InvalidQuery, "{query}");
        }
    }
}
