-- Professionals: people from outside who work for an account.

create table nexo.professionals (
    account_id   uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id           uuid not null,
    external_id  text check (length(external_id) between 1 and 100),
    name         text not null check (length(name) between 1 and 200),
    specialty    text check (length(specialty) between 1 and 100),
    skills       text[] not null default '{}' check (cardinality(skills) <= 50),
    -- In ten-thousandths: comparing numerics is not leakproof, so no index on
    -- one would be used under row-level security.
    hourly_rate  bigint check (hourly_rate >= 0),
    currency     text check (currency ~ '^[A-Z]{3}$'),
    availability text not null check (availability in ('available', 'partly_available', 'unavailable')),
    email        text check (length(email) <= 254),
    phone        text check (length(phone) <= 40),
    portfolio    text check (length(portfolio) <= 500),
    status       text not null check (status in ('active', 'inactive')),
    version      bigint not null default 1,
    created_at   timestamptz not null default now(),
    created_by   uuid,
    updated_at   timestamptz not null default now(),
    archived_at  timestamptz,
    primary key (account_id, id),
    constraint professionals_external_id_key unique (account_id, external_id),
    constraint professionals_currency_pair check ((hourly_rate is null) = (currency is null))
);

create index professionals_created on nexo.professionals (account_id, created_at, id) where archived_at is null;
create index professionals_updated on nexo.professionals (account_id, updated_at, id) where archived_at is null;
create index professionals_name on nexo.professionals (account_id, name, id) where archived_at is null;
create index professionals_status on nexo.professionals (account_id, status, created_at, id) where archived_at is null;
create index professionals_availability on nexo.professionals (account_id, availability, created_at, id)
    where archived_at is null;
create index professionals_specialty on nexo.professionals (account_id, specialty, created_at, id)
    where archived_at is null;
create index professionals_currency on nexo.professionals (account_id, currency, created_at, id)
    where archived_at is null;
create index professionals_email on nexo.professionals (account_id, email) where archived_at is null;
create index professionals_hourly_rate on nexo.professionals (account_id, hourly_rate, id) where archived_at is null;
create index professionals_archived on nexo.professionals (account_id, created_at, id) where archived_at is not null;

alter table nexo.professionals enable row level security;
alter table nexo.professionals force row level security;
create policy tenant on nexo.professionals
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.professionals to nexo_app;
