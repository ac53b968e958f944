-- Logins and their refresh tokens. nexo_auth sees those of one user at a
-- time; nexo_app sees just enough to ask whether a session of its own account
-- is alive, which it does in each transaction.

create table nexo.sessions (
    account_id uuid not null,
    id         uuid not null,
    user_id    uuid not null,
    created_at timestamptz not null default now(),
    -- The absolute end, however often the session is refreshed.
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_for text check (revoked_for in ('logout', 'logout_everywhere', 'password_change', 'token_reuse')),
    ip         text,
    user_agent text,
    primary key (account_id, id),
    foreign key (account_id, user_id) references nexo.memberships on delete cascade,
    check ((revoked_at is null) = (revoked_for is null))
);
-- With the id, so that whatever the planner believes of the table's size, a
-- session of a user is found at once.
create unique index sessions_user on nexo.sessions (user_id, id);

alter table nexo.sessions enable row level security;
alter table nexo.sessions force row level security;
create policy own_sessions on nexo.sessions to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
create policy account_sessions on nexo.sessions for select to nexo_app
    using (account_id = nexo.current_account());
grant select, insert, update, delete on nexo.sessions to nexo_auth;
grant select (account_id, id, user_id, expires_at, revoked_at) on nexo.sessions to nexo_app;

-- One row a rotation; a session's rows are one family. Only hashes are kept:
-- a successor is computed from the token that was presented and the nonce
-- stored here, so that those who lost a reply can be given the same one again
-- while nobody can compute it from the table alone.
create table nexo.refresh_tokens (
    account_id      uuid not null,
    session_id      uuid not null,
    user_id         uuid not null,
    token_hash      bytea not null check (length(token_hash) = 32),
    successor_hash  bytea check (length(successor_hash) = 32),
    successor_nonce bytea check (length(successor_nonce) = 32),
    created_at      timestamptz not null default clock_timestamp(),
    -- Ends by itself when unused.
    expires_at      timestamptz not null,
    rotated_at      timestamptz,
    primary key (user_id, token_hash),
    foreign key (account_id, session_id) references nexo.sessions on delete cascade,
    check ((rotated_at is null) = (successor_nonce is null)),
    check ((rotated_at is null) = (successor_hash is null))
);
create index refresh_tokens_session on nexo.refresh_tokens (account_id, session_id);

alter table nexo.refresh_tokens enable row level security;
alter table nexo.refresh_tokens force row level security;
create policy own_refresh_tokens on nexo.refresh_tokens to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
grant select, insert, update, delete on nexo.refresh_tokens to nexo_auth;
