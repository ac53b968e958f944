//! Tasks in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{Day, SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Expansion, Order, Reference, Search, Table, UPDATED, Upsert, row_statements, search,
    transfer,
};
use crate::model::{Employee, NewTask, Professional, Project, Task, TaskPatch, TaskPriority};

/// The columns of every row that is read, in the order of `from_row`; the last
/// two only let lists be merged by them.
macro_rules! columns {
    () => {
        "id, external_id, project_id, parent_id, title, description, status, priority, \
         assignee_employee_id, assignee_professional_id, due_on, estimate_hours, spent_hours, \
         completed_at, version, created_at, created_by, updated_at, archived_at, owner_id, \
         due_on_sort, priority_sort"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.tasks
                (account_id, id, created_by, external_id, project_id, parent_id, title, description, status,
                 priority, assignee_employee_id, assignee_professional_id, due_on, estimate_hours, spent_hours,
                 owner_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, coalesce($16::uuid, $3))
             ",
            $conflict,
            " returning ",
            columns!()
        )
    };
}

/// Replaces the row that it is about.
macro_rules! replace {
    ($which:literal) => {
        concat!(
            "update nexo.tasks
             set external_id = $4, project_id = $5, parent_id = $6, title = $7, description = $8, status = $9,
                 priority = $10, assignee_employee_id = $11, assignee_professional_id = $12, due_on = $13,
                 estimate_hours = $14, spent_hours = $15, owner_id = coalesce($16, owner_id),
                 version = version + 1, updated_at = now()
             where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
             returning ",
            columns!()
        )
    };
}

impl Table for Task {
    row_statements!("nexo.tasks", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[Upsert {
        key: "external_id",
        insert: insert!("on conflict (account_id, external_id) do nothing"),
        replace: replace!("external_id = $4 and id <> $2"),
    }];

    const PATCH: &'static str = concat!(
        "update nexo.tasks
         set external_id              = case when $4 then $5 else external_id end,
             project_id               = case when $6 then $7 else project_id end,
             parent_id                = case when $8 then $9 else parent_id end,
             title                    = coalesce($10, title),
             description              = case when $11 then $12 else description end,
             status                   = coalesce($13, status),
             priority                 = coalesce($14, priority),
             assignee_employee_id     = case when $15 then $16 else assignee_employee_id end,
             assignee_professional_id = case when $17 then $18 else assignee_professional_id end,
             due_on                   = case when $19 then $20 else due_on end,
             estimate_hours           = case when $21 then $22 else estimate_hours end,
             spent_hours              = case when $23 then $24 else spent_hours end,
             owner_id                 = case when $25 then $26 else owner_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ORDERS: &'static [Order] = &[
        CREATED,
        UPDATED,
        Order { name: "title", column: "title", kind: SortKind::Text },
        Order { name: "due_on", column: "due_on_sort", kind: SortKind::Date },
        Order { name: "priority", column: "priority_sort", kind: SortKind::Int },
    ];

