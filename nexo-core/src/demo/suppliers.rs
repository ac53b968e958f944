//! Suppliers.

use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::columns::{Stamps, column};
use super::party::{company, person_of};
use super::size::Kind;
use super::words::{CATEGORIES, TERMS};
use super::world::{Made, World};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{NewSupplier, Permissions, SupplierStatus};

const INSERT: &str = "insert into nexo.suppliers
        (account_id, id, version, created_at, updated_at, archived_at, external_id, company, category,
         contact_person, email, phone, address, tax_id, payment_terms, rating, status, owner_id)
     select $1, r.*
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
         $16::smallint[], $17::text[], $18::uuid[]) as r";

pub(super) fn make(world: &World, at: u32) -> Made<NewSupplier> {
    let random = &mut world.content(Kind::Supplier, at);
    let stamp = world.stamp(Kind::Supplier, at, random);
    let party = company(random);
    let contact = person_of(party.culture, random);
    let status = random.weighted(&[
        (72, SupplierStatus::Active),
        (14, SupplierStatus::Prospective),
        (11, SupplierStatus::Inactive),
        (3, SupplierStatus::Blocked),
    ]);
    // Who has not delivered yet cannot have been rated.
    let is_rated = status != SupplierStatus::Prospective && random.percent(80);
    let rating = random.weighted(&[(6, 1), (10, 2), (28, 3), (38, 4), (18, 5)]);
    let new = NewSupplier {
        external_id: random.percent(60).then(|| format!("L-{:05}", 70_000 + at)),
        category: random.percent(95).then(|| random.skewed(CATEGORIES).to_owned()),
        contact_person: random.percent(80).then_some(contact.name),
        email: random.percent(90).then(|| party.office(random)),
        phone: random.percent(85).then(|| party.phone(random)),
        address: random.percent(85).then(|| party.address(random)),
        tax_id: random.percent(75).then(|| party.tax_id(random)),
        payment_terms: random.percent(85).then(|| random.skewed(TERMS).to_owned()),
        rating: is_rated.then_some(rating),
        status,
        company: party.name,
        owner_id: world.owner_of(at),
    };
    Made { stamp, new }
}

pub(super) async fn write(
    executor: &impl Executor,
    world: &World,
    range: Range<u32>,
) -> Result<()> {
    let rows: Vec<_> = range.map(|at| make(world, at)).collect();
    let stamps = Stamps::of(&rows);
    let content: [&(dyn ToSql + Sync); 12] = [
        &column(&rows, |new| new.external_id.as_deref()),
        &column(&rows, |new| new.company.as_str()),
        &column(&rows, |new| new.category.as_deref()),
        &column(&rows, |new| new.contact_person.as_deref()),
        &column(&rows, |new| new.email.as_deref()),
        &column(&rows, |new| new.phone.as_deref()),
        &column(&rows, |new| new.address.as_deref()),
        &column(&rows, |new| new.tax_id.as_deref()),
        &column(&rows, |new| new.payment_terms.as_deref()),
        &column(&rows, |new| new.rating),
        &column(&rows, |new| new.status),
        &column(&rows, |new| new.owner_id),
    ];
    let params = stamps.and(&content);
    executor.run(Access::write(Permissions::NONE), &[Call::new(INSERT, &params)]).await.map(drop)
}
