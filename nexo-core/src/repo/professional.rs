//! Professionals in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Erasure, Order, Search, Table, UPDATED, Upsert, erasure, row_statements, search,
    transfer,
};
use crate::model::{NewProfessional, Professional, ProfessionalPatch};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, external_id, name, specialty, skills, hourly_rate, currency, availability, \
         email, phone, portfolio, status, version, created_at, created_by, updated_at, \
         archived_at, owner_id"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.professionals
                (account_id, id, created_by, external_id, name, specialty, skills, hourly_rate, currency,
                 availability, email, phone, portfolio, status, owner_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, lower(btrim($11)), $12, $13, $14, coalesce($15::uuid, $3))
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
            "update nexo.professionals
             set external_id = $4, name = $5, specialty = $6, skills = $7, hourly_rate = $8, currency = $9,
                 availability = $10, email = lower(btrim($11)), phone = $12, portfolio = $13, status = $14,
                 owner_id = coalesce($15, owner_id),
                 version = version + 1, updated_at = now()
             where account_id = $1 and ",
            $which,
            " and ($3::bigint is null or version = $3)
             returning ",
            columns!()
        )
    };
}

impl Table for Professional {
    row_statements!("nexo.professionals", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[Upsert {
        key: "external_id",
        insert: insert!("on conflict (account_id, external_id) do nothing"),
        replace: replace!("external_id = $4 and id <> $2"),
    }];

    const PATCH: &'static str = concat!(
        "update nexo.professionals
         set external_id  = case when $4 then $5 else external_id end,
             name         = coalesce($6, name),
             specialty    = case when $7 then $8 else specialty end,
             skills       = case when $9 then coalesce($10::text[], '{}') else skills end,
             hourly_rate  = case when $11 then $12 else hourly_rate end,
             currency     = case when $13 then $14 else currency end,
             availability = coalesce($15, availability),
             email        = case when $16 then lower(btrim($17)) else email end,
             phone        = case when $18 then $19 else phone end,
             portfolio    = case when $20 then $21 else portfolio end,
             status       = coalesce($22, status),
             owner_id     = case when $23 then $24 else owner_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ERASURE: Option<Erasure> = erasure!(
        "nexo.professionals",
        columns!(),
        "external_id = null, name = 'Erased professional', specialty = null, skills = '{}',
             hourly_rate = null, currency = null, email = null, phone = null, portfolio = null"
    );

    const ORDERS: &'static [Order] =
        &[CREATED, UPDATED, Order { name: "name", column: "name", kind: SortKind::Text }];

    const MERGED: &'static [(&'static str, &'static str)] = &[
        ("status", "created_at"),
        ("availability", "created_at"),
        ("specialty", "created_at"),
        ("currency", "created_at"),
        ("owner_id", "created_at"),
        ("owner_id", "updated_at"),
        ("owner_id", "name"),
    ];

    const OWNERS: &'static [&'static str] = &["owner_id"];

    const TRANSFER: Option<&'static str> = transfer!("nexo.professionals");

    const SEARCH: Search = search!(
        "nexo.professionals",
        "professionals",
        "name",
        ["email", "phone", "specialty", "portfolio", "external_id"]
    );

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            name: row.try_get(2)?,
            specialty: row.try_get(3)?,
            skills: row.try_get(4)?,
            hourly_rate: row.try_get(5)?,
            currency: row.try_get(6)?,
            availability: row.try_get(7)?,
            email: row.try_get(8)?,
            phone: row.try_get(9)?,
            portfolio: row.try_get(10)?,
            status: row.try_get(11)?,
            version: row.try_get(12)?,
            created_at: row.try_get(13)?,
            created_by: row.try_get(14)?,
            updated_at: row.try_get(15)?,
            archived_at: row.try_get(16)?,
            owner_id: row.try_get(17)?,
        })
    }

    fn new_params(new: &NewProfessional) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.name,
            &new.specialty,
            &new.skills,
            &new.hourly_rate,
            &new.currency,
            &new.availability,
            &new.email,
            &new.phone,
            &new.portfolio,
            &new.status,
            &new.owner_id,
        ]
    }

    fn has_key(new: &NewProfessional, _key: &str) -> bool {
        new.external_id.is_some()
    }

    fn patch_params(patch: &ProfessionalPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            &patch.name,
            says(&patch.specialty),
            &patch.specialty,
            says(&patch.skills),
            &patch.skills,
            says(&patch.hourly_rate),
            &patch.hourly_rate,
            says(&patch.currency),
            &patch.currency,
            &patch.availability,
            says(&patch.email),
            &patch.email,
            says(&patch.phone),
            &patch.phone,
            says(&patch.portfolio),
            &patch.portfolio,
            &patch.status,
            says(&patch.owner_id),
            &patch.owner_id,
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
