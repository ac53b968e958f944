-- Tasks: what is to be done, in a project or outside of any.

create table nexo.tasks (
    account_id               uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id                       uuid not null,
    external_id              text check (length(external_id) between 1 and 100),
    project_id               uuid,
    parent_id                uuid,
    title                    text not null check (length(title) between 1 and 200),
    description              text check (length(description) <= 10000),
    status                   text not null check (status in ('todo', 'in_progress', 'blocked', 'done', 'cancelled')),
    priority                 text not null check (priority in ('low', 'normal', 'high', 'urgent')),
    assignee_employee_id     uuid,
    assignee_professional_id uuid,
    due_on                   date,
    -- In ten-thousandths, as amounts are.
    estimate_hours           bigint check (estimate_hours >= 0),
    spent_hours              bigint check (spent_hours >= 0),
    -- Kept by a trigger.
    completed_at             timestamptz,
    assignee_id              uuid generated always as (coalesce(assignee_employee_id, assignee_professional_id)) stored,
    due_on_sort              date not null generated always as (coalesce(due_on, 'infinity')) stored,
    priority_sort            smallint not null generated always as
        (case priority when 'low' then 1 when 'normal' then 2 when 'high' then 3 else 4 end) stored,
    version                  bigint not null default 1,
    created_at               timestamptz not null default now(),
    created_by               uuid,
    updated_at               timestamptz not null default now(),
    archived_at              timestamptz,
    primary key (account_id, id),
    constraint tasks_external_id_key unique (account_id, external_id),
    constraint tasks_project_id_fkey foreign key (account_id, project_id) references nexo.projects,
    constraint tasks_parent_id_fkey foreign key (account_id, parent_id) references nexo.tasks,
    constraint tasks_assignee_employee_id_fkey foreign key (account_id, assignee_employee_id)
        references nexo.employees,
    constraint tasks_assignee_professional_id_fkey foreign key (account_id, assignee_professional_id)
        references nexo.professionals,
    constraint tasks_assignee_professional_id_single
        check (assignee_employee_id is null or assignee_professional_id is null),
    check ((status = 'done') = (completed_at is not null))
);

create index tasks_created on nexo.tasks (account_id, created_at, id) where archived_at is null;
create index tasks_updated on nexo.tasks (account_id, updated_at, id) where archived_at is null;
create index tasks_title on nexo.tasks (account_id, title, id) where archived_at is null;
create index tasks_due on nexo.tasks (account_id, due_on_sort, id) where archived_at is null;
create index tasks_due_on on nexo.tasks (account_id, due_on, id) where archived_at is null;
create index tasks_priority_sort on nexo.tasks (account_id, priority_sort, id) where archived_at is null;
create index tasks_status on nexo.tasks (account_id, status, created_at, id) where archived_at is null;
create index tasks_status_due on nexo.tasks (account_id, status, due_on_sort, id) where archived_at is null;
create index tasks_priority on nexo.tasks (account_id, priority, created_at, id) where archived_at is null;
create index tasks_priority_priority on nexo.tasks (account_id, priority, priority_sort, id) where archived_at is null;
create index tasks_completed on nexo.tasks (account_id, completed_at, id) where archived_at is null;
create index tasks_assignee on nexo.tasks (account_id, assignee_id, created_at, id) where archived_at is null;
create index tasks_assignee_due on nexo.tasks (account_id, assignee_id, due_on_sort, id) where archived_at is null;
create index tasks_project_due on nexo.tasks (account_id, project_id, due_on_sort, id) where archived_at is null;
create index tasks_project on nexo.tasks (account_id, project_id, created_at, id);
create index tasks_parent on nexo.tasks (account_id, parent_id, created_at, id);
create index tasks_assignee_employee on nexo.tasks (account_id, assignee_employee_id);
create index tasks_assignee_professional on nexo.tasks (account_id, assignee_professional_id);
create index tasks_archived on nexo.tasks (account_id, created_at, id) where archived_at is not null;

create trigger parent_cycle before insert or update of parent_id on nexo.tasks
    for each row when (new.parent_id is not null) execute function nexo.refuse_cycle('parent_id');
create trigger status_move before update of status on nexo.tasks
    for each row when (old.status <> new.status)
    execute function nexo.refuse_move('cancelled>done', 'done>blocked');

create function nexo.date_completion() returns trigger
    language plpgsql
as $$
begin
    new.completed_at := case when new.status = 'done' then coalesce(new.completed_at, now()) end;
    return new;
end
$$;
revoke all on function nexo.date_completion() from public;

create trigger date_completion before insert or update of status on nexo.tasks
    for each row execute function nexo.date_completion();

alter table nexo.tasks enable row level security;
alter table nexo.tasks force row level security;
create policy tenant on nexo.tasks
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.tasks to nexo_app;
