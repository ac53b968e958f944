//! Projects and their members.

use std::ops::Range;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::columns::{Stamps, column};
use super::random::Random;
use super::size::Kind;
use super::text::{notes, sentence};
use super::words::{CULTURES, PROJECTS, ROLES};
use super::world::{Made, World, day, earlier, later};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{Decimal, NewProject, Permissions, ProjectMember, ProjectStatus};

const INSERT: &str = "insert into nexo.projects
        (account_id, id, version, created_at, updated_at, archived_at, client_id, name, code, description, status,
         starts_on, ends_on, budget, currency, owner_id)
     select $1, r.*
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::uuid[],
         $8::text[], $9::text[], $10::text[], $11::text[], $12::date[], $13::date[], $14::bigint[], $15::text[],
         $16::uuid[]) as r";

const INSERT_MEMBERS: &str = "insert into nexo.project_members
        (account_id, project_id, position, employee_id, professional_id, role)
     select $1, r.*
     from unnest($2::uuid[], $3::smallint[], $4::uuid[], $5::uuid[], $6::text[]) as r";

pub(super) fn make(world: &World, at: u32) -> Made<NewProject> {
    let random = &mut world.content(Kind::Project, at);
    let stamp = world.stamp(Kind::Project, at, random);
    // Half of them for a client of the last time, which few have many of.
    let clients = world.before(Kind::Client, Kind::Project, at);
    let client = match random.percent(50) {
        true => clients - 1 - random.below(clients.div_ceil(10)),
        false => random.below(clients),
    };
    let starts_on = later(day(stamp.created_at), random.below(60));
    let ends_on = later(starts_on, random.within(10, 400));
    let (status, starts_on, ends_on) = state(world, random, starts_on, ends_on);
    let code_of = starts_on.map_or(day(stamp.created_at).year(), |day| day.year());
    let has_budget = random.percent(80);
    // Many small ones, few large ones, in whole hundreds.
    let budget = i64::from(random.within(5, 80)) * 100 * 2_i64.pow(random.below(7));
    let new = NewProject {
        client_id: random.percent(92).then(|| world.id(Kind::Client, client)),
        code: Some(format!("P{}-{:05}", code_of, at + 1)),
        description: random.percent(50).then(|| notes(random)),
        status,
        starts_on,
        ends_on,
        budget: has_budget.then(|| Decimal::from_ten_thousandths(budget * 10_000)),
        currency: has_budget.then(|| random.skewed(CULTURES).currency.to_owned()),
        owner_id: world.demo.owner.filter(|_| random.percent(80)),
        members: members(world, at, random),
        ..NewProject::named(name(random))
    };
    Made { stamp, new }
}

fn name(random: &mut Random) -> String {
    let what = random.skewed(PROJECTS);
    match random.below(4) {
        0 => format!("{what} {}", random.within(2023, 2027)),
        1 => sentence(&format!("{what}: {{P}}"), random),
        2 => format!("{what}, phase {}", random.within(1, 4)),
        _ => what.to_owned(),
    }
}

type State = (ProjectStatus, Option<jiff::civil::Date>, Option<jiff::civil::Date>);

/// What has ended is mostly completed, what has begun is mostly active, and
/// what begins later is planned, some of it without a date.
fn state(
    world: &World,
    random: &mut Random,
    starts_on: jiff::civil::Date,
    ends_on: jiff::civil::Date,
) -> State {
    use ProjectStatus::{Active, Cancelled, Completed, OnHold, Planned};
    let today = world.today();
    let status = if ends_on < today {
        random.weighted(&[(78, Completed), (9, Cancelled), (9, Active), (4, OnHold)])
    } else if starts_on <= today {
        random.weighted(&[(76, Active), (10, OnHold), (9, Planned), (5, Cancelled)])
    } else {
        random.weighted(&[(94, Planned), (6, Cancelled)])
    };
    match status {
        Planned if starts_on <= today => {
            (status, random.percent(50).then(|| later(today, random_days(random))), None)
        }
        Completed => (status, Some(starts_on.min(ends_on)), Some(ends_on.min(earlier(today, 1)))),
        _ => (status, Some(starts_on), random.percent(90).then_some(ends_on)),
    }
}

fn random_days(random: &mut Random) -> u32 {
    random.within(1, 180)
}

/// One to four people, each once: employees first, the first of them its lead.
fn members(world: &World, at: u32, random: &mut Random) -> Vec<ProjectMember> {
    let employees = world.before(Kind::Employee, Kind::Project, at);
    let professionals = world.before(Kind::Professional, Kind::Project, at);
    let mut members: Vec<ProjectMember> = Vec::new();
    for place in 0..random.weighted(&[(25, 1), (35, 2), (25, 3), (15, 4)]) {
        let is_employee = place == 0 || random.percent(60);
        let (one, other) = (random.below(employees), random.below(professionals));
        let role = if place == 0 { ROLES[0] } else { random.skewed(&ROLES[1..]) };
        let member = ProjectMember {
            employee_id: is_employee.then(|| world.id(Kind::Employee, one)),
            professional_id: (!is_employee).then(|| world.id(Kind::Professional, other)),
            role: (place == 0 || random.percent(70)).then(|| role.to_owned()),
        };
        let is_same = |there: &ProjectMember| {
            (there.employee_id, there.professional_id)
                == (member.employee_id, member.professional_id)
        };
        if !members.iter().any(is_same) {
            members.push(member);
        }
    }
    members
}

/// How many members were written too.
pub(super) async fn write(
    executor: &impl Executor,
    world: &World,
    range: Range<u32>,
) -> Result<u64> {
    let rows: Vec<_> = range.map(|at| make(world, at)).collect();
    let stamps = Stamps::of(&rows);
    let content: [&(dyn ToSql + Sync); 10] = [
        &column(&rows, |new| new.client_id),
        &column(&rows, |new| new.name.as_str()),
        &column(&rows, |new| new.code.as_deref()),
        &column(&rows, |new| new.description.as_deref()),
        &column(&rows, |new| new.status),
        &column(&rows, |new| new.starts_on),
        &column(&rows, |new| new.ends_on),
        &column(&rows, |new| new.budget),
        &column(&rows, |new| new.currency.as_deref()),
        &column(&rows, |new| new.owner_id),
    ];
    let params = stamps.and(&content);

    let members: Vec<(Uuid, i16, &ProjectMember)> = rows
        .iter()
        .flat_map(|row| (0..).zip(&row.new.members).map(|(at, member)| (row.stamp.id, at, member)))
        .collect();
    let projects: Vec<_> = members.iter().map(|(project, ..)| *project).collect();
    let positions: Vec<_> = members.iter().map(|(_, at, _)| *at).collect();
    let employees: Vec<_> = members.iter().map(|(.., member)| member.employee_id).collect();
    let professionals: Vec<_> = members.iter().map(|(.., member)| member.professional_id).collect();
    let roles: Vec<_> = members.iter().map(|(.., member)| member.role.as_deref()).collect();
    let member_params: [&(dyn ToSql + Sync); 5] =
        [&projects, &positions, &employees, &professionals, &roles];
    let calls = [Call::new(INSERT, &params), Call::new(INSERT_MEMBERS, &member_params)];
    executor.run(Access::write(Permissions::NONE), &calls).await?;
    Ok(members.len() as u64)
}
