//! Employees in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{Day, SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Erasure, Expansion, Order, Reference, Search, Table, UPDATED, Upsert, erasure,
    row_statements, search,
};
use crate::model::{Department, Employee, EmployeePatch, NewEmployee};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, external_id, employee_code, name, email, phone, title, department_id, \
         manager_id, salary_level, hired_on, left_on, status, user_id, version, created_at, \
         created_by, updated_at, archived_at"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.employees
                (account_id, id, created_by, external_id, employee_code, name, email, phone, title, department_id,
                 manager_id, salary_level, hired_on, left_on, status, user_id)
             values ($1, $2, $3, $4, $5, $6, lower(btrim($7)), $8, $9, $10, $11, $12, $13, $14, $15, $16)
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
            "update nexo.employees
             set external_id = $4, employee_code = $5, name = $6, email = lower(btrim($7)), phone = $8, title = $9,
                 department_id = $10, manager_id = $11, salary_level = $12, hired_on = $13, left_on = $14,
                 status = $15, user_id = $16, version = version + 1, updated_at = now()
             where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
             returning ",
            columns!()
        )
    };
}

impl Table for Employee {
    row_statements!("nexo.employees", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[
        Upsert {
            key: "external_id",
            insert: insert!("on conflict (account_id, external_id) do nothing"),
            replace: replace!("external_id = $4 and id <> $2"),
        },
        Upsert {
            key: "employee_code",
            insert: insert!("on conflict (account_id, employee_code) do nothing"),
            replace: replace!("employee_code = $5 and id <> $2"),
        },
    ];

    const PATCH: &'static str = concat!(
        "update nexo.employees
         set external_id   = case when $4 then $5 else external_id end,
             employee_code = coalesce($6, employee_code),
             name          = coalesce($7, name),
             email         = case when $8 then lower(btrim($9)) else email end,
             phone         = case when $10 then $11 else phone end,
             title         = case when $12 then $13 else title end,
             department_id = case when $14 then $15 else department_id end,
             manager_id    = case when $16 then $17 else manager_id end,
             salary_level  = case when $18 then $19 else salary_level end,
             hired_on      = case when $20 then $21 else hired_on end,
             left_on       = case when $22 then $23 else left_on end,
             status        = coalesce($24, status),
             user_id       = case when $25 then $26 else user_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ERASURE: Option<Erasure> = erasure!(
        "nexo.employees",
        columns!(),
        "external_id = null, employee_code = 'erased-' || replace(id::text, '-', ''), name = 'Erased employee',
             email = null, phone = null, title = null, salary_level = null, hired_on = null,
             left_on = case when status = 'left' then current_date end, user_id = null"
    );

    const ORDERS: &'static [Order] = &[
        CREATED,
        UPDATED,
        Order { name: "name", column: "name", kind: SortKind::Text },
        Order { name: "employee_code", column: "employee_code", kind: SortKind::Text },
        Order { name: "hired_on", column: "hired_on_sort", kind: SortKind::Date },
    ];

    const MERGED: &'static [(&'static str, &'static str)] =
        &[("status", "created_at"), ("department_id", "created_at"), ("manager_id", "created_at")];

    const REFERENCES: &'static [Reference] = &[
        Reference {
            field: "department_id",
            target: "nexo.departments",
            count: "select count(*) from (select from nexo.employees
                    where account_id = $1 and department_id = $2 limit 100) as bounded",
            list: "select id, name, null::text from nexo.employees
                   where account_id = $1 and department_id = $2 order by id limit $3",
        },
        Reference {
            field: "manager_id",
            target: "nexo.employees",
            count: "select count(*) from (select from nexo.employees
                    where account_id = $1 and manager_id = $2 limit 100) as bounded",
            list: "select id, name, null::text from nexo.employees
                   where account_id = $1 and manager_id = $2 order by id limit $3",
        },
    ];

    const EXPANSIONS: &'static [Expansion] = &[
        Expansion::of::<Department>(
            "department",
            "id in (select page.department_id from ({page}) as page)",
        ),
        Expansion::of::<Employee>(
            "manager",
            "id in (select page.manager_id from ({page}) as page)",
        ),
    ];

    const SEARCH: Search = search!(
        "nexo.employees",
        "employees",
        "name",
        ["email", "phone", "employee_code", "title", "external_id"]
    );

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            employee_code: row.try_get(2)?,
            name: row.try_get(3)?,
            email: row.try_get(4)?,
            phone: row.try_get(5)?,
            title: row.try_get(6)?,
            department_id: row.try_get(7)?,
            manager_id: row.try_get(8)?,
            salary_level: row.try_get(9)?,
            hired_on: row.try_get(10)?,
            left_on: row.try_get(11)?,
            status: row.try_get(12)?,
            user_id: row.try_get(13)?,
            version: row.try_get(14)?,
            created_at: row.try_get(15)?,
            created_by: row.try_get(16)?,
            updated_at: row.try_get(17)?,
            archived_at: row.try_get(18)?,
        })
    }

    fn new_params(new: &NewEmployee) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.employee_code,
            &new.name,
            &new.email,
            &new.phone,
            &new.title,
            &new.department_id,
            &new.manager_id,
            &new.salary_level,
            &new.hired_on,
            &new.left_on,
            &new.status,
            &new.user_id,
        ]
    }

    fn has_key(new: &NewEmployee, key: &str) -> bool {
        match key {
            "employee_code" => true,
            _ => new.external_id.is_some(),
        }
    }

    fn patch_params(patch: &EmployeePatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            &patch.employee_code,
            &patch.name,
            says(&patch.email),
            &patch.email,
            says(&patch.phone),
            &patch.phone,
            says(&patch.title),
            &patch.title,
            says(&patch.department_id),
            &patch.department_id,
            says(&patch.manager_id),
            &patch.manager_id,
            says(&patch.salary_level),
            &patch.salary_level,
            says(&patch.hired_on),
            &patch.hired_on,
            says(&patch.left_on),
            &patch.left_on,
            &patch.status,
            says(&patch.user_id),
            &patch.user_id,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "updated_at" => SortKey::Time(self.updated_at),
            "name" => SortKey::Text(self.name.clone()),
            "employee_code" => SortKey::Text(self.employee_code.clone()),
            "hired_on" => SortKey::Date(Day(self.hired_on)),
            _ => SortKey::Time(self.created_at),
        }
    }
}
