-- A second factor: codes that an authenticator app computes from a secret which
-- it shares with the server (TOTP, RFC 6238), and codes for when it is lost.

alter table nexo.users
    -- Shared by the app and the server, so it cannot be a hash.
    add column second_factor_secret bytea check (length(second_factor_secret) = 20),
    -- When a first code has shown that the app has it; before, it is asked for nowhere.
    add column second_factor_at timestamptz,
    -- The step of 30 seconds whose code was taken last: none is good twice.
    add column second_factor_step bigint not null default 0,
    -- Hashes of those that were not used.
    add column recovery_codes bytea[] not null default '{}',
    add constraint users_second_factor check (second_factor_at is null or second_factor_secret is not null);
grant update (second_factor_secret, second_factor_at, second_factor_step, recovery_codes) on nexo.users to nexo_auth;

-- As before, and that a second factor is asked for from now on, or no more; and
-- that a code for when it is lost was used, or that there are new ones.
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
        if old.second_factor_at is distinct from new.second_factor_at
            or old.recovery_codes <> new.recovery_codes
        then
            call nexo.audit(account, 'update', 'users', new.id,
                jsonb_build_object('second_factor_at', old.second_factor_at, 'recovery_codes', cardinality(old.recovery_codes)),
                jsonb_build_object('second_factor_at', new.second_factor_at, 'recovery_codes', cardinality(new.recovery_codes)));
        end if;
    end loop;
    return null;
end
$$;
drop trigger audit on nexo.users;
create trigger audit
    after update of name, email, password_hash, email_verified_at, second_factor_at, recovery_codes on nexo.users
    for each row execute function nexo.audit_user();

-- Sessions from before it was asked for end.
alter table nexo.sessions drop constraint sessions_revoked_for_check;
alter table nexo.sessions add constraint sessions_revoked_for_check
    check (revoked_for in ('logout', 'logout_everywhere', 'password_change', 'password_reset', 'second_factor',
        'token_reuse', 'disabled'));
