//! What somebody has to do.

use tokio_postgres::types::ToSql;

use crate::model::{Id, Task, User};
use crate::repo::Table;

/// Whose tasks they are: the user's, and those of the employee that they are.
macro_rules! mine {
    ($employee:expr) => {
        concat!("(owner_id = $2 or assignee_employee_id = ", $employee, ")")
    };
}

/// An account has one employee at most who is a user.
macro_rules! employee {
    () => {
        "(select e.id from nexo.employees e where e.account_id = $1 and e.user_id = $2)"
    };
}

const MINE: &str = mine!(employee!());
/// Whoever sees only some records is told which employee they are, even where they
/// read none.
const MINE_OF_LIMITED: &str = mine!(concat!(
    "coalesce(nullif(split_part(current_setting('nexo.own', true), ',', 2), '')::uuid, ",
    employee!(),
    ")"
));

/// What is still to be done.
const OPEN: &str = "archived_at is null and status in ('todo', 'in_progress', 'blocked')";

/// Who asks, and as which role their statements run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mine {
    pub(crate) user: Id<User>,
    pub(crate) is_limited: bool,
}

impl Mine {
    fn condition(self) -> &'static str {
        if self.is_limited { MINE_OF_LIMITED } else { MINE }
    }

    /// The parameters of the statement, but the account.
    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 1] {
        [&self.user]
    }
}

/// `$2` user: the tasks that are due soonest, and with each how many there are, and how
/// many whose last day is over. They are looked for once, and read whole only if shown.
pub(crate) fn statement(mine: Mine) -> String {
    format!(
        "with mine as materialized (
             select id, due_on_sort from nexo.tasks where account_id = $1 and {OPEN} and {}
         ), counted as (
             select count(*) as open, count(*) filter (where due_on_sort < (now() at time zone 'utc')::date) as overdue
             from mine
         )
         select page.*, counted.open, counted.overdue
         from ({} and id = any(array(select id from mine order by due_on_sort, id limit 20))) as page
         cross join counted order by page.due_on_sort, page.id",
        mine.condition(),
        Task::SELECT
    )
}
