-- Projects, and who works on them.

create table nexo.projects (
    account_id     uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id             uuid not null,
    external_id    text check (length(external_id) between 1 and 100),
    client_id      uuid,
    name           text not null check (length(name) between 1 and 200),
    code           text check (length(code) between 1 and 40),
    description    text check (length(description) <= 10000),
    status         text not null check (status in ('planned', 'active', 'on_hold', 'completed', 'cancelled')),
    starts_on      date,
    ends_on        date,
    -- In ten-thousandths, as professionals' rates are.
    budget         bigint check (budget >= 0),
    currency       text check (currency ~ '^[A-Z]{3}$'),
    owner_id       uuid,
    starts_on_sort date not null generated always as (coalesce(starts_on, 'infinity')) stored,
    ends_on_sort   date not null generated always as (coalesce(ends_on, 'infinity')) stored,
    version        bigint not null default 1,
    created_at     timestamptz not null default now(),
    created_by     uuid,
    updated_at     timestamptz not null default now(),
    archived_at    timestamptz,
    primary key (account_id, id),
    constraint projects_external_id_key unique (account_id, external_id),
    constraint projects_code_key unique (account_id, code),
    constraint projects_client_id_fkey foreign key (account_id, client_id) references nexo.clients,
    constraint projects_owner_id_fkey foreign key (account_id, owner_id) references nexo.memberships
        on delete set null (owner_id),
    constraint projects_ends_on_order check (ends_on >= starts_on),
    constraint projects_currency_pair check ((budget is null) = (currency is null))
);

create index projects_created on nexo.projects (account_id, created_at, id) where archived_at is null;
create index projects_updated on nexo.projects (account_id, updated_at, id) where archived_at is null;
create index projects_name on nexo.projects (account_id, name, id) where archived_at is null;
create index projects_starts on nexo.projects (account_id, starts_on_sort, id) where archived_at is null;
create index projects_starts_on on nexo.projects (account_id, starts_on, id) where archived_at is null;
create index projects_ends on nexo.projects (account_id, ends_on_sort, id) where archived_at is null;
create index projects_ends_on on nexo.projects (account_id, ends_on, id) where archived_at is null;
create index projects_status on nexo.projects (account_id, status, created_at, id) where archived_at is null;
create index projects_currency on nexo.projects (account_id, currency, created_at, id) where archived_at is null;
create index projects_budget on nexo.projects (account_id, budget, id) where archived_at is null;
create index projects_client on nexo.projects (account_id, client_id, created_at, id);
create index projects_owner on nexo.projects (account_id, owner_id, created_at, id);
create index projects_archived on nexo.projects (account_id, created_at, id) where archived_at is not null;

create trigger status_move before update of status on nexo.projects
    for each row when (old.status <> new.status)
    execute function nexo.refuse_move('completed>planned', 'cancelled>completed', 'cancelled>on_hold');

-- A part of its project: read and written with it, and gone with it.
create table nexo.project_members (
    account_id      uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    project_id      uuid not null,
    position        smallint not null,
    employee_id     uuid,
    professional_id uuid,
    role            text check (length(role) between 1 and 100),
    primary key (account_id, project_id, position),
    constraint project_members_project_id_fkey foreign key (account_id, project_id) references nexo.projects
        on delete cascade,
    constraint project_members_employee_id_fkey foreign key (account_id, employee_id) references nexo.employees,
    constraint project_members_professional_id_fkey
        foreign key (account_id, professional_id) references nexo.professionals,
    check (num_nonnulls(employee_id, professional_id) = 1)
);
create index project_members_employee on nexo.project_members (account_id, employee_id);
create index project_members_professional on nexo.project_members (account_id, professional_id);

alter table nexo.projects enable row level security;
alter table nexo.projects force row level security;
create policy tenant on nexo.projects
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

alter table nexo.project_members enable row level security;
alter table nexo.project_members force row level security;
create policy tenant on nexo.project_members
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.projects, nexo.project_members to nexo_app;
