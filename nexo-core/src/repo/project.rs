//! Projects in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{Day, SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Expansion, Order, Reference, Search, Table, UPDATED, Upsert, row_statements, search,
    transfer,
};
use crate::model::{Client, Employee, NewProject, Professional, Project, ProjectPatch};

/// The columns of every row that is read, in the order of `from_row`. Members
/// are read with their project: they are a part of it. The last two only let
/// lists be merged by them.
macro_rules! columns {
    () => {
        "id, external_id, client_id, name, code, description, status, starts_on, ends_on, budget, currency, owner_id,
         array(select jsonb_strip_nulls(jsonb_build_object(
                   'employee_id', m.employee_id, 'professional_id', m.professional_id, 'role', m.role))
               from nexo.project_members m
               where m.account_id = $1 and m.project_id = projects.id
               order by m.position) as members,
         version, created_at, created_by, updated_at, archived_at, starts_on_sort, ends_on_sort"
    };
}

/// The same of a row that this very statement writes, and whose members it can
/// therefore not read.
macro_rules! written {
    ($members:literal) => {
        concat!(
            "select id, external_id, client_id, name, code, description, status, starts_on, ends_on, budget,
                    currency, owner_id, ",
            $members,
            " as members, version, created_at, created_by, updated_at, archived_at from project"
        )
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "with project as (
                 insert into nexo.projects
                     (account_id, id, created_by, external_id, client_id, name, code, description, status, starts_on,
                      ends_on, budget, currency, owner_id)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce($14::uuid, $3))
                 ",
            $conflict,
            "
                 returning *
             ), members as (
                 insert into nexo.project_members (account_id, project_id, position, employee_id, professional_id, role)
                 select $1, project.id, m.position, (m.member->>'employee_id')::uuid,
                        (m.member->>'professional_id')::uuid, m.member->>'role'
                 from project, unnest($15::jsonb[]) with ordinality as m (member, position)
             ) ",
            written!("$15::jsonb[]")
        )
    };
}

/// Replaces the row that it is about.
macro_rules! replace {
    ($which:literal) => {
        concat!(
            "with project as (
                 update nexo.projects
                 set external_id = $4, client_id = $5, name = $6, code = $7, description = $8, status = $9,
                     starts_on = $10, ends_on = $11, budget = $12, currency = $13,
                     owner_id = coalesce($14, owner_id), version = version + 1, updated_at = now()
                 where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
                 returning *
             ), fewer as (
                 delete from nexo.project_members m using project
                 where m.account_id = $1 and m.project_id = project.id and m.position > cardinality($15::jsonb[])
             ), members as (
                 insert into nexo.project_members (account_id, project_id, position, employee_id, professional_id, role)
                 select $1, project.id, m.position, (m.member->>'employee_id')::uuid,
                        (m.member->>'professional_id')::uuid, m.member->>'role'
                 from project, unnest($15::jsonb[]) with ordinality as m (member, position)
                 on conflict (account_id, project_id, position) do update
                 set employee_id = excluded.employee_id, professional_id = excluded.professional_id, role = excluded.role
             ) ",
            written!("$15::jsonb[]")
        )
    };
}

impl Table for Project {
    row_statements!("nexo.projects", columns!());

    /// Without it, of two concurrent changes the second would not see, and so
    /// not remove, the members that the first has added.
    const LOCK: Option<&'static str> =
        Some("select id from nexo.projects where account_id = $1 and id = $2 for no key update");

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[
        Upsert {
            key: "external_id",
            insert: insert!("on conflict (account_id, external_id) do nothing"),
            replace: replace!("external_id = $4 and id <> $2"),
        },
        Upsert {
            key: "code",
            insert: insert!("on conflict (account_id, code) do nothing"),
            replace: replace!("code = $7 and id <> $2"),
        },
    ];

