//! Clients.

use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::columns::{Stamps, column, joined};
use super::party::{company, person};
use super::random::Random;
use super::size::Kind;
use super::text::notes;
use super::words::TAGS;
use super::world::{Made, World};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{ClientKind, ClientStatus, NewClient, Permissions};

const INSERT: &str = "insert into nexo.clients
        (account_id, id, version, created_at, updated_at, archived_at, external_id, name, kind, email, phone,
         website, address, status, tags, notes, owner_id)
     select $1, r.id, r.version, r.created_at, r.updated_at, r.archived_at, r.external_id, r.name, r.kind, r.email,
         r.phone, r.website, r.address, r.status, string_to_array(r.tags, '|'), r.notes,
         r.owner_id
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
         $16::text[], $17::uuid[])
         as r (id, version, created_at, updated_at, archived_at, external_id, name, kind, email, phone, website,
         address, status, tags, notes, owner_id)";

pub(super) fn make(world: &World, at: u32) -> Made<NewClient> {
    let random = &mut world.content(Kind::Client, at);
    let stamp = world.stamp(Kind::Client, at, random);
    let is_person = random.percent(45);
    let party = if is_person { person(random) } else { company(random) };
    let email = match (random.percent(88), is_person) {
        (false, _) => None,
        (true, true) => Some(party.mailbox(random)),
        (true, false) => Some(party.office(random)),
    };
    // Of new ones more are leads still, and of old ones more have gone.
    let age = 100 - (u64::from(at) * 100 / u64::from(world.count(Kind::Client))) as u32;
    let status = random.weighted(&[
        (25 + (100 - age) / 4, ClientStatus::Lead),
        (60, ClientStatus::Active),
        (2 + age / 6, ClientStatus::Inactive),
    ]);
    let new = NewClient {
        // The older ones came from another system.
        external_id: (age > 60).then(|| format!("K-{:06}", 10_000 + at)),
        kind: if is_person { ClientKind::Person } else { ClientKind::Company },
        email,
        phone: random.percent(80).then(|| party.phone(random)),
        website: (!is_person && random.percent(70)).then(|| party.website(random)),
        address: random.percent(75).then(|| party.address(random)),
        status,
        tags: tags(random),
        notes: random.percent(45).then(|| notes(random)),
        name: party.name,
        owner_id: world.owner_of(at),
    };
    Made { stamp, new }
}

fn tags(random: &mut Random) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for _ in 0..random.weighted(&[(45, 0), (30, 1), (18, 2), (7, 4)]) {
        let tag = random.skewed(TAGS);
        if !tags.iter().any(|other| other == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

pub(super) async fn write(
    executor: &impl Executor,
    world: &World,
    range: Range<u32>,
) -> Result<()> {
    let rows: Vec<_> = range.map(|at| make(world, at)).collect();
    let stamps = Stamps::of(&rows);
    let content: [&(dyn ToSql + Sync); 11] = [
        &column(&rows, |new| new.external_id.as_deref()),
        &column(&rows, |new| new.name.as_str()),
        &column(&rows, |new| new.kind),
        &column(&rows, |new| new.email.as_deref()),
        &column(&rows, |new| new.phone.as_deref()),
        &column(&rows, |new| new.website.as_deref()),
        &column(&rows, |new| new.address.as_deref()),
        &column(&rows, |new| new.status),
        &column(&rows, |new| joined(&new.tags)),
        &column(&rows, |new| new.notes.as_deref()),
        &column(&rows, |new| new.owner_id),
    ];
    let params = stamps.and(&content);
    executor.run(Access::write(Permissions::NONE), &[Call::new(INSERT, &params)]).await.map(drop)
}
