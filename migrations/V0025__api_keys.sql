-- API keys: how a program acts in an account without anybody's password.
--
-- A key acts for the member who made it and never beyond what they may: it has
-- what it was given, as far as its member still has that. It goes with the
-- membership.

create table nexo.api_keys (
    account_id   uuid not null default nexo.current_account(),
    id           uuid not null,
    user_id      uuid not null,
    name         text not null check (length(name) between 1 and 100),
    permissions  bigint not null,
    -- What of that the member has now.
    effective    bigint not null default 0,
    -- Whoever has the secret acts by it, so it is kept as a hash.
    token_hash   bytea not null check (length(token_hash) = 32),
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    -- To the minute.
    last_used_at timestamptz,
    primary key (account_id, id),
    constraint api_keys_token_unique unique (account_id, token_hash),
    constraint api_keys_expires_at_range
        check (expires_at > created_at and expires_at < created_at + interval '5 years 2 days'),
    constraint api_keys_member_fkey foreign key (account_id, user_id) references nexo.memberships on delete cascade
);
create index api_keys_member on nexo.api_keys (account_id, user_id);

-- The key that the running transaction acts by, or null.
create function nexo.current_key() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('nexo.key_id', true), '')::uuid;

-- The user that the running transaction acts for, or null.
create function nexo.acting_user() returns uuid
    language sql stable parallel safe
    return (nexo.actor() ->> 'user')::uuid;

-- Numbers are never given to another permission.
create or replace function nexo.permission(name text) returns bigint
    language sql immutable strict parallel safe
    return 1::bigint << case name
        when 'client:read' then 0 when 'client:write' then 1 when 'client:delete' then 2
        when 'department:read' then 3 when 'department:write' then 4 when 'department:delete' then 5
        when 'employee:read' then 6 when 'employee:write' then 7 when 'employee:delete' then 8
        when 'supplier:read' then 9 when 'supplier:write' then 10 when 'supplier:delete' then 11
        when 'professional:read' then 12 when 'professional:write' then 13 when 'professional:delete' then 14
        when 'project:read' then 15 when 'project:write' then 16 when 'project:delete' then 17
        when 'task:read' then 18 when 'task:write' then 19 when 'task:delete' then 20
        when 'import:run' then 40
        when 'member:read' then 41 when 'member:manage' then 42
        when 'role:manage' then 43
        when 'account:admin' then 44
        when 'audit:read' then 45
        when 'key:manage' then 46
    end;

create or replace function nexo.role_permissions(role text) returns bigint
    language sql immutable strict parallel safe
begin atomic
    with of_records (subject) as (
        values ('client'), ('department'), ('employee'), ('supplier'), ('professional'), ('project'), ('task')
    ), granted (role, permission) as (
        select unnest(array['owner', 'admin', 'manager', 'member', 'viewer']), subject || ':read' from of_records
        union all
        select unnest(array['owner', 'admin', 'manager']), subject || ':write' from of_records
        union all
        select unnest(array['owner', 'admin', 'manager']), subject || ':delete' from of_records
        union all
        select 'member', subject || ':write' from of_records where subject not in ('department', 'employee')
        union all
        select 'manager', unnest(array['import:run', 'member:read'])
        union all
        select unnest(array['owner', 'admin']), permission
        from unnest(array['import:run', 'member:read', 'member:manage', 'role:manage', 'audit:read', 'key:manage'])
            as permission
        union all
        values ('owner', 'account:admin')
    )
    select bit_or(nexo.permission(granted.permission)) from granted where granted.role = role_permissions.role;
end;

-- A key that made keys would outlive its own end.
alter table nexo.api_keys add constraint api_keys_make_none check (permissions & (1::bigint << 46) = 0);

