-- Who exists. These tables belong to no single account, so they are open to
-- nexo_auth alone: nexo_app, which runs the tenants' statements, has no right
-- on them at all.

create table nexo.accounts (
    id         uuid primary key,
    name       text not null check (length(name) between 1 and 200),
    created_at timestamptz not null default now()
);

create table nexo.users (
    id            uuid primary key,
    -- Normalised to lower case by the server. Unique over all accounts on
    -- purpose: it is what people log in with.
    email         text not null unique check (length(email) between 3 and 254),
    name          text not null check (length(name) between 1 and 200),
    password_hash text not null,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now()
);

grant select, insert on nexo.accounts to nexo_auth;
grant select, insert, update (name, password_hash, updated_at) on nexo.users to nexo_auth;

-- Which user is in which account.
create table nexo.memberships (
    account_id uuid not null references nexo.accounts on delete cascade,
    user_id    uuid not null references nexo.users on delete cascade,
    role       text not null check (role in ('owner')),
    created_at timestamptz not null default now(),
    primary key (account_id, user_id)
);
create index memberships_user on nexo.memberships (user_id);

alter table nexo.memberships enable row level security;
alter table nexo.memberships force row level security;
create policy own_memberships on nexo.memberships to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
grant select, insert on nexo.memberships to nexo_auth;
