//! Search over all collections, in one statement.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::list::unknown;
use super::snippet::Words;
use super::table::Search;
use crate::db::{Access, Call, Executor, Plan, translate};
use crate::error::{Error, Result};
use crate::model::{
    DEFAULT_HITS, ErrorCode, Hit, MAX_HITS, MAX_QUERY, Permissions, SearchParams, SearchResult,
};

/// Refuses what nothing can be found by.
pub(super) fn check(q: &str) -> Result<()> {
    let refused = |why: String| Err(Error::new(ErrorCode::InvalidQuery, why));
    if q.chars().count() > MAX_QUERY {
        return refused(format!("q can have at most {MAX_QUERY} characters"));
    }
    if q.contains('\0') || !q.chars().any(char::is_alphanumeric) {
        return refused("q must have a letter or a digit, and no U+0000".to_owned());
    }
    Ok(())
}

pub(crate) async fn search(
    executor: &impl Executor,
    params: &SearchParams,
) -> Result<SearchResult> {
    check(&params.q)?;
    let limit = match params.limit {
        None => DEFAULT_HITS,
        Some(limit) if (1..=MAX_HITS).contains(&limit) => limit,
        Some(_) => {
            let why = format!("limit must be a number from 1 to {MAX_HITS}");
            return Err(Error::new(ErrorCode::InvalidQuery, why));
        }
    };
    let searched = match searched(&params.collections, executor.scope().permissions()) {
        Err(error) if error.is_forbidden() => return Err(executor.refuse(error).await),
        searched => searched?,
    };
    let each: Vec<&str> = searched.iter().map(|(_, search)| search.sql).collect();
    let sql = format!(
        "select * from ({}) as found order by rank, updated_at desc, id limit $3",
        each.join(" union all ")
    );
    let fetch = i64::from(limit);
    let bound: [&(dyn ToSql + Sync); 2] = [&params.q, &fetch];
    // Its text is one of a few only as long as all collections are searched.
    let types = [Type::UUID, Type::TEXT, Type::INT8];
    let call = Call { sql: &sql, params: &bound, plan: Plan::EachTime(&types) };
    let found = executor.run(Access::read(Permissions::NONE), &[call]).await?;

    let words = Words::of(&params.q);
    let mut data = Vec::with_capacity(found[0].len());
    for row in &found[0] {
        data.push(hit(row, &words, &searched).map_err(translate)?);
    }
    Ok(SearchResult { data })
}

type Searched = Vec<(&'static str, Search)>;

/// The collections that are asked for; if none is, all that may be seen.
fn searched(names: &[String], may: Permissions) -> Result<Searched> {
    let all = super::registered();
    let known: Vec<&str> = all.iter().map(|table| table.collection).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown("in", name, &known, ""));
    }
    let mut searched = Searched::new();
    let mut missing = Permissions::NONE;
    for table in all {
        let asked = names.iter().any(|name| name == table.collection);
        if !may.contain(table.to_read.narrowest().into()) {
            if asked || names.is_empty() {
                missing = missing.with(table.to_read.narrowest());
            }
        } else if asked || names.is_empty() {
            searched.push((table.collection, table.search));
        }
    }
    if searched.is_empty() || !names.is_empty() && !missing.is_empty() {
        return Err(Error::forbidden(missing));
    }
    Ok(searched)
}

fn hit(row: &Row, words: &Words, searched: &Searched) -> Result<Hit, tokio_postgres::Error> {
    let (collection, id): (String, Uuid) = (row.try_get(0)?, row.try_get(1)?);
    let title: String = row.try_get(2)?;
    let texts: Vec<Option<String>> = row.try_get(3)?;
    let fields = searched.iter().find(|(name, _)| *name == collection).map(|(_, it)| it.fields);
    let fields = fields.unwrap_or_default();
    // The title if it has any of the words, else the first text that has.
    let texts = std::iter::once(Some(title.as_str())).chain(texts.iter().map(Option::as_deref));
    let found = fields.iter().zip(texts).find_map(|(field, text)| {
        let snippet = words.snippet(text?)?;
        Some(((*field).to_owned(), snippet))
    });
    let (field, snippet) = found.unwrap_or_else(|| {
        let field = fields.first().copied().unwrap_or_default().to_owned();
        (field, Words::plain(&title))
    });
    Ok(Hit { collection, id, title, field, snippet })
}
