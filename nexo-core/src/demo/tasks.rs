//! Tasks.

use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::columns::{Stamps, column};
use super::random::Random;
use super::size::Kind;
use super::text::{notes, sentence};
use super::words::TASKS;
use super::world::{Made, Stamp, World, day, later};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{Decimal, NewTask, Permissions, TaskPriority, TaskStatus};

const INSERT: &str = "insert into nexo.tasks
        (account_id, id, version, created_at, updated_at, archived_at, project_id, parent_id, title, description,
         status, priority, assignee_employee_id, assignee_professional_id, due_on, estimate_hours, spent_hours,
         owner_id, completed_at)
     select $1, r.*
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::uuid[],
         $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::date[],
         $16::bigint[], $17::bigint[], $18::uuid[], $19::timestamptz[]) as r";

/// So many tasks in a row are about one thing: the first of them may have
/// others as its parts. Chunks hold whole groups, because a parent must be
/// there before or with its parts.
pub(super) const GROUP: u32 = 8;

pub(super) fn make(world: &World, at: u32) -> Made<NewTask> {
    let random = &mut world.content(Kind::Task, at);
    let stamp = world.stamp(Kind::Task, at, random);
    let parent = parent(world, at);
    // A part is in the project of the whole.
    let project = project(world, if parent.is_some() { at - at % GROUP } else { at });
    let status = status(world, at, random);
    let (employee, professional) = assignee(world, at, random);
    let due_on = random.percent(75).then(|| later(day(stamp.created_at), random.within(1, 90)));
    let estimate = random.percent(60).then(|| half_hours(random.within(1, 80)));
    let title = random.skewed(TASKS);
    let has_begun = matches!(status, TaskStatus::InProgress | TaskStatus::Done);
    let title = sentence(title, random);
    let new = NewTask {
        project_id: project.map(|project| world.id(Kind::Project, project)),
        parent_id: parent.map(|parent| world.id(Kind::Task, parent)),
        description: random.percent(35).then(|| notes(random)),
        status,
        priority: random.weighted(&[
            (60, TaskPriority::Normal),
            (20, TaskPriority::Low),
            (15, TaskPriority::High),
            (5, TaskPriority::Urgent),
        ]),
        assignee_employee_id: employee.map(|at| world.id(Kind::Employee, at)),
        assignee_professional_id: professional.map(|at| world.id(Kind::Professional, at)),
        due_on,
        estimate_hours: estimate,
        spent_hours: (has_begun && random.percent(70)).then(|| half_hours(random.within(1, 90))),
        owner_id: world.owner_of(at),
        ..NewTask::titled(title)
    };
    Made { stamp, new }
}

fn half_hours(count: u32) -> Decimal {
    Decimal::from_ten_thousandths(i64::from(count) * 5_000)
}

/// One in five is a part of the first of its group, or of a part before it.
fn parent(world: &World, at: u32) -> Option<u32> {
    let first = at - at % GROUP;
    let is_part = |at: u32| at > first && decision(world, at, "part").percent(22);
    match is_part(at) {
        false => None,
        true if is_part(at - 1) => Some(at - 1),
        true => Some(first),
    }
}

/// A project of the last time, for most.
fn project(world: &World, at: u32) -> Option<u32> {
    let random = &mut decision(world, at, "project");
    let projects = world.before(Kind::Project, Kind::Task, at);
    let recent = random.below(projects.div_ceil(8));
    random.percent(85).then(|| projects - 1 - recent)
}

/// Numbers for what one task has to know of another.
fn decision(world: &World, at: u32, what: &'static str) -> Random {
    Random::of(&[world.demo.seed, u64::from(at), what.len() as u64])
}

/// Old ones are mostly done.
fn status(world: &World, at: u32, random: &mut Random) -> TaskStatus {
    use TaskStatus::{Blocked, Cancelled, Done, InProgress, Todo};
    let left = world.count(Kind::Task) - at;
    match left * 5 < world.count(Kind::Task) {
        false => {
            random.weighted(&[(84, Done), (8, Cancelled), (4, Todo), (3, InProgress), (1, Blocked)])
        }
        true => random.weighted(&[
            (45, Todo),
            (22, InProgress),
            (24, Done),
            (6, Blocked),
            (3, Cancelled),
        ]),
    }
}

/// Mostly an employee, sometimes a professional, sometimes nobody yet.
fn assignee(world: &World, at: u32, random: &mut Random) -> (Option<u32>, Option<u32>) {
    let employees = world.before(Kind::Employee, Kind::Task, at);
    let professionals = world.before(Kind::Professional, Kind::Task, at);
    match random.below(100) {
        0..68 => (Some(random.below(employees)), None),
        68..85 => (None, Some(random.below(professionals))),
        _ => (None, None),
    }
}

/// A done one was done when it was last changed.
fn completed_at(stamp: &Stamp, new: &NewTask) -> Option<jiff::Timestamp> {
    (new.status == TaskStatus::Done).then_some(stamp.updated_at)
}

pub(super) async fn write(
    executor: &impl Executor,
    world: &World,
    range: Range<u32>,
) -> Result<()> {
    let mut rows: Vec<_> = range.map(|at| make(world, at)).collect();
    // Parts come last: the trigger that looks for circles makes whoever writes
    // a part wait for others who do so, until they have committed.
    rows.sort_by_key(|row| row.new.parent_id.is_some());
    let stamps = Stamps::of(&rows);
    let completed: Vec<_> = rows.iter().map(|row| completed_at(&row.stamp, &row.new)).collect();
    let content: [&(dyn ToSql + Sync); 13] = [
        &column(&rows, |new| new.project_id),
        &column(&rows, |new| new.parent_id),
        &column(&rows, |new| new.title.as_str()),
        &column(&rows, |new| new.description.as_deref()),
        &column(&rows, |new| new.status),
        &column(&rows, |new| new.priority),
        &column(&rows, |new| new.assignee_employee_id),
        &column(&rows, |new| new.assignee_professional_id),
        &column(&rows, |new| new.due_on),
        &column(&rows, |new| new.estimate_hours),
        &column(&rows, |new| new.spent_hours),
        &column(&rows, |new| new.owner_id),
        &completed,
    ];
    let params = stamps.and(&content);
    executor.run(Access::write(Permissions::NONE), &[Call::new(INSERT, &params)]).await.map(drop)
}
