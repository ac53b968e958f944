-- Clients. The pattern of every tenant table is in README.md beside this file.

create table nexo.clients (
    account_id uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id         uuid not null,
    name       text not null check (length(name) between 1 and 200),
    kind       text not null check (kind in ('person', 'company')),
    email      text check (length(email) <= 254),
    phone      text check (length(phone) <= 40),
    website    text check (length(website) <= 500),
    address    text check (length(address) <= 500),
    status     text not null check (status in ('lead', 'active', 'inactive')),
    tags       text[] not null default '{}' check (cardinality(tags) <= 50),
    notes      text check (length(notes) <= 10000),
    version    bigint not null default 1,
    created_at timestamptz not null default now(),
    created_by uuid,
    updated_at timestamptz not null default now(),
    primary key (account_id, id)
);

-- One index a sort order; `id` makes each order total, which keyset needs.
create index clients_created on nexo.clients (account_id, created_at, id);
create index clients_updated on nexo.clients (account_id, updated_at, id);
create index clients_name on nexo.clients (account_id, name, id);

alter table nexo.clients enable row level security;
alter table nexo.clients force row level security;
create policy tenant on nexo.clients
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.clients to nexo_app;
