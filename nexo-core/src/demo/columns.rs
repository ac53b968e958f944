//! Records as the columns of one statement.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::world::Made;

/// What every record has, as the first parameters after the account.
#[derive(Debug)]
pub(super) struct Stamps {
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    created: Vec<Timestamp>,
    updated: Vec<Timestamp>,
    archived: Vec<Option<Timestamp>>,
}

impl Stamps {
    pub(super) fn of<T>(rows: &[Made<T>]) -> Self {
        Self {
            ids: rows.iter().map(|row| row.stamp.id).collect(),
            versions: rows.iter().map(|row| row.stamp.version).collect(),
            created: rows.iter().map(|row| row.stamp.created_at).collect(),
            updated: rows.iter().map(|row| row.stamp.updated_at).collect(),
            archived: rows.iter().map(|row| row.stamp.archived_at).collect(),
        }
    }

    /// These, and the columns of the content.
    pub(super) fn and<'a>(
        &'a self,
        content: &[&'a (dyn ToSql + Sync)],
    ) -> Vec<&'a (dyn ToSql + Sync)> {
        let mut params: Vec<&(dyn ToSql + Sync)> =
            vec![&self.ids, &self.versions, &self.created, &self.updated, &self.archived];
        params.extend(content);
        params
    }
}

/// One column of the content.
pub(super) fn column<'a, T, C>(rows: &'a [Made<T>], get: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(|row| get(&row.new)).collect()
}

/// Labels as one text, because the arrays of an array must all be of one
/// length. No label has this separator in it.
pub(super) fn joined(labels: &[String]) -> String {
    labels.join("|")
}