    const PATCH: &'static str = concat!(
        "with project as (
             update nexo.projects
             set external_id = case when $4 then $5 else external_id end,
                 client_id   = case when $6 then $7 else client_id end,
                 name        = coalesce($8, name),
                 code        = case when $9 then $10 else code end,
                 description = case when $11 then $12 else description end,
                 status      = coalesce($13, status),
                 starts_on   = case when $14 then $15 else starts_on end,
                 ends_on     = case when $16 then $17 else ends_on end,
                 budget      = case when $18 then $19 else budget end,
                 currency    = case when $20 then $21 else currency end,
                 owner_id    = case when $22 then $23 else owner_id end,
                 version = version + 1, updated_at = now()
             where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
             returning *
         ), fewer as (
             delete from nexo.project_members m using project
             where $24 and m.account_id = $1 and m.project_id = project.id
               and m.position > coalesce(cardinality($25::jsonb[]), 0)
         ), members as (
             insert into nexo.project_members (account_id, project_id, position, employee_id, professional_id, role)
             select $1, project.id, m.position, (m.member->>'employee_id')::uuid,
                    (m.member->>'professional_id')::uuid, m.member->>'role'
             from project, unnest($25::jsonb[]) with ordinality as m (member, position)
             on conflict (account_id, project_id, position) do update
             set employee_id = excluded.employee_id, professional_id = excluded.professional_id, role = excluded.role
         ) ",
        written!(
            "case when $24 then coalesce($25::jsonb[], '{}') else
                 array(select jsonb_strip_nulls(jsonb_build_object(
                           'employee_id', m.employee_id, 'professional_id', m.professional_id, 'role', m.role))
                       from nexo.project_members m
                       where m.account_id = $1 and m.project_id = project.id
                       order by m.position) end"
        )
    );

    const ORDERS: &'static [Order] = &[
        CREATED,
        UPDATED,
        Order { name: "name", column: "name", kind: SortKind::Text },
        Order { name: "starts_on", column: "starts_on_sort", kind: SortKind::Date },
        Order { name: "ends_on", column: "ends_on_sort", kind: SortKind::Date },
    ];

    const MERGED: &'static [(&'static str, &'static str)] = &[
        ("status", "created_at"),
        ("client_id", "created_at"),
        ("owner_id", "created_at"),
        ("currency", "created_at"),
        ("owner_id", "updated_at"),
        ("owner_id", "name"),
        ("owner_id", "starts_on"),
        ("owner_id", "ends_on"),
    ];

    const OWNERS: &'static [&'static str] = &["owner_id"];

    const TRANSFER: Option<&'static str> = transfer!("nexo.projects");

    const REFERENCES: &'static [Reference] = &[
        Reference {
            field: "client_id",
            target: "nexo.clients",
            count: "select count(*) from (select from nexo.projects
                    where account_id = $1 and client_id = $2 limit 100) as bounded",
            list: "select id, name, null::text from nexo.projects
                   where account_id = $1 and client_id = $2 order by id limit $3",
        },
        Reference {
            field: "members[].employee_id",
            target: "nexo.employees",
            count: "select count(*) from (select from nexo.project_members m
                    join nexo.projects p on p.account_id = $1 and p.id = m.project_id
                    where m.account_id = $1 and m.employee_id = $2 limit 100) as bounded",
            list: "select p.id, p.name, m.role from nexo.project_members m
                   join nexo.projects p on p.account_id = $1 and p.id = m.project_id
                   where m.account_id = $1 and m.employee_id = $2 order by p.id limit $3",
        },
        Reference {
            field: "members[].professional_id",
            target: "nexo.professionals",
            count: "select count(*) from (select from nexo.project_members m
                    join nexo.projects p on p.account_id = $1 and p.id = m.project_id
                    where m.account_id = $1 and m.professional_id = $2 limit 100) as bounded",
            list: "select p.id, p.name, m.role from nexo.project_members m
                   join nexo.projects p on p.account_id = $1 and p.id = m.project_id
                   where m.account_id = $1 and m.professional_id = $2 order by p.id limit $3",
        },
    ];

    const EXPANSIONS: &'static [Expansion] = &[
        Expansion::of::<Client>("client", "id in (select page.client_id from ({page}) as page)"),
        Expansion::of::<Employee>(
            "members",
            "id in (select m.employee_id from ({page}) as page
                    join nexo.project_members m on m.account_id = $1 and m.project_id = page.id)",
        ),
        Expansion::of::<Professional>(
            "members",
            "id in (select m.professional_id from ({page}) as page
                    join nexo.project_members m on m.account_id = $1 and m.project_id = page.id)",
        ),
    ];

    const SEARCH: Search =
        search!("nexo.projects", "projects", "name", ["code", "description", "external_id"]);

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            client_id: row.try_get(2)?,
            name: row.try_get(3)?,
            code: row.try_get(4)?,
            description: row.try_get(5)?,
            status: row.try_get(6)?,
            starts_on: row.try_get(7)?,
            ends_on: row.try_get(8)?,
            budget: row.try_get(9)?,
            currency: row.try_get(10)?,
            owner_id: row.try_get(11)?,
            members: row.try_get(12)?,
            version: row.try_get(13)?,
            created_at: row.try_get(14)?,
            created_by: row.try_get(15)?,
            updated_at: row.try_get(16)?,
            archived_at: row.try_get(17)?,
        })
    }

    fn new_params(new: &NewProject) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.client_id,
            &new.name,
            &new.code,
            &new.description,
            &new.status,
            &new.starts_on,
            &new.ends_on,
            &new.budget,
            &new.currency,
            &new.owner_id,
            &new.members,
        ]
    }

    fn has_key(new: &NewProject, key: &str) -> bool {
        match key {
            "code" => new.code.is_some(),
            _ => new.external_id.is_some(),
        }
    }

    fn patch_params(patch: &ProjectPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            says(&patch.client_id),
            &patch.client_id,
            &patch.name,
            says(&patch.code),
            &patch.code,
            says(&patch.description),
            &patch.description,
            &patch.status,
            says(&patch.starts_on),
            &patch.starts_on,
            says(&patch.ends_on),
            &patch.ends_on,
            says(&patch.budget),
            &patch.budget,
            says(&patch.currency),
            &patch.currency,
            says(&patch.owner_id),
            &patch.owner_id,
            says(&patch.members),
            &patch.members,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "updated_at" => SortKey::Time(self.updated_at),
            "name" => SortKey::Text(self.name.clone()),
            "starts_on" => SortKey::Date(Day(self.starts_on)),
            "ends_on" => SortKey::Date(Day(self.ends_on)),
            _ => SortKey::Time(self.created_at),
        }
    }
}
