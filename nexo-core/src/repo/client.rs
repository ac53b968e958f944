//! Clients in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Erasure, Order, Search, Table, UPDATED, Upsert, erasure, row_statements, search,
    transfer,
};
use crate::model::{Client, ClientPatch, NewClient};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, external_id, name, kind, email, phone, website, address, status, tags, notes, \
         version, created_at, created_by, updated_at, archived_at, owner_id"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.clients
                (account_id, id, created_by, external_id, name, kind, email, phone, website, address, status, tags,
                 notes, owner_id)
             values ($1, $2, $3, $4, $5, $6, lower(btrim($7)), $8, $9, $10, $11, $12, $13, coalesce($14::uuid, $3))
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
            "update nexo.clients
             set external_id = $4, name = $5, kind = $6, email = lower(btrim($7)), phone = $8, website = $9,
                 address = $10, status = $11, tags = $12, notes = $13,
                 owner_id = coalesce($14, owner_id), version = version + 1, updated_at = now()
             where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
             returning ",
            columns!()
        )
    };
}

impl Table for Client {
    row_statements!("nexo.clients", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[Upsert {
        key: "external_id",
        insert: insert!("on conflict (account_id, external_id) do nothing"),
        replace: replace!("external_id = $4 and id <> $2"),
    }];

    const PATCH: &'static str = concat!(
        "update nexo.clients
         set external_id = case when $4 then $5 else external_id end,
             name    = coalesce($6, name),
             kind    = coalesce($7, kind),
             email   = case when $8 then lower(btrim($9)) else email end,
             phone   = case when $10 then $11 else phone end,
             website = case when $12 then $13 else website end,
             address = case when $14 then $15 else address end,
             status  = coalesce($16, status),
             tags    = case when $17 then coalesce($18::text[], '{}') else tags end,
             notes   = case when $19 then $20 else notes end,
             owner_id = case when $21 then $22 else owner_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ERASURE: Option<Erasure> = erasure!(
        "nexo.clients",
        columns!(),
        "external_id = null, name = 'Erased client', email = null, phone = null, website = null,
             address = null, tags = '{}', notes = null"
    );

    const ORDERS: &'static [Order] =
        &[CREATED, UPDATED, Order { name: "name", column: "name", kind: SortKind::Text }];

    const MERGED: &'static [(&'static str, &'static str)] = &[
        ("status", "created_at"),
        ("kind", "created_at"),
        ("owner_id", "created_at"),
        ("owner_id", "updated_at"),
        ("owner_id", "name"),
    ];

    const OWNERS: &'static [&'static str] = &["owner_id"];

    const TRANSFER: Option<&'static str> = transfer!("nexo.clients");

    const SEARCH: Search = search!(
        "nexo.clients",
        "clients",
        "name",
        ["email", "phone", "external_id", "website", "address", "notes"]
    );

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            name: row.try_get(2)?,
            kind: row.try_get(3)?,
            email: row.try_get(4)?,
            phone: row.try_get(5)?,
            website: row.try_get(6)?,
            address: row.try_get(7)?,
            status: row.try_get(8)?,
            tags: row.try_get(9)?,
            notes: row.try_get(10)?,
            version: row.try_get(11)?,
            created_at: row.try_get(12)?,
            created_by: row.try_get(13)?,
            updated_at: row.try_get(14)?,
            archived_at: row.try_get(15)?,
            owner_id: row.try_get(16)?,
        })
    }

    fn new_params(new: &NewClient) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.name,
            &new.kind,
            &new.email,
            &new.phone,
            &new.website,
            &new.address,
            &new.status,
            &new.tags,
            &new.notes,
            &new.owner_id,
        ]
    }

    fn has_key(new: &NewClient, _key: &str) -> bool {
        new.external_id.is_some()
    }

    fn patch_params(patch: &ClientPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
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
            says(&patch.owner_id),
            &patch.owner_id,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "name" => SortKey::Text(self.name.clone()),
            "updated_at" => SortKey::Time(self.updated_at),
            _ => SortKey::Time(self.created_at),
        }
    }
}
