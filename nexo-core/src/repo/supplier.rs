//! Suppliers in the database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

use super::cursor::{SortKey, SortKind};
use super::patch::says;
use super::table::{
    CREATED, Erasure, Order, Search, Table, UPDATED, Upsert, erasure, row_statements, search,
    transfer,
};
use crate::model::{NewSupplier, Supplier, SupplierPatch};

/// The columns of every row that is read, in the order of `from_row`.
macro_rules! columns {
    () => {
        "id, external_id, company, category, contact_person, email, phone, address, tax_id, \
         payment_terms, rating, status, version, created_at, created_by, updated_at, \
         archived_at, owner_id"
    };
}

/// Inserts a row, unless the conflict is to be passed over.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "insert into nexo.suppliers
                (account_id, id, created_by, external_id, company, category, contact_person, email, phone, address,
                 tax_id, payment_terms, rating, status, owner_id)
             values ($1, $2, $3, $4, $5, $6, $7, lower(btrim($8)), $9, $10, $11, $12, $13, $14, coalesce($15::uuid, $3))
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
            "update nexo.suppliers
             set external_id = $4, company = $5, category = $6, contact_person = $7, email = lower(btrim($8)), phone
                 = $9, address = $10, tax_id = $11, payment_terms = $12, rating = $13, status = $14,
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

impl Table for Supplier {
    row_statements!("nexo.suppliers", columns!());

    const INSERT: &'static str = insert!("");

    const REPLACE: &'static str = replace!("id = $2");

    const UPSERTS: &'static [Upsert] = &[Upsert {
        key: "external_id",
        insert: insert!("on conflict (account_id, external_id) do nothing"),
        replace: replace!("external_id = $4 and id <> $2"),
    }];

    const PATCH: &'static str = concat!(
        "update nexo.suppliers
         set external_id    = case when $4 then $5 else external_id end,
             company        = coalesce($6, company),
             category       = case when $7 then $8 else category end,
             contact_person = case when $9 then $10 else contact_person end,
             email          = case when $11 then lower(btrim($12)) else email end,
             phone          = case when $13 then $14 else phone end,
             address        = case when $15 then $16 else address end,
             tax_id         = case when $17 then $18 else tax_id end,
             payment_terms  = case when $19 then $20 else payment_terms end,
             rating         = case when $21 then $22 else rating end,
             status         = coalesce($23, status),
             owner_id       = case when $24 then $25 else owner_id end,
             version = version + 1, updated_at = now()
         where account_id = $1 and id = $2 and ($3::bigint is null or version = $3)
         returning ",
        columns!()
    );

    const ERASURE: Option<Erasure> = erasure!(
        "nexo.suppliers",
        columns!(),
        "external_id = null, company = 'Erased supplier', category = null, contact_person = null,
             email = null, phone = null, address = null, tax_id = null, payment_terms = null, rating = null"
    );

    const ORDERS: &'static [Order] =
        &[CREATED, UPDATED, Order { name: "company", column: "company", kind: SortKind::Text }];

    const MERGED: &'static [(&'static str, &'static str)] = &[
        ("status", "created_at"),
        ("category", "created_at"),
        ("owner_id", "created_at"),
        ("owner_id", "updated_at"),
        ("owner_id", "company"),
    ];

    const OWNERS: &'static [&'static str] = &["owner_id"];

    const TRANSFER: Option<&'static str> = transfer!("nexo.suppliers");

    const SEARCH: Search = search!(
        "nexo.suppliers",
        "suppliers",
        "company",
        [
            "contact_person",
            "email",
            "phone",
            "category",
            "tax_id",
            "address",
            "payment_terms",
            "external_id"
        ]
    );

    fn from_row(row: &Row) -> Result<Self, PgError> {
        Ok(Self {
            id: row.try_get(0)?,
            external_id: row.try_get(1)?,
            company: row.try_get(2)?,
            category: row.try_get(3)?,
            contact_person: row.try_get(4)?,
            email: row.try_get(5)?,
            phone: row.try_get(6)?,
            address: row.try_get(7)?,
            tax_id: row.try_get(8)?,
            payment_terms: row.try_get(9)?,
            rating: row.try_get(10)?,
            status: row.try_get(11)?,
            version: row.try_get(12)?,
            created_at: row.try_get(13)?,
            created_by: row.try_get(14)?,
            updated_at: row.try_get(15)?,
            archived_at: row.try_get(16)?,
            owner_id: row.try_get(17)?,
        })
    }

    fn new_params(new: &NewSupplier) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &new.external_id,
            &new.company,
            &new.category,
            &new.contact_person,
            &new.email,
            &new.phone,
            &new.address,
            &new.tax_id,
            &new.payment_terms,
            &new.rating,
            &new.status,
            &new.owner_id,
        ]
    }

    fn has_key(new: &NewSupplier, _key: &str) -> bool {
        new.external_id.is_some()
    }

    fn patch_params(patch: &SupplierPatch) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            says(&patch.external_id),
            &patch.external_id,
            &patch.company,
            says(&patch.category),
            &patch.category,
            says(&patch.contact_person),
            &patch.contact_person,
            says(&patch.email),
            &patch.email,
            says(&patch.phone),
            &patch.phone,
            says(&patch.address),
            &patch.address,
            says(&patch.tax_id),
            &patch.tax_id,
            says(&patch.payment_terms),
            &patch.payment_terms,
            says(&patch.rating),
            &patch.rating,
            &patch.status,
            says(&patch.owner_id),
            &patch.owner_id,
        ]
    }

    fn sort_key(&self, order: &str) -> SortKey {
        match order {
            "updated_at" => SortKey::Time(self.updated_at),
            "company" => SortKey::Text(self.company.clone()),
            _ => SortKey::Time(self.created_at),
        }
    }
}
