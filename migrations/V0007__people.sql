-- Departments and the employees in them.

create table nexo.departments (
    account_id  uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id          uuid not null,
    external_id text check (length(external_id) between 1 and 100),
    name        text not null check (length(name) between 1 and 200),
    parent_id   uuid,
    head_id     uuid,
    version     bigint not null default 1,
    created_at  timestamptz not null default now(),
    created_by  uuid,
    updated_at  timestamptz not null default now(),
    archived_at timestamptz,
    primary key (account_id, id),
    constraint departments_external_id_key unique (account_id, external_id),
    constraint departments_parent_id_fkey foreign key (account_id, parent_id) references nexo.departments
);

create table nexo.employees (
    account_id    uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id            uuid not null,
    external_id   text check (length(external_id) between 1 and 100),
    employee_code text not null check (length(employee_code) between 1 and 40),
    name          text not null check (length(name) between 1 and 200),
    email         text check (length(email) <= 254),
    phone         text check (length(phone) <= 40),
    title         text check (length(title) between 1 and 100),
    department_id uuid,
    manager_id    uuid,
    salary_level  smallint check (salary_level between 1 and 99),
    hired_on      date,
    left_on       date,
    status        text not null check (status in ('active', 'on_leave', 'left')),
    -- The user who this employee is, if they log in.
    user_id       uuid,
    -- Without a date they come last.
    hired_on_sort date not null generated always as (coalesce(hired_on, 'infinity')) stored,
    version       bigint not null default 1,
    created_at    timestamptz not null default now(),
    created_by    uuid,
    updated_at    timestamptz not null default now(),
    archived_at   timestamptz,
    primary key (account_id, id),
    constraint employees_external_id_key unique (account_id, external_id),
    constraint employees_employee_code_key unique (account_id, employee_code),
    constraint employees_user_id_key unique (account_id, user_id),
    constraint employees_department_id_fkey foreign key (account_id, department_id) references nexo.departments,
    constraint employees_manager_id_fkey foreign key (account_id, manager_id) references nexo.employees,
    constraint employees_user_id_fkey foreign key (account_id, user_id) references nexo.memberships
        on delete set null (user_id),
    constraint employees_left_on_order check (left_on >= hired_on)
);

alter table nexo.departments
    add constraint departments_head_id_fkey foreign key (account_id, head_id) references nexo.employees;

-- Indexes on references hold archived rows too: deleting what is referred to
-- looks there.
create index departments_created on nexo.departments (account_id, created_at, id) where archived_at is null;
create index departments_updated on nexo.departments (account_id, updated_at, id) where archived_at is null;
create index departments_name on nexo.departments (account_id, name, id) where archived_at is null;
create index departments_parent on nexo.departments (account_id, parent_id, created_at, id);
create index departments_head on nexo.departments (account_id, head_id, created_at, id);
create index departments_archived on nexo.departments (account_id, created_at, id) where archived_at is not null;

create index employees_created on nexo.employees (account_id, created_at, id) where archived_at is null;
create index employees_updated on nexo.employees (account_id, updated_at, id) where archived_at is null;
create index employees_name on nexo.employees (account_id, name, id) where archived_at is null;
create index employees_code on nexo.employees (account_id, employee_code, id) where archived_at is null;
create index employees_hired on nexo.employees (account_id, hired_on_sort, id) where archived_at is null;
create index employees_hired_on on nexo.employees (account_id, hired_on, id) where archived_at is null;
create index employees_status on nexo.employees (account_id, status, created_at, id) where archived_at is null;
create index employees_email on nexo.employees (account_id, email) where archived_at is null;
create index employees_salary_level on nexo.employees (account_id, salary_level, id) where archived_at is null;
create index employees_department on nexo.employees (account_id, department_id, created_at, id);
create index employees_manager on nexo.employees (account_id, manager_id, created_at, id);
create index employees_archived on nexo.employees (account_id, created_at, id) where archived_at is not null;

create trigger parent_cycle before insert or update of parent_id on nexo.departments
    for each row when (new.parent_id is not null) execute function nexo.refuse_cycle('parent_id');
create trigger manager_cycle before insert or update of manager_id on nexo.employees
    for each row when (new.manager_id is not null) execute function nexo.refuse_cycle('manager_id');

-- Who has left did so on some day: on this one, if nothing else is said.
create function nexo.date_leaving() returns trigger
    language plpgsql
as $$
begin
    new.left_on := greatest(current_date, new.hired_on);
    return new;
end
$$;
revoke all on function nexo.date_leaving() from public;

create trigger date_leaving before insert or update of status, left_on on nexo.employees
    for each row when (new.status = 'left' and new.left_on is null) execute function nexo.date_leaving();

alter table nexo.departments enable row level security;
alter table nexo.departments force row level security;
create policy tenant on nexo.departments
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

alter table nexo.employees enable row level security;
alter table nexo.employees force row level security;
create policy tenant on nexo.employees
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.departments, nexo.employees to nexo_app;
