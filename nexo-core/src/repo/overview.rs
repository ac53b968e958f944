//! What a dashboard asks of each kind of record.

use super::list::{Conditions, Statement, USUAL, count, counts_by, page, summary};
use super::owned::Whose;
use super::table::Table;
use crate::model::{Client, Entity, Project, Task};
use crate::tenant::TenantScope;

/// The statements that sum up a table, whatever its entity. Each comes to the rows
/// that the scope sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overview {
    pub(crate) whose: fn(&TenantScope) -> Whose,
    /// How many there are: those in lists, or those that were archived.
    pub(crate) count: for<'a> fn(&'a Whose, bool) -> Statement<'a>,
    /// Id, title and time of those that changed last.
    pub(crate) recent: for<'a> fn(&'a Whose) -> Statement<'a>,
}

impl Overview {
    pub(super) fn of<T: Table>() -> Self {
        Self { whose: Whose::by::<T>, count: counted::<T>, recent: recent::<T> }
    }
}

fn counted<T: Table>(whose: &Whose, archived: bool) -> Statement<'_> {
    count::<T>(&Conditions::unasked::<T>(whose, archived), false)
}

fn recent<T: Table>(whose: &Whose) -> Statement<'_> {
    let order = T::ORDERS.iter().find(|order| order.name == "updated_at");
    let order = order.expect("every table is ordered by the last change");
    let conditions = Conditions::unasked::<T>(whose, false);
    // A page as any list's, whose columns the planner then leaves out.
    let mut page = page::<T>(&conditions, order, true, None, &USUAL);
    page.sql = format!(
        "select id, {}, updated_at from ({}) as page order by updated_at desc, id desc limit 20",
        T::SEARCH.fields[0],
        page.sql
    );
    page
}

/// A table's rows by what they have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grouped {
    pub(crate) collection: &'static str,
    pub(crate) statement: for<'a> fn(&'a Whose) -> Statement<'a>,
}

/// Where records stand: each has an index that begins with its status.
pub(crate) const BY_STATUS: [Grouped; 2] = [
    Grouped {
        collection: Client::COLLECTION,
        statement: |whose| by_status::<Client>(whose, "'lead', 'active', 'inactive'"),
    },
    Grouped {
        collection: Task::COLLECTION,
        statement: |whose| {
            by_status::<Task>(whose, "'todo', 'in_progress', 'blocked', 'done', 'cancelled'")
        },
    },
];

/// Projects by status and currency, how many, how many of them with a budget, and
/// the sum of those, in ten-thousandths.
pub(crate) const BUDGETS: Grouped = Grouped {
    collection: Project::COLLECTION,
    statement: |whose| {
        let what = "status, currency, count(*), count(budget), sum(budget)::text";
        summary::<Project>(&Conditions::unasked::<Project>(whose, false), what, "status, currency")
    },
};

fn by_status<'a, T: Table>(whose: &'a Whose, statuses: &'static str) -> Statement<'a> {
    counts_by::<T>(&Conditions::unasked::<T>(whose, false), "status", statuses)
}

/// The statements of a table that give rows, for tests of all of them.
#[cfg(feature = "testing")]
pub(crate) fn of_table<T: Table>(whose: &Whose) -> Vec<Statement<'_>> {
    let grouped = BY_STATUS.iter().chain([&BUDGETS]);
    let grouped = grouped.filter(|grouped| grouped.collection == T::COLLECTION);
    let mut statements = vec![recent::<T>(whose)];
    statements.extend(grouped.map(|grouped| (grouped.statement)(whose)));
    statements
}