    const MERGED: &'static [(&'static str, &'static str)] = &[
        ("status", "created_at"),
        ("priority", "created_at"),
        ("project_id", "created_at"),
        ("parent_id", "created_at"),
        ("assignee_id", "created_at"),
        ("status", "due_on"),
        ("assignee_id", "due_on"),
        ("project_id", "due_on"),
        ("priority", "priority"),
        ("owner_id", "created_at"),
        ("owner_id", "updated_at"),
        ("owner_id", "title"),
        ("owner_id", "due_on"),
        ("owner_id", "priority"),
    ];

    const OWNERS: &'static [&'static str] = &["owner_id", "assignee_employee_id"];

    const TRANSFER: Option<&'static str> = transfer!("nexo.tasks");

    const REFERENCES: &'static [Reference] = &[
        Reference {
            field: "project_id",
            target: "nexo.projects",
            count: "select count(*) from (select from nexo.tasks
                    where account_id = $1 and project_id = $2 limit 100) as bounded",
            list: "select id, title, null::text from nexo.tasks
                   where account_id = $1 and project_id = $2 order by id limit $3",
        },
        Reference {
            field: "parent_id",
            target: "nexo.tasks",
            count: "select count(*) from (select from nexo.tasks
                    where account_id = $1 and parent_id = $2 limit 100) as bounded",
            list: "select id, title, null::text from nexo.tasks
                   where account_id = $1 and parent_id = $2 order by id limit $3",
        },
        Reference {
            field: "assignee_employee_id",
            target: "nexo.employees",
            count: "select count(*) from (select from nexo.tasks
                    where account_id = $1 and assignee_employee_id = $2 limit 100) as bounded",
            list: "select id, title, null::text from nexo.tasks
                   where account_id = $1 and assignee_employee_id = $2 order by id limit $3",
        },
        Reference {
            field: "assignee_professional_id",
            target: "nexo.professionals",
            count: "select count(*) from (select from nexo.tasks
                    where account_id = $1 and assignee_professional_id = $2 limit 100) as bounded",
            list: "select id, title, null::text from nexo.tasks
                   where account_id = $1 and assignee_professional_id = $2 order by id limit $3",
        },
    ];

    const EXPANSIONS: &'static [Expansion] = &[
        Expansion::of::<Project>("project", "id in (select page.project_id from ({page}) as page)"),
        Expansion::of::<Task>("parent", "id in (select page.parent_id from ({page}) as page)"),
        Expansion::of::<Employee>(
            "assignee",
            "id in (select page.assignee_employee_id from ({page}) as page)",
        ),
        Expansion::of::<Professional>(
            "assignee",
            "id in (select page.assignee_professional_id from ({page}) as page)",
        ),
    ];

    const SEARCH: Search = search!("nexo.tasks", "tasks", "title", ["description", "external_id"]);

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            project_id: row.try_get(2)?,
            parent_id: row.try_get(3)?,
            title: row.try_get(4)?,
            description: row.try_get(5)?,
            status: row.try_get(6)?,
            priority: row.try_get(7)?,
            assignee_employee_id: row.try_get(8)?,
            assignee_professional_id: row.try_get(9)?,
            due_on: row.try_get(10)?,
            estimate_hours: row.try_get(11)?,
            spent_hours: row.try_get(12)?,
            completed_at: row.try_get(13)?,
            version: row.try_get(14)?,
            created_at: row.try_get(15)?,
            created_by: row.try_get(16)?,
            updated_at: row.try_get(17)?,
            archived_at: row.try_get(18)?,
            owner_id: row.try_get(19)?,
        })
    }

    fn new_params(new: &NewTask) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.project_id,
            &new.parent_id,
            &new.title,
            &new.description,
            &new.status,
            &new.priority,
            &new.assignee_employee_id,
            &new.assignee_professional_id,
            &new.due_on,
            &new.estimate_hours,
            &new.spent_hours,
            &new.owner_id,
        ]
    }

    fn has_key(new: &NewTask, _key: &str) -> bool {
        new.external_id.is_some()
    }

    fn patch_params(patch: &TaskPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            says(&patch.project_id),
            &patch.project_id,
            says(&patch.parent_id),
            &patch.parent_id,
            &patch.title,
            says(&patch.description),
            &patch.description,
            &patch.status,
            &patch.priority,
            says(&patch.assignee_employee_id),
            &patch.assignee_employee_id,
            says(&patch.assignee_professional_id),
            &patch.assignee_professional_id,
            says(&patch.due_on),
            &patch.due_on,
            says(&patch.estimate_hours),
            &patch.estimate_hours,
            says(&patch.spent_hours),
            &patch.spent_hours,
            says(&patch.owner_id),
            &patch.owner_id,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "updated_at" => SortKey::Time(self.updated_at),
            "title" => SortKey::Text(self.title.clone()),
            "due_on" => SortKey::Date(Day(self.due_on)),
            "priority" => SortKey::Int(rank(self.priority)),
            _ => SortKey::Time(self.created_at),
        }
    }
}

/// What `priority_sort` is in the table.
const fn rank(priority: TaskPriority) -> i16 {
    match priority {
        TaskPriority::Low => 1,
        TaskPriority::Normal => 2,
        TaskPriority::High => 3,
        TaskPriority::Urgent => 4,
    }
}
