//! Query parameters of a list.

use nexo_core::model::{
    AuditParams, Entity, ErrorCode, ListParams, MAX_HITS, MAX_LIMIT, SearchParams, SheetFormat,
};

use crate::failure::{Failure, Outcome};

/// The most fields that `fields` may name.
pub(crate) const MAX_FIELDS: usize = 100;

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

/// What an export asks for: a list, and the file that it becomes.
#[derive(Debug)]
pub(crate) struct ExportCall<T: Entity> {
    pub(crate) params: ListParams<T>,
    /// All of them if empty.
    pub(crate) fields: Vec<String>,
    pub(crate) format: SheetFormat,
}

/// Reads `format` and the parameters of [`list_call`].
pub(crate) fn export_call<T: Entity>(query: &str) -> Outcome<ExportCall<T>> {
    let (format, rest) = format(query)?;
    let ListCall { params, fields } = list_call(&rest)?;
    Ok(ExportCall { params, fields, format: format.unwrap_or_default() })
}

/// Reads `format`, and gives the rest.
pub(super) fn format(query: &str) -> Outcome<(Option<SheetFormat>, String)> {
    let mut format = None;
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "format" {
            rest.append_pair(&name, &value);
            continue;
        }
        let known = SheetFormat::ALL.iter().find(|format| format.as_str() == value);
        let known = known.ok_or_else(|| refused("format must be csv or xlsx".to_owned()))?;
        if format.replace(*known).is_some() {
            return Err(refused("the parameter format is given twice".to_owned()));
        }
    }
    Ok((format, rest.finish()))
}

/// Reads `format` and nothing else.
pub(super) fn only_format(query: &str) -> Outcome<Option<SheetFormat>> {
    let (format, rest) = format(query)?;
    match form_urlencoded::parse(rest.as_bytes()).next() {
        None => Ok(format),
        Some((name, _)) => {
            let name: String = name.chars().take(40).collect();
            Err(refused(format!("unknown parameter {name:?}; known is format")))
        }
    }
}

/// Reads one number, and nothing else.
pub(super) fn number(query: &str, only: &str) -> Outcome<Option<u64>> {
    let mut number = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != only {
            let name: String = name.chars().take(40).collect();
            return Err(refused(format!("unknown parameter {name:?}; known is {only}")));
        }
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let read = value.parse().ok().filter(|_| digits);
        let read = read.ok_or_else(|| refused(format!("{only} must be a whole number")))?;
        if number.replace(read).is_some() {
            return Err(refused(format!("the parameter {only} is given twice")));
        }
    }
    Ok(number)
}

/// Reads `limit` and `cursor`, and nothing else.
pub(crate) fn page(query: &str) -> Outcome<(Option<u16>, Option<String>)> {
    let (mut limit, mut cursor) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let again = match &*name {
            "limit" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let read = value.parse().ok().filter(|_| digits);
                let wrong = || refused(format!("limit must be a number from 1 to {MAX_LIMIT}"));
                limit.replace(read.ok_or_else(wrong)?).is_some()
            }
            "cursor" => cursor.replace(value.into_owned()).is_some(),
            _ => {
                let name: String = name.chars().take(40).collect();
                return Err(refused(format!(
                    "unknown parameter {name:?}; known are limit and cursor"
                )));
            }
        };
        if again {
            return Err(refused(format!("the parameter {name} is given twice")));
        }
    }
    Ok((limit, cursor))
}

/// Reads the parameters of [`AuditParams`], and nothing else.
pub(crate) fn audit_params(query: &str) -> Outcome<AuditParams> {
    let mut params = AuditParams::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        params.accept(&name, &value).map_err(refused)?;
    }
    Ok(params)
}

/// Reads `q`, `in` (several, or with commas) and `limit`, and nothing else.
pub(crate) fn search_params(query: &str) -> Outcome<SearchParams> {
    let mut params = SearchParams::default();
    let mut q = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let again = match &*name {
            "q" => q.replace(value.into_owned()).is_some(),
            "in" => {
                params.collections.extend(value.split(',').map(str::to_owned));
                params.collections.len() > MAX_FIELDS
            }
            "limit" => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let limit = value.parse().ok().filter(|_| digits);
                let wrong = || refused(format!("limit must be a number from 1 to {MAX_HITS}"));
                params.limit.replace(limit.ok_or_else(wrong)?).is_some()
            }
            _ => {
                let name: String = name.chars().take(40).collect();
                return Err(refused(format!(
                    "unknown parameter {name:?}; known are q, in and limit"
                )));
            }
        };
        if again {
            return Err(refused(format!("the parameter {name} is given twice")));
        }
    }
    params.q = q.ok_or_else(|| refused("q must say what to search for".to_owned()))?;
    Ok(params)
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
