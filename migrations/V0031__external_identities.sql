-- Signing in through an OpenID Connect provider: who a user is there, and the
-- sign-ins that are under way.

-- The sign-in whose token was shown to the running transaction, or null.
create function nexo.current_sign_in() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('nexo.sign_in_id', true), '')::uuid;

create table nexo.oidc_sign_ins (
    id             uuid primary key,
    -- Whoever has the token began it. As hashes: it, and the state that comes back.
    token_hash     bytea not null check (length(token_hash) = 32),
    state_hash     bytea not null check (length(state_hash) = 32),
    -- Both are good for nothing without the provider's answer to this sign-in.
    nonce          text not null,
    pkce_verifier  text not null,
    provider       text not null check (length(provider) between 1 and 64),
    redirect_uri   text not null check (length(redirect_uri) between 1 and 2000),
    -- Who adds an identity to those they have; nobody's, where somebody signs in.
    user_id        uuid references nexo.users on delete cascade,
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    -- The provider's code was tried, which is done once.
    used_at        timestamptz,
    -- Who the provider's answer names; and when that was found to be so.
    issuer         text check (length(issuer) between 1 and 2000),
    subject        text check (length(subject) between 1 and 255),
    email          text check (length(email) between 3 and 254),
    email_verified boolean not null default false,
    name           text check (length(name) between 1 and 200),
    verified_at    timestamptz,
    check (verified_at is null or used_at is not null and subject is not null),
    check ((issuer is null) = (subject is null))
);
create index oidc_sign_ins_expiry on nexo.oidc_sign_ins (expires_at);
create index oidc_sign_ins_user on nexo.oidc_sign_ins (user_id);

alter table nexo.oidc_sign_ins enable row level security;
alter table nexo.oidc_sign_ins force row level security;
-- One at a time; and those that are over, for whoever tidies up.
create policy shown on nexo.oidc_sign_ins to nexo_auth
    using (id = nexo.current_sign_in() or expires_at < now())
    with check (id = nexo.current_sign_in() or expires_at < now());
grant select, insert, delete, update (used_at, issuer, subject, email, email_verified, name, verified_at)
    on nexo.oidc_sign_ins to nexo_auth;

create table nexo.external_identities (
    id           uuid primary key,
    user_id      uuid not null references nexo.users on delete cascade,
    -- These two tell who somebody is, over all accounts on purpose.
    issuer       text not null check (length(issuer) between 1 and 2000),
    subject      text not null check (length(subject) between 1 and 255),
    -- For people to know it again, as they were when it was added.
    provider     text not null check (length(provider) between 1 and 64),
    email        text check (length(email) between 3 and 254),
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    constraint external_identities_subject_unique unique (issuer, subject)
);
create index external_identities_user on nexo.external_identities (user_id, created_at);

alter table nexo.external_identities enable row level security;
alter table nexo.external_identities force row level security;
-- A user's own; and the one that a provider's answer names, while its sign-in is shown.
create policy own_or_shown on nexo.external_identities to nexo_auth
    using (user_id = nexo.current_user_id()
        or exists (select from nexo.oidc_sign_ins s where s.id = nexo.current_sign_in()
            and s.issuer = external_identities.issuer and s.subject = external_identities.subject))
    with check (user_id = nexo.current_user_id()
        or exists (select from nexo.oidc_sign_ins s where s.id = nexo.current_sign_in()
            and s.issuer = external_identities.issuer and s.subject = external_identities.subject));
create policy may_create on nexo.external_identities as restrictive for insert to nexo_auth
    with check (user_id = nexo.current_user_id());
create policy may_change on nexo.external_identities as restrictive for update to nexo_auth
    using (user_id = nexo.current_user_id());
create policy may_delete on nexo.external_identities as restrictive for delete to nexo_auth
    using (user_id = nexo.current_user_id());
grant select, insert, delete, update (last_used_at) on nexo.external_identities to nexo_auth;

-- Of those who have none, the hash is one that no password has, so that whoever
-- tries one is answered as for a wrong password.
alter table nexo.users add column has_password boolean not null default true;

create function nexo.set_has_password() returns trigger
    language plpgsql volatile
as $$
begin
    new.has_password := true;
    return new;
end
$$;
create trigger set_has_password before update of password_hash on nexo.users
    for each row when (new.password_hash <> old.password_hash) execute function nexo.set_has_password();

-- The provider by which somebody signed in; null for a password.
alter table nexo.sessions add column provider text check (length(provider) between 1 and 64);

-- As before, and how.
create or replace function nexo.audit_session() returns trigger
    language plpgsql volatile
as $$
begin
    call nexo.audit(new.account_id,
        case when tg_op = 'INSERT' then 'login' when new.revoked_for = 'token_reuse' then 'token_reuse' else 'logout' end,
        'sessions', new.id, null, jsonb_strip_nulls(jsonb_build_object('for', new.revoked_for,
            'provider', case tg_op when 'INSERT' then new.provider end)));
    return null;
end
$$;

-- What identities a user has, in each account that they are a member of; not who
-- they are there, which is no account's business.
create function nexo.audit_identity() returns trigger
    language plpgsql volatile
as $$
declare
    changed constant nexo.external_identities := case tg_op when 'DELETE' then old else new end;
    told    constant jsonb := jsonb_build_object('identity',
        jsonb_build_object('provider', changed.provider, 'issuer', changed.issuer));
    account uuid;
begin
    for account in select m.account_id from nexo.memberships m where m.user_id = changed.user_id loop
        call nexo.audit(account, 'update', 'users', changed.user_id,
            case tg_op when 'DELETE' then told end, case tg_op when 'INSERT' then told end);
    end loop;
    return null;
end
$$;
create trigger audit after insert or delete on nexo.external_identities
    for each row execute function nexo.audit_identity();

revoke all on function nexo.current_sign_in(), nexo.set_has_password(), nexo.audit_identity() from public;
grant execute on function nexo.current_sign_in() to nexo_auth;
