//! Departments and employees: few, and each refers to the other, so they are
//! written in one transaction.

use tokio_postgres::types::ToSql;

use super::columns::{Stamps, column};
use super::party::person;
use super::size::Kind;
use super::words::{DEPARTMENTS, TITLES};
use super::world::{Made, World, day, earlier, later};
use crate::db::{Access, Call, Executor};
use crate::error::Result;
use crate::model::{
    Department, Employee, EmployeeStatus, Id, NewDepartment, NewEmployee, Permissions, User,
};

const INSERT_DEPARTMENTS: &str = "insert into nexo.departments
        (account_id, id, version, created_at, updated_at, archived_at, name, parent_id)
     select $1, r.*
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
         $8::uuid[]) as r";

const INSERT_EMPLOYEES: &str = "insert into nexo.employees
        (account_id, id, version, created_at, updated_at, archived_at, employee_code, name, email, phone, title,
         department_id, manager_id, salary_level, hired_on, left_on, status, user_id)
     select $1, r.*
     from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
         $8::text[], $9::text[], $10::text[], $11::text[], $12::uuid[], $13::uuid[], $14::smallint[], $15::date[],
         $16::date[], $17::text[], $18::uuid[]) as r";

const SET_HEADS: &str = "update nexo.departments d set head_id = r.head_id
     from unnest($2::uuid[], $3::uuid[]) as r (id, head_id)
     where d.account_id = $1 and d.id = r.id";

/// How many report to one.
const SPAN: u32 = 6;

pub(super) fn department(world: &World, at: u32) -> Made<NewDepartment> {
    let random = &mut world.content(Kind::Department, at);
    let stamp = world.stamp(Kind::Department, at, random);
    let (name, parent) = DEPARTMENTS[at as usize];
    let new = NewDepartment {
        parent_id: parent.map(|parent| world.id(Kind::Department, parent)),
        // The first employees lead them, in this order.
        head_id: (at < world.count(Kind::Employee)).then(|| world.id(Kind::Employee, at)),
        ..NewDepartment::named(name)
    };
    Made { stamp, new }
}

pub(super) fn employee(world: &World, at: u32) -> Made<NewEmployee> {
    let random = &mut world.content(Kind::Employee, at);
    let stamp = world.stamp(Kind::Employee, at, random);
    let departments = world.count(Kind::Department);
    let party = person(random);
    let leads = at < departments;
    let department = if leads { at } else { random.below(departments) };
    let department_name = DEPARTMENTS[department as usize].0;
    let title = match at {
        0 => "Managing Director".to_owned(),
        _ if leads => format!("Head of {department_name}"),
        _ if has_reports(world, at) => format!("Team Lead {department_name}"),
        _ => random.skewed(TITLES).to_owned(),
    };
    // Some were here before their record was.
    let hired_on = earlier(day(stamp.created_at), random.below(200) * random.below(12));
    // Nobody reports to somebody who has left.
    let status = match leads || has_reports(world, at) {
        true => EmployeeStatus::Active,
        false => random.weighted(&[
            (86, EmployeeStatus::Active),
            (5, EmployeeStatus::OnLeave),
            (9, EmployeeStatus::Left),
        ]),
    };
    let days_here = (world.today() - hired_on).get_days().max(0) as u32;
    let left_on =
        (status == EmployeeStatus::Left).then(|| later(hired_on, random.below(days_here + 1)));
    let level = 99_u32.checked_div(depth(at) + 1).unwrap_or(1).max(10) - random.below(10);
    let new = NewEmployee {
        email: Some(format!("{}@demo-company.example", party.handle)),
        phone: random.percent(85).then(|| party.phone(random)),
        title: Some(title),
        department_id: Some(world.id(Kind::Department, department)),
        manager_id: manager(at).map(|manager| world.id(Kind::Employee, manager)),
        salary_level: random.percent(95).then_some(level as i16),
        hired_on: Some(hired_on),
        left_on,
        status,
        user_id: world.demo.owner.filter(|_| at == 0),
        ..NewEmployee::named(format!("E-{:04}", at + 1), party.name)
    };
    Made { stamp, new }
}

/// Always an earlier one, so that there is no circle.
fn manager(at: u32) -> Option<u32> {
    at.checked_sub(1).map(|below| below / SPAN)
}

fn has_reports(world: &World, at: u32) -> bool {
    at * SPAN + 1 < world.count(Kind::Employee)
}

fn depth(at: u32) -> u32 {
    manager(at).map_or(0, |manager| 1 + depth(manager))
}

pub(super) async fn write(executor: &impl Executor, world: &World) -> Result<()> {
    let departments: Vec<_> =
        (0..world.count(Kind::Department)).map(|at| department(world, at)).collect();
    let employees: Vec<_> =
        (0..world.count(Kind::Employee)).map(|at| employee(world, at)).collect();

    let stamps = Stamps::of(&departments);
    let parents: Vec<Option<Id<Department>>> = column(&departments, |new| new.parent_id);
    let content: [&(dyn ToSql + Sync); 2] =
        [&column(&departments, |new| new.name.as_str()), &parents];
    let department_params = stamps.and(&content);

    let stamps = Stamps::of(&employees);
    let users: Vec<Option<Id<User>>> = column(&employees, |new| new.user_id);
    let content: [&(dyn ToSql + Sync); 12] = [
        &column(&employees, |new| new.employee_code.as_str()),
        &column(&employees, |new| new.name.as_str()),
        &column(&employees, |new| new.email.as_deref()),
        &column(&employees, |new| new.phone.as_deref()),
        &column(&employees, |new| new.title.as_deref()),
        &column(&employees, |new| new.department_id),
        &column(&employees, |new| new.manager_id),
        &column(&employees, |new| new.salary_level),
        &column(&employees, |new| new.hired_on),
        &column(&employees, |new| new.left_on),
        &column(&employees, |new| new.status),
        &users,
    ];
    let employee_params = stamps.and(&content);

    let led: Vec<_> = departments.iter().map(|made| made.stamp.id).collect();
    let heads: Vec<Option<Id<Employee>>> = column(&departments, |new| new.head_id);
    let head_params: [&(dyn ToSql + Sync); 2] = [&led, &heads];
    let calls = [
        Call::new(INSERT_DEPARTMENTS, &department_params),
        Call::new(INSERT_EMPLOYEES, &employee_params),
        Call::new(SET_HEADS, &head_params),
    ];
    executor.run(Access::write(Permissions::NONE), &calls).await.map(drop)
}
