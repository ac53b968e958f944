-- What was answered to a request that carried an Idempotency-Key, written in
-- the transaction of the request itself: a key is here if and only if its
-- request was done.

create table nexo.idempotency_keys (
    account_id  uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    -- The user who sent it, or all zeros for a job: keys of two users may be equal.
    user_id     uuid not null,
    key         text not null check (length(key) between 1 and 255),
    -- SHA-256 of the request: the same key with another request is a mistake.
    fingerprint bytea not null check (length(fingerprint) = 32),
    -- The answer as JSON, not null once the transaction has committed.
    answer      text,
    created_at  timestamptz not null default now(),
    primary key (account_id, user_id, key)
);
create index idempotency_keys_created on nexo.idempotency_keys (account_id, created_at);

alter table nexo.idempotency_keys enable row level security;
alter table nexo.idempotency_keys force row level security;
create policy tenant on nexo.idempotency_keys
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update (answer), delete on nexo.idempotency_keys to nexo_app;
