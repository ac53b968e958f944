-- What guards the door: the keys that sign access tokens, and the count of
-- attempts to log in. Both are nexo_auth's alone.

create table nexo.signing_keys (
    kid         text primary key,
    -- An Ed25519 key pair, PKCS #8.
    private_key bytea not null,
    created_at  timestamptz not null default clock_timestamp(),
    -- From then on it verifies nothing. The newest key that is not retired signs.
    retired_at  timestamptz
);
grant select, insert, update (retired_at) on nexo.signing_keys to nexo_auth;

-- Attempts to log in that have not succeeded: for an address from one network,
-- for an address from everywhere, and for a network. The key is a hash, so that
-- the table is no list of addresses.
create table nexo.login_attempts (
    key           bytea primary key check (length(key) = 32),
    attempts      integer not null,
    last_at       timestamptz not null,
    blocked_until timestamptz not null,
    -- The user has logged in from there: not held up by attempts elsewhere.
    known_good    boolean not null default false
);
create index login_attempts_age on nexo.login_attempts (last_at);
grant select, insert, update, delete on nexo.login_attempts to nexo_auth;

-- The passwords that servers on this database share for the two run-time
-- roles. The owner's alone: neither role has a right on it.
create table nexo.runtime_credentials (
    role       text primary key check (role in ('nexo_app', 'nexo_auth')),
    password   text not null,
    created_at timestamptz not null default now()
);
