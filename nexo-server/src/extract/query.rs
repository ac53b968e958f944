//! Query parameters of a list.

use nexo_core::model::{Entity, ErrorCode, ListParams};

use crate::failure::{Failure, Outcome};

/// The most fields that `fields` may name.
const MAX_FIELDS: usize = 100;

/// What a list call asks for: the rows, and which of their fields.
#[derive(Debug)]
pub(crate) struct ListCall<T: Entity> {
    pub(crate) params: ListParams<T>,
    /// All of them if empty.
    pub(crate) fields: Vec<String>,
}

/// Reads the parameters of [`ListParams`] and `fields`, and nothing else.
pub(super) fn list_call<T: Entity>(query: &str) -> Outcome<ListCall<T>> {
    let mut call = ListCall { params: ListParams::default(), fields: Vec::new() };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "fields" {
            call.fields.extend(value.split(',').map(str::to_owned));
            if call.fields.len() > MAX_FIELDS {
                return Err(refused(format!("fields can name at most {MAX_FIELDS} fields")));
            }
        } else {
            call.params.accept(&name, &value).map_err(refused)?;
        }
    }
    Ok(call)
}

fn refused(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidQuery, detail)
}

#[cfg(test)]
mod tests {
    use nexo_core::model::{Client, Sort};

    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = "limit=20&sort=-name&cursor=a%2Bb&fields=id,name&fields=email&name=A%26B";
        let call = list_call::<Client>(query).expect("a good query");
        assert_eq!(call.params.limit, Some(20));
        assert_eq!(call.params.cursor.as_deref(), Some("a+b"));
        assert_eq!(call.params.sort, Some(Sort { column: "name".into(), descending: true }));
        assert_eq!(call.params.filter.name.values, ["A&B"]);
        assert_eq!(call.fields, ["id", "name", "email"]);
        let none = list_call::<Client>("").expect("no query");
        assert_eq!((none.params, none.fields), (ListParams::default(), Vec::new()));
    }

    #[test]
    fn everything_else_is_refused() {
        let many = format!("fields={}", "a,".repeat(MAX_FIELDS));
        for query in ["limit=0", "offset=3", "=", "status=gone", &many] {
            let failure = list_call::<Client>(query).expect_err(query);
            assert_eq!(failure.code(), ErrorCode::InvalidQuery, "{query}");
        }
    }
}
