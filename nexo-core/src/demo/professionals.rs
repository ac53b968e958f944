//! Professionals.

use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::columns::{Stamps, column, joined};
use super::party::person;
use super::size::Kind;
use super::words::SPECIALTIES;
use super::world::{Made, World};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{Availability, Decimal, NewProfessional, Permissions, ProfessionalStatus};

const INSERT: &str = "insert into nexo.professionals
        (account_id, id, version, created_at, updated_at, archived_at, external_id, name, specialty, skills,
         hourly_rate, currency, availability, email, phone, portfolio, status, owner_id)
     select $1, r.id, r.version, r.created_at, r.updated_at, r.archived_at, r.external_id, r.name, r.specialty,
         string_to_array(r.skills, '|'), r.hourly_rate, r.currency, r.availability, r.email, r.phone, r.portfolio,
         r.status, r.owner_id
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
         $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],
         $16::text[], $17::text[], $18::uuid[])
         as r (id, version, created_at, updated_at, archived_at, external_id, name, specialty, skills, hourly_rate,
         currency, availability, email, phone, portfolio, status, owner_id)";

pub(super) fn make(world: &World, at: u32) -> Made<NewProfessional> {
    let random = &mut world.content(Kind::Professional, at);
    let stamp = world.stamp(Kind::Professional, at, random);
    let party = person(random);
    let (specialty, all) = random.skewed(SPECIALTIES);
    let mut skills: Vec<String> = Vec::new();
    for skill in all {
        if skills.is_empty() || random.percent(40) {
            skills.push((*skill).to_owned());
        }
    }
    let status =
        random.weighted(&[(88, ProfessionalStatus::Active), (12, ProfessionalStatus::Inactive)]);
    let availability = random.weighted(&[
        (45, Availability::Available),
        (35, Availability::PartlyAvailable),
        (20, Availability::Unavailable),
    ]);
    let is_active = status == ProfessionalStatus::Active;
    let has_rate = random.percent(90);
    // Whole and half ones, most of them not far from the middle.
    let rate = 35_0000 + i64::from(random.below(60) + random.below(60)) * 1_0000;
    let rate = rate + if random.percent(25) { 5_000 } else { 0 };
    let new = NewProfessional {
        external_id: None,
        specialty: Some(specialty.to_owned()),
        skills,
        hourly_rate: has_rate.then(|| Decimal::from_ten_thousandths(rate)),
        currency: has_rate.then(|| party.culture.currency.to_owned()),
        availability: if is_active { availability } else { Availability::Unavailable },
        email: random.percent(96).then(|| party.mailbox(random)),
        phone: random.percent(80).then(|| party.phone(random)),
        portfolio: random.percent(55).then(|| party.website(random)),
        status,
        name: party.name,
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
        &column(&rows, |new| new.name.as_str()),
        &column(&rows, |new| new.specialty.as_deref()),
        &column(&rows, |new| joined(&new.skills)),
        &column(&rows, |new| new.hourly_rate),
        &column(&rows, |new| new.currency.as_deref()),
        &column(&rows, |new| new.availability),
        &column(&rows, |new| new.email.as_deref()),
        &column(&rows, |new| new.phone.as_deref()),
        &column(&rows, |new| new.portfolio.as_deref()),
        &column(&rows, |new| new.status),
        &column(&rows, |new| new.owner_id),
    ];
    let params = stamps.and(&content);
    executor.run(Access::write(Permissions::NONE), &[Call::new(INSERT, &params)]).await.map(drop)
}
