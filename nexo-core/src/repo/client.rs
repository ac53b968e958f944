//! Clients in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use super::table::{ListSql, Table};
use crate::model::{Change, Client, ClientPatch, NewClient};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, name, kind, email, phone, website, address, status, tags, notes, \
         version, created_at, created_by, updated_at"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from nexo.clients where account_id = $1 ", $rest)
    };
}

impl Table for Client {
    const NAME: &'static str = "nexo.clients";

    const INSERT: &'static str = concat!(
        "insert into nexo.clients
            (account_id, id, created_by, name, kind, email, phone, website, address, status, tags, notes)
         values ($1, $2, $3, $4, $5, lower(btrim($6)), $7, $8, $9, $10, $11, $12)
         returning ",
        columns!()
    );

    const GET: &'static str = select!("and id = $2");

    const REPLACE: &'static str = concat!(
        "update nexo.clients
         set name = $4, kind = $5, email = lower(btrim($6)), phone = $7, website = $8, address = $9,
             status = $10, tags = $11, notes = $12, version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const PATCH: &'static str = concat!(
        "update nexo.clients
         set name    = coalesce($4, name),
             kind    = coalesce($5, kind),
             email   = case when $6 then lower(btrim($7)) else email end,
             phone   = case when $8 then $9 else phone end,
             website = case when $10 then $11 else website end,
             address = case when $12 then $13 else address end,
             status  = coalesce($14, status),
             tags    = case when $15 then coalesce($16::text[], '{}') else tags end,
             notes   = case when $17 then $18 else notes end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const DELETE: &'static str = "delete from nexo.clients
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning id";

    const EXISTS: &'static str = "select id from nexo.clients where account_id = $1 and id = $2";

    const LISTS: &'static [ListSql] = &[
        ListSql {
            column: "created_at",
            kind: SortKind::Time,
            descending: true,
            first: select!("order by created_at desc, id desc limit $2"),
            after: select!(
                "and (created_at, id) < ($3, $4) order by created_at desc, id desc limit $2"
            ),
        },
        ListSql {
            column: "created_at",
            kind: SortKind::Time,
            descending: false,
            first: select!("order by created_at, id limit $2"),
            after: select!("and (created_at, id) > ($3, $4) order by created_at, id limit $2"),
        },
        ListSql {
            column: "updated_at",
            kind: SortKind::Time,
            descending: true,
            first: select!("order by updated_at desc, id desc limit $2"),
            after: select!(
                "and (updated_at, id) < ($3, $4) order by updated_at desc, id desc limit $2"
            ),
        },
        ListSql {
            column: "updated_at",
            kind: SortKind::Time,
            descending: false,
            first: select!("order by updated_at, id limit $2"),
            after: select!("and (updated_at, id) > ($3, $4) order by updated_at, id limit $2"),
        },
        ListSql {
            column: "name",
            kind: SortKind::Text,
            descending: false,
            first: select!("order by name, id limit $2"),
            after: select!("and (name, id) > ($3, $4) order by name, id limit $2"),
        },
        ListSql {
            column: "name",
            kind: SortKind::Text,
            descending: true,
            first: select!("order by name desc, id desc limit $2"),
            after: select!("and (name, id) < ($3, $4) order by name desc, id desc limit $2"),
        },
    ];

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            kind: row.try_get(2)?,
            email: row.try_get(3)?,
            phone: row.try_get(4)?,
            website: row.try_get(5)?,
            address: row.try_get(6)?,
            status: row.try_get(7)?,
            tags: row.try_get(8)?,
            notes: row.try_get(9)?,
            version: row.try_get(10)?,
            created_at: row.try_get(11)?,
            created_by: row.try_get(12)?,
            updated_at: row.try_get(13)?,
        })
    }

    fn new_params(new: &NewClient) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.name,
            &new.kind,
            &new.email,
            &new.phone,
            &new.website,
            &new.address,
            &new.status,
            &new.tags,
            &new.notes,
        ]
    }

    fn patch_params(patch: &ClientPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &patch.name,
            &patch.kind,
            says(&patch.email),
            &patch.email,
            says(&patch.phone),
            &patch.phone,
            says(&patch.website),
            &patch.website,
            says(&patch.address),
            &patch.address,
            &patch.status,
            says(&patch.tags),
            &patch.tags,
            says(&patch.notes),
            &patch.notes,
        ]
    }

    fn sort_key(&self, column: &str) -> SortKey {
        match column {
            "name" => SortKey::Text(self.name.clone()),
            "updated_at" => SortKey::Time(self.updated_at),
            _ => SortKey::Time(self.created_at),
        }
    }
}

/// Whether the patch says anything of the field.
fn says<T>(change: &Change<T>) -> &'static (dyn ToSql + Sync) {
    if change.is_keep() { &false } else { &true }
}
