//! The part about an account's records.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tokio_postgres::{Error as PgError, Row};

use super::tasks::{self, Mine};
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::Result;
use crate::model::{
    BudgetTotal, ClientStatus, DashboardWork, Entity, MyTasks, Permission, Permissions, Pipeline,
    ProjectStatus, RecentActivity, RecentRecord, RecordCount, Task, TaskStatus,
};
use crate::repo::{BUDGETS, BY_STATUS, RegisteredTable, Statement, Table, Whose, registered};
use crate::tenant::TenantScope;

/// The latest entries that the scope may read, in short.
pub(crate) const ACTIVITY: &str = "select e.id, e.at, e.action, e.subject, e.record_id, e.user_id, m.name
     from nexo.audit_log e left join nexo.memberships m on m.account_id = $1 and m.user_id = e.user_id
     where e.account_id = $1 order by e.id desc limit 20";

/// The most records that changed last.
const RECENT: usize = 20;

/// What an answer of the flush is.
#[derive(Debug, Clone, Copy)]
enum Part {
    Active(&'static str),
    Archived(&'static str),
    ByStatus(&'static str),
    Budgets,
    Recent(&'static str),
    Activity,
    MyTasks,
}

impl Database {
    /// How much there is, what changed and what the scope's user has to do: as far
    /// as the scope sees records, in one round trip.
    ///
    /// # Errors
    /// `session_ended`; `second_factor_missing`; `unavailable` or `overloaded`.
    pub async fn dashboard_work(&self, scope: &TenantScope) -> Result<DashboardWork> {
        let (executor, may) = (self.scoped(scope), scope.permissions());
        if may.lack_second_factor() {
            executor.permit(Permission::ClientReadOwn.into()).await?;
        }
        let all = registered();
        let sees = |table: &&RegisteredTable| may.contain(table.to_read.narrowest().into());
        let seen: Vec<&RegisteredTable> = all.iter().filter(sees).collect();
        let whose: Vec<Whose> = seen.iter().map(|table| (table.overview.whose)(scope)).collect();
        // The audit log is for those who see all records.
        let is_limited = scope.user_id().is_some() && may.limits().any;
        let tells = may.contain(Permission::AuditRead.into()) && !is_limited;

        let mut asked: Vec<(Part, Statement<'_>)> = Vec::new();
        for (table, whose) in seen.iter().zip(&whose) {
            let (name, overview) = (table.collection, &table.overview);
            asked.push((Part::Archived(name), (overview.count)(whose, true)));
            // What is told by status is counted by that.
            let by_status = BY_STATUS.iter().find(|grouped| grouped.collection == name);
            asked.push(match by_status {
                Some(grouped) => (Part::ByStatus(name), (grouped.statement)(whose)),
                None if name == BUDGETS.collection => (Part::Budgets, (BUDGETS.statement)(whose)),
                None => (Part::Active(name), (overview.count)(whose, false)),
            });
            if !tells {
                asked.push((Part::Recent(name), (overview.recent)(whose)));
            }
        }
        let sees_tasks = may.visibility(Task::TO_READ).is_some();
        let mine = scope.user_id().filter(|_| sees_tasks).map(|user| Mine { user, is_limited });
        let text = mine.map(tasks::statement);
        let params = mine.as_ref().map(Mine::params);

        let mut parts: Vec<Part> = asked.iter().map(|(part, _)| *part).collect();
        let mut calls: Vec<Call<'_>> =
            asked.iter().map(|(_, statement)| statement.call()).collect();
        if let (Some(text), Some(params)) = (&text, &params) {
            parts.push(Part::MyTasks);
            calls.push(Call::new(text, params));
        }
        if tells {
            parts.push(Part::Activity);
            calls.push(Call::new(ACTIVITY, &[]));
        }
        let rows = executor.run(Access::read(Permissions::NONE), &calls).await?;

        let mut work = nothing(&all);
        if !tells {
            work.recent_records = Some(Vec::new());
        }
        for (part, rows) in parts.iter().zip(&rows) {
            read(&mut work, *part, rows).map_err(translate)?;
        }
        if let Some(recent) = &mut work.recent_records {
            recent.sort_by_key(|record| Reverse((record.updated_at, record.id)));
            recent.truncate(RECENT);
        }
        Ok(work)
    }
}

/// As somebody sees it who sees nothing.
fn nothing(all: &[RegisteredTable]) -> DashboardWork {
    DashboardWork {
        counts: all.iter().map(|table| (table.collection.to_owned(), None)).collect(),
        pipeline: Pipeline::default(),
        budgets: None,
        my_tasks: None,
        recent_activity: None,
        recent_records: None,
    }
}

fn read(work: &mut DashboardWork, part: Part, rows: &[Row]) -> Result<(), PgError> {
    let first = rows.first();
    match part {
        Part::Active(name) => count_of(work, name).active = number(first, 0)?,
        Part::Archived(name) => count_of(work, name).archived = number(first, 0)?,
        Part::ByStatus(name) => {
            let statuses = by_status(name, rows, 1)?;
            count_of(work, name).active = statuses.values().sum();
            match name {
                "clients" => work.pipeline.clients = Some(statuses),
                _ => work.pipeline.tasks = Some(statuses),
            }
        }
        Part::Budgets => {
            let statuses = by_status(BUDGETS.collection, rows, 2)?;
            count_of(work, BUDGETS.collection).active = statuses.values().sum();
            work.pipeline.projects = Some(statuses);
            work.budgets = Some(budgets(rows)?);
        }
        Part::Recent(name) => {
            let recent = work.recent_records.get_or_insert_default();
            for row in rows {
                recent.push(RecentRecord {
                    collection: name.to_owned(),
                    id: row.try_get(0)?,
                    title: row.try_get(1)?,
                    updated_at: row.try_get(2)?,
                });
            }
        }
        Part::Activity => {
            work.recent_activity = Some(rows.iter().map(activity).collect::<Result<_, _>>()?);
        }
        Part::MyTasks => {
            // They stand at the end of each row; without a row there are none.
            let width = first.map_or(0, Row::len);
            let [open, overdue] = [2, 1].map(|from_end| width.saturating_sub(from_end));
            let (open, overdue) = (number(first, open)?, number(first, overdue)?);
            let data = rows.iter().map(Task::from_row).collect::<Result<_, _>>()?;
            work.my_tasks = Some(MyTasks { open, overdue, data });
        }
    }
    Ok(())
}

fn count_of<'a>(work: &'a mut DashboardWork, name: &str) -> &'a mut RecordCount {
    work.counts.entry(name.to_owned()).or_default().get_or_insert_default()
}

/// A count in a column; none without a row.
pub(super) fn number(row: Option<&Row>, at: usize) -> Result<u64, PgError> {
    let counted: i64 = row.map_or(Ok(0), |row| row.try_get(at))?;
    Ok(u64::try_from(counted).unwrap_or_default())
}

/// The counts of a column by the first one's words, with those of which there is none.
fn by_status(name: &str, rows: &[Row], count: usize) -> Result<BTreeMap<String, u64>, PgError> {
    let words: Vec<&str> = match name {
        "clients" => ClientStatus::ALL.iter().map(|status| status.as_str()).collect(),
        "tasks" => TaskStatus::ALL.iter().map(|status| status.as_str()).collect(),
        _ => ProjectStatus::ALL.iter().map(|status| status.as_str()).collect(),
    };
    let mut statuses: BTreeMap<String, u64> =
        words.into_iter().map(|word| (word.to_owned(), 0)).collect();
    for row in rows {
        *statuses.entry(row.try_get(0)?).or_default() += number(Some(row), count)?;
    }
    Ok(statuses)
}

fn budgets(rows: &[Row]) -> Result<Vec<BudgetTotal>, PgError> {
    let mut totals: BTreeMap<String, (u64, i128, i128)> = BTreeMap::new();
    for row in rows {
        let (status, currency): (ProjectStatus, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?);
        let Some(currency) = currency else { continue };
        let sum: Option<String> = row.try_get(4)?;
        // A sum of whole numbers is one, and no account has as many as would not fit.
        let sum: i128 = sum.and_then(|sum| sum.parse().ok()).unwrap_or_default();
        let total = totals.entry(currency).or_default();
        total.0 += number(Some(row), 3)?;
        total.1 += sum;
        if !matches!(status, ProjectStatus::Completed | ProjectStatus::Cancelled) {
            total.2 += sum;
        }
    }
    let told = |(currency, (projects, total, open))| BudgetTotal {
        currency,
        projects,
        total: decimal(total),
        open: decimal(open),
    };
    Ok(totals.into_iter().map(told).collect())
}

/// Ten-thousandths as a [`Decimal`](crate::model::Decimal) is written, however many.
fn decimal(parts: i128) -> String {
    let (whole, rest) = (parts / 10_000, parts % 10_000);
    match (rest % 100, rest % 10) {
        (0, _) => format!("{whole}.{:02}", rest / 100),
        (_, 0) => format!("{whole}.{:03}", rest / 10),
        _ => format!("{whole}.{rest:04}"),
    }
}

fn activity(row: &Row) -> Result<RecentActivity, PgError> {
    Ok(RecentActivity {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        action: row.try_get(2)?,
        subject: row.try_get(3)?,
        record_id: row.try_get(4)?,
        user_id: row.try_get(5)?,
        user_name: row.try_get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use crate::model::Decimal;

    #[test]
    fn sums_are_written_as_amounts_are() {
        for parts in [0, 1, 10, 100, 12_500, 12_505, 12_550, 9_999_999, i64::MAX] {
            let amount = Decimal::from_ten_thousandths(parts).to_string();
            assert_eq!(decimal(parts.into()), amount);
        }
        assert_eq!(decimal(i128::from(i64::MAX) + 1), "922337203685477.5808");
    }
}
