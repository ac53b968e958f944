-- What is mailed to a user's address for them to show once: to set a new
-- password, or that the address is theirs.

alter table nexo.users add column email_verified_at timestamptz;
grant update (email_verified_at) on nexo.users to nexo_auth;

-- The newest of each kind, as a hash: whoever has the token may use it.
create table nexo.one_time_tokens (
    user_id    uuid not null references nexo.users on delete cascade,
    purpose    text not null check (purpose in ('password_reset', 'email_verification')),
    token_hash bytea not null check (length(token_hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    -- Or else given out by whoever runs the program: it does not show an address.
    mailed     boolean not null,
    primary key (user_id, purpose)
);
alter table nexo.one_time_tokens enable row level security;
alter table nexo.one_time_tokens force row level security;
create policy own_tokens on nexo.one_time_tokens to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
grant select, insert, update (token_hash, created_at, expires_at, mailed), delete on nexo.one_time_tokens to nexo_auth;

-- Whether the token went to the address, so that whoever accepts has shown that
-- it is theirs.
alter table nexo.invitations add column mailed boolean not null default false;
grant select (mailed) on nexo.invitations to nexo_app;
