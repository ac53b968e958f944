//! Departments in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Expansion, Order, Reference, Search, Table, UPDATED, Upsert, row_statements, search,
};
use crate::model::{Department, DepartmentPatch, Employee, NewDepartment};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, external_id, name, parent_id, head_id, version, created_at, created_by, \
         updated_at, archived_at"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.departments
                (account_id, id, created_by, external_id, name, parent_id, head_id)
             values ($1, $2, $3, $4, $5, $6, $7)
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
            "update nexo.departments
             set external_id = $4, name = $5, parent_id = $6, head_id = $7, version = version + 1, updated_at = now()
             where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
             returning ",
            columns!()
        )
    };
}

impl Table for Department {
    row_statements!("nexo.departments", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[Upsert {
        key: "external_id",
        insert: insert!("on conflict (account_id, external_id) do nothing"),
        replace: replace!("external_id = $4 and id <> $2"),
    }];

    const PATCH: &'static str = concat!(
        "update nexo.departments
         set external_id = case when $4 then $5 else external_id end,
             name        = coalesce($6, name),
             parent_id   = case when $7 then $8 else parent_id end,
             head_id     = case when $9 then $10 else head_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ORDERS: &'static [Order] =
        &[CREATED, UPDATED, Order { name: "name", column: "name", kind: SortKind::Text }];

    const MERGED: &'static [(&'static str, &'static str)] =
        &[("parent_id", "created_at"), ("head_id", "created_at")];

    const REFERENCES: &'static [Reference] = &[
        Reference {
            field: "parent_id",
            target: "nexo.departments",
            count: "select count(*) from (select from nexo.departments
                    where account_id = $1 and parent_id = $2 limit 100) as bounded",
            list: "select id, name, null::text from nexo.departments
                   where account_id = $1 and parent_id = $2 order by id limit $3",
        },
        Reference {
            field: "head_id",
            target: "nexo.employees",
            count: "select count(*) from (select from nexo.departments
                    where account_id = $1 and head_id = $2 limit 100) as bounded",
            list: "select id, name, null::text from nexo.departments
                   where account_id = $1 and head_id = $2 order by id limit $3",
        },
    ];

    const EXPANSIONS: &'static [Expansion] = &[
        Expansion::of::<Department>(
            "parent",
            "id in (select page.parent_id from ({page}) as page)",
        ),
        Expansion::of::<Employee>("head", "id in (select page.head_id from ({page}) as page)"),
    ];

    const SEARCH: Search = search!("nexo.departments", "departments", "name", ["external_id"]);

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            name: row.try_get(2)?,
            parent_id: row.try_get(3)?,
            head_id: row.try_get(4)?,
            version: row.try_get(5)?,
            created_at: row.try_get(6)?,
            created_by: row.try_get(7)?,
            updated_at: row.try_get(8)?,
            archived_at: row.try_get(9)?,
        })
    }

    fn new_params(new: &NewDepartment) -> Vec<&(dyn ToSql + Sync)> {
        vec![&new.external_id, &new.name, &new.parent_id, &new.head_id]
    }

    fn has_key(new: &NewDepartment, _key: &str) -> bool {
        new.external_id.is_some()
    }

    fn patch_params(patch: &DepartmentPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            &patch.name,
            says(&patch.parent_id),
            &patch.parent_id,
            says(&patch.head_id),
            &patch.head_id,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "updated_at" => SortKey::Time(self.updated_at),
            "name" => SortKey::Text(self.name.clone()),
            _ => SortKey::Time(self.created_at),
        }
    }
}