alter table nexo.api_keys enable row level security;
alter table nexo.api_keys force row level security;
create policy tenant on nexo.api_keys to nexo_app, nexo_auth
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
-- Each sees itself, to ask whether it is still good. Whoever changes what
-- members may changes what their keys come to.
create policy may_read on nexo.api_keys as restrictive for select to nexo_app
    using (id = nexo.current_key() or nexo.may(nexo.permission('key:manage'))
        or nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage')));
create policy may_create on nexo.api_keys as restrictive for insert to nexo_app
    with check (nexo.may(nexo.permission('key:manage')));
create policy may_change on nexo.api_keys as restrictive for update to nexo_app
    using (nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage')));
create policy may_delete on nexo.api_keys as restrictive for delete to nexo_app
    using (nexo.may(nexo.permission('key:manage')));
grant select (account_id, id, user_id, name, permissions, effective, created_at, expires_at, last_used_at),
    insert (account_id, id, user_id, name, permissions, token_hash, expires_at), update (effective), delete
    on nexo.api_keys to nexo_app;
grant select, update (last_used_at) on nexo.api_keys to nexo_auth;

-- Everybody makes keys for themselves, in a session of theirs, and for no more than
-- they have; and takes none away whose member has more of it.
create function nexo.keep_key_within() returns trigger
    language plpgsql volatile
as $$
declare
    had bigint;
begin
    if tg_op = 'DELETE' then
        -- Also of somebody who is disabled, and may have it again.
        perform nexo.refuse_beyond(old.permissions & coalesce((
            select nexo.role_comes_to(m.account_id, m.role, m.role_id) from nexo.memberships m
            where m.account_id = old.account_id and m.user_id = old.user_id), -1), 0);
        return old;
    end if;
    perform nexo.hold_roles(new.account_id);
    had := (select m.permissions from nexo.memberships m
        where m.account_id = new.account_id and m.user_id = new.user_id);
    if tg_op = 'INSERT' then
        perform nexo.refuse_beyond(0, new.permissions);
        if new.permissions & ~coalesce(had, 0) <> 0 or current_user = 'nexo_app'
            and (new.user_id is distinct from nexo.acting_user() or nexo.current_key() is not null)
        then
            raise exception 'beyond the own permissions' using errcode = 'NX403';
        end if;
    end if;
    new.effective := new.permissions & coalesce(had, 0);
    return new;
end
$$;
create trigger keep_within before insert or update of effective on nexo.api_keys
    for each row execute function nexo.keep_key_within();
create trigger keep_within_too before delete on nexo.api_keys
    for each row when (current_user = 'nexo_app') execute function nexo.keep_key_within();

-- The keys of a member have what of theirs the member has.
create function nexo.set_key_permissions() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.api_keys set effective = permissions & new.permissions
    where account_id = new.account_id and user_id = new.user_id and effective <> permissions & new.permissions;
    return null;
end
$$;
create trigger keep_keys after update of role, role_id, permissions on nexo.memberships
    for each row when (old.permissions <> new.permissions) execute function nexo.set_key_permissions();

-- What is done by a key is told of it.
alter table nexo.audit_log add column key_id uuid;

create or replace procedure nexo.audit(account uuid, action text, subject text, record uuid, before jsonb, after jsonb)
    language plpgsql
as $$
declare
    actor jsonb := nexo.actor();
    now   constant timestamptz := clock_timestamp();
begin
    if actor ->> 'account' <> account::text then
        actor := jsonb_build_object('user', actor -> 'user');
    end if;
    insert into nexo.audit_log (account_id, id, at, action, subject, record_id, user_id, session_id, key_id, reason,
        request_id, ip, user_agent, before, after)
    values (account, nexo.time_ordered_id(now), now, action, subject, record,
        coalesce((actor ->> 'user')::uuid, nullif(current_setting('nexo.user_id', true), '')::uuid),
        (actor ->> 'session')::uuid, (actor ->> 'key')::uuid, actor ->> 'reason', actor ->> 'request', actor ->> 'ip',
        actor ->> 'agent', before, after);
end
$$;

-- As before, and of what was done by a key the key too.
create or replace function nexo.audit_digest(entry nexo.audit_log) returns bytea
    language sql stable parallel safe
    return sha256(convert_to((jsonb_build_array(entry.account_id, entry.id, extract(epoch from entry.at), entry.tx,
        entry.action, entry.subject, entry.record_id, entry.user_id, entry.session_id, entry.reason, entry.request_id,
        entry.ip, entry.user_agent, entry.before, entry.after)
        || case when entry.key_id is null then '[]' else jsonb_build_array(entry.key_id) end)::text, 'UTF8'));

create trigger audit after insert or delete or update of effective on nexo.api_keys
    for each row execute function nexo.audit_change('api_keys', 'id', 'token_hash', 'last_used_at');

do $$
declare
    kinds text;
begin
    select string_agg(format('when %L then %s', kind, nexo.permission(reads)), ' ') into kinds
    from (values ('clients', 'client:read'), ('departments', 'department:read'), ('employees', 'employee:read'),
        ('suppliers', 'supplier:read'), ('professionals', 'professional:read'), ('projects', 'project:read'),
        ('tasks', 'task:read'), ('imports', 'import:run'), ('members', 'member:read'), ('roles', 'member:read'),
        ('invitations', 'member:read'), ('api_keys', 'key:manage'), ('sessions', 'audit:read'), ('users', 'audit:read'),
        ('requests', 'audit:read')) as of_kind (kind, reads);
    drop policy may_read on nexo.audit_log;
    execute format('create policy may_read on nexo.audit_log as restrictive for select to nexo_app
        using (account_id = nexo.account_that_may(%s) and nexo.may(case subject %s else %s end))',
        nexo.permission('audit:read'), kinds, nexo.permission('account:admin'));
end
$$;

-- What invites would outlive the key too.
alter policy may_create on nexo.invitations
    with check (nexo.may(nexo.permission('member:manage')) and nexo.current_key() is null);

revoke all on function nexo.current_key(), nexo.acting_user(), nexo.keep_key_within(), nexo.set_key_permissions()
    from public;
grant execute on function nexo.current_key(), nexo.acting_user() to nexo_app;

-- Who may manage keys.
create or replace procedure nexo.renew_permissions()
    language plpgsql
as $$
declare
    kind text;
    kinds constant text[] :=
        array['roles', 'role_parents', 'memberships', 'sessions', 'api_keys', 'invitations', 'audit_log'];
    account uuid;
begin
    perform set_config('nexo.actor', encode('{"reason": "migration"}', 'base64'), true);
    foreach kind in array kinds loop
        execute format('alter table nexo.%I no force row level security', kind);
    end loop;
    update nexo.memberships set permissions = nexo.role_permissions(role)
    where role <> 'custom' and permissions <> nexo.role_permissions(role);
    for account in select distinct account_id from nexo.roles loop
        perform nexo.add_up_roles(account);
    end loop;
    delete from nexo.invitations i where i.accepted_at is null
        and not nexo.still_invites(i.account_id, i.invited_by, nexo.role_comes_to(i.account_id, i.role, i.role_id));
    foreach kind in array kinds loop
        execute format('alter table nexo.%I force row level security', kind);
    end loop;
    perform set_config('nexo.actor', '', true);
end
$$;
call nexo.renew_permissions();
