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
    primary key (user_id, purpose)
);
alter table nexo.one_time_tokens enable row level security;
alter table nexo.one_time_tokens force row level security;
create policy own_tokens on nexo.one_time_tokens to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
grant select, insert, update (token_hash, created_at, expires_at), delete on nexo.one_time_tokens to nexo_auth;

-- As before, and that an address was shown to be its user's.
create or replace function nexo.audit_user() returns trigger
    language plpgsql volatile
as $$
declare
    account uuid;
begin
    for account in select m.account_id from nexo.memberships m where m.user_id = new.id loop
        if new.password_hash <> old.password_hash and new.updated_at <> old.updated_at then
            call nexo.audit(account, 'change_password', 'users', new.id, null, null);
        end if;
        if new.name <> old.name or new.email <> old.email then
            call nexo.audit(account, 'update', 'users', new.id, jsonb_build_object('name', old.name, 'email', old.email),
                jsonb_build_object('name', new.name, 'email', new.email));
        end if;
        if old.email_verified_at is null and new.email_verified_at is not null then
            call nexo.audit(account, 'update', 'users', new.id, jsonb_build_object('email_verified_at', null),
                jsonb_build_object('email_verified_at', new.email_verified_at));
        end if;
    end loop;
    return null;
end
$$;
drop trigger audit on nexo.users;
create trigger audit after update of name, email, password_hash, email_verified_at on nexo.users
    for each row execute function nexo.audit_user();

alter table nexo.sessions drop constraint sessions_revoked_for_check;
alter table nexo.sessions add constraint sessions_revoked_for_check
    check (revoked_for in ('logout', 'logout_everywhere', 'password_change', 'password_reset', 'token_reuse', 'disabled'));

-- Whether the token went to the address, so that whoever accepts has shown that
-- it is theirs.
alter table nexo.invitations add column mailed boolean not null default false;
grant select (mailed) on nexo.invitations to nexo_app;
