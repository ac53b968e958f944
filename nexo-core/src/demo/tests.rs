//! What is made, before it is written.

use std::collections::HashSet;
use std::fmt::Debug;

use super::random::Random;
use super::size::{Demo, Kind};
use super::world::{Made, World};
use super::{clients, professionals, projects, staff, suppliers, tasks};
use crate::model::{EmployeeStatus, Id, ProjectStatus, TaskStatus, User, Validate};

fn world(clients: u32) -> World {
    let demo = Demo::of(clients).expect("a size").seed(42).owner(Id::<User>::new());
    World::new(demo, Id::new())
}

/// All of a small account, and some of a large one.
fn samples(world: &World, kind: Kind) -> Vec<u32> {
    let count = world.count(kind);
    let mut random = Random::of(&[5]);
    if count < 2_000 {
        (0..count).collect()
    } else {
        (0..2_000).map(|_| random.below(count)).collect()
    }
}

fn all<T: Validate + Debug>(world: &World, kind: Kind, make: fn(&World, u32) -> Made<T>) {
    let until = world.demo.until;
    for at in samples(world, kind) {
        let Made { stamp, new } = make(world, at);
        assert_eq!(new.validate(), Ok(()), "{new:?}");
        assert!(stamp.created_at <= stamp.updated_at && stamp.updated_at <= until, "{stamp:?}");
        assert!(stamp.archived_at.is_none_or(|at| at == stamp.updated_at), "{stamp:?}");
        assert_eq!(format!("{new:?}"), format!("{:?}", make(world, at).new));
    }
}

#[test]
fn everything_is_what_the_api_would_take() {
    for world in [world(10), world(300), world(1_000_000)] {
        all(&world, Kind::Department, staff::department);
        all(&world, Kind::Employee, staff::employee);
        all(&world, Kind::Supplier, suppliers::make);
        all(&world, Kind::Professional, professionals::make);
        all(&world, Kind::Client, clients::make);
        all(&world, Kind::Project, projects::make);
        all(&world, Kind::Task, tasks::make);
    }
}

#[test]
fn states_and_dates_agree() {
    let world = world(20_000);
    for at in 0..world.count(Kind::Employee) {
        let new = staff::employee(&world, at).new;
        assert_eq!(new.status == EmployeeStatus::Left, new.left_on.is_some(), "{new:?}");
        assert!(new.left_on <= Some(world.today()), "{new:?}");
    }
    let mut completed = 0;
    for at in 0..world.count(Kind::Project) {
        let new = projects::make(&world, at).new;
        let is_over = new.ends_on.is_some_and(|day| day <= world.today());
        let has_begun = new.starts_on.is_some_and(|day| day <= world.today());
        match new.status {
            ProjectStatus::Completed => assert!(has_begun && is_over, "{new:?}"),
            ProjectStatus::Planned => assert!(!has_begun, "{new:?}"),
            ProjectStatus::Active | ProjectStatus::OnHold => assert!(has_begun, "{new:?}"),
            ProjectStatus::Cancelled => {}
        }
        completed += u32::from(new.status == ProjectStatus::Completed);
    }
    let share = completed * 100 / world.count(Kind::Project);
    assert!((30..80).contains(&share), "{share} % completed");
}

#[test]
fn parts_are_in_their_groups_and_in_the_project_of_the_whole() {
    let world = world(2_000);
    let mut parts = 0;
    let made: Vec<_> = (0..2_000).map(|at| tasks::make(&world, at)).collect();
    for (at, task) in made.iter().enumerate() {
        let Some(parent) = task.new.parent_id else { continue };
        let group = &made[at - at % tasks::GROUP as usize..at];
        let parent = group.iter().find(|other| other.stamp.id == *parent.as_uuid());
        let parent = parent.expect("an earlier one of the group");
        assert_eq!(task.new.project_id, parent.new.project_id);
        parts += 1;
    }
    assert!((300..600).contains(&parts), "{parts} parts");
    let done = made.iter().filter(|task| task.new.status == TaskStatus::Done).count();
    assert!((1_200..1_600).contains(&done), "{done} done");
}

#[test]
fn names_are_many_and_some_are_common() {
    let world = world(10_000);
    let names: Vec<_> = (0..10_000).map(|at| clients::make(&world, at).new.name).collect();
    let different: HashSet<_> = names.iter().collect();
    assert!((4_000..10_000).contains(&different.len()), "{} names", different.len());
    for beginning in ["Łuka", "Zoë", "王", "García", "Müller"] {
        let found = names.iter().any(|name| name.contains(beginning));
        assert!(found, "no {beginning}");
    }
}
