//! Which rows of a list are walked, where not all are to be seen.
//!
//! The policies hide what is not to be seen in any case. The conditions here let
//! an index find what is.

use super::table::Table;
use crate::model::{Id, User, Visibility};
use crate::tenant::TenantScope;

/// Whose rows a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Everybody's.
    All,
    /// Those of this user, who is the only one.
    Of(Id<User>),
    /// Those of the ids that the transaction was told: its user and the employee
    /// that this is, or those of the team.
    Told(&'static str),
}

impl Whose {
    /// As the scope sees `T`.
    pub(crate) fn by<T: Table>(scope: &TenantScope) -> Self {
        match (scope.permissions().visibility(T::TO_READ), scope.user_id()) {
            _ if T::OWNERS.is_empty() => Self::All,
            (Some(Visibility::Own), Some(user)) if T::OWNERS.len() == 1 => Self::Of(user),
            (Some(Visibility::Own), Some(_)) => Self::Told("nexo.own"),
            (Some(Visibility::Team), Some(_)) => Self::Told("nexo.team"),
            // Without anything to be seen, nothing is asked for.
            _ => Self::All,
        }
    }
}

/// The ids that a setting of the transaction holds.
fn ids(setting: &str) -> String {
    format!("nexo.visible_ids('{setting}')")
}

/// The rows as one condition: for what is few, or counted.
pub(super) fn condition<T: Table>(setting: &str) -> String {
    // One's own are two ids at most, the user's and then the employee's. Of an array
    // PostgreSQL expects ten, for which it would rather read the whole table.
    if let ([owner, assignee], "nexo.own") = (T::OWNERS, setting) {
        return format!(
            " and ({owner} = split_part(current_setting('nexo.own', true), ',', 1)::uuid \
             or {assignee} = nullif(split_part(current_setting('nexo.own', true), ',', 2), '')::uuid)"
        );
    }
    let of = |owner: &&str| format!("{owner} = any(array(select {}))", ids(setting));
    format!(" and ({})", T::OWNERS.iter().map(of).collect::<Vec<_>>().join(" or "))
}

/// What each way to own a row begins with: a list is put together from one ordered
/// piece for each owner and way.
pub(super) fn piece_begins(setting: &str) -> String {
    let ids = ids(setting);
    format!("select page.* from (select distinct {ids} as value) as wanted cross join lateral (")
}

/// The condition of such a piece, which leaves out what the ways before it have.
pub(super) fn piece<T: Table>(setting: &str, way: usize) -> String {
    let mut condition = format!(" and {} = wanted.value", T::OWNERS[way]);
    for before in &T::OWNERS[..way] {
        condition.push_str(&format!(
            " and coalesce({before} <> all(array(select {})), true)",
            ids(setting)
        ));
    }
    condition
}
