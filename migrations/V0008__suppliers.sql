-- Suppliers: whom an account buys from.

create table nexo.suppliers (
    account_id     uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id             uuid not null,
    external_id    text check (length(external_id) between 1 and 100),
    company        text not null check (length(company) between 1 and 200),
    category       text check (length(category) between 1 and 100),
    contact_person text check (length(contact_person) between 1 and 200),
    email          text check (length(email) <= 254),
    phone          text check (length(phone) <= 40),
    address        text check (length(address) <= 500),
    tax_id         text check (length(tax_id) between 1 and 40),
    payment_terms  text check (length(payment_terms) between 1 and 200),
    rating         smallint check (rating between 1 and 5),
    status         text not null check (status in ('active', 'prospective', 'inactive', 'blocked')),
    version        bigint not null default 1,
    created_at     timestamptz not null default now(),
    created_by     uuid,
    updated_at     timestamptz not null default now(),
    archived_at    timestamptz,
    primary key (account_id, id),
    constraint suppliers_external_id_key unique (account_id, external_id)
);

create index suppliers_created on nexo.suppliers (account_id, created_at, id) where archived_at is null;
create index suppliers_updated on nexo.suppliers (account_id, updated_at, id) where archived_at is null;
create index suppliers_company on nexo.suppliers (account_id, company, id) where archived_at is null;
create index suppliers_status on nexo.suppliers (account_id, status, created_at, id) where archived_at is null;
create index suppliers_category on nexo.suppliers (account_id, category, created_at, id) where archived_at is null;
create index suppliers_email on nexo.suppliers (account_id, email) where archived_at is null;
create index suppliers_tax_id on nexo.suppliers (account_id, tax_id) where archived_at is null;
create index suppliers_rating on nexo.suppliers (account_id, rating, id) where archived_at is null;
create index suppliers_archived on nexo.suppliers (account_id, created_at, id) where archived_at is not null;

alter table nexo.suppliers enable row level security;
alter table nexo.suppliers force row level security;
create policy tenant on nexo.suppliers
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.suppliers to nexo_app;
