-- Who did what: an entry for each change, written by triggers in the
-- transaction of the change, so that no code can forget it or keep it while
-- the change is lost.

-- A UUIDv7 of this very microsecond: entries stand in the order of their ids.
create function nexo.time_ordered_id(at timestamptz) returns uuid
    language plpgsql volatile parallel safe
as $$
declare
    micros constant bigint := extract(epoch from at) * 1000000;
begin
    return (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
        || substr(replace(gen_random_uuid()::text, '-', ''), 17))::uuid;
end
$$;

create table nexo.audit_log (
    account_id uuid not null default nexo.current_account(),
    id         uuid not null default nexo.time_ordered_id(clock_timestamp()),
    at         timestamptz not null default clock_timestamp(),
    -- Its transaction: entries are sealed when no earlier one can come any more.
    tx         bigint not null default pg_current_xact_id()::text::bigint,
    action     text not null check (action in ('create', 'update', 'delete', 'login', 'fail_login', 'logout',
        'token_reuse', 'change_password', 'refuse')),
    -- What kind of thing, and which one.
    subject    text not null,
    record_id  uuid,
    -- Who: a user in a session, or a program with a reason.
    user_id    uuid,
    session_id uuid,
    reason     text,
    request_id text,
    ip         text,
    user_agent text,
    -- The fields that changed, as they were and as they are.
    before     jsonb,
    after      jsonb,
    primary key (account_id, id)
);
create index audit_log_record on nexo.audit_log (account_id, record_id, id);
create index audit_log_user on nexo.audit_log (account_id, user_id, id);

-- Entries are added, never changed: no run-time role may do more, and of what
-- they may do themselves, all but the refusal of a request is left to triggers.
alter table nexo.audit_log enable row level security;
alter table nexo.audit_log force row level security;
create policy tenant on nexo.audit_log to nexo_app
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
-- The owner adds them whatever the account: what goes with a record that is
-- deleted goes in its name, and so does what it deletes itself.
create policy owner on nexo.audit_log for insert to current_user with check (true);
create policy own_entries on nexo.audit_log to nexo_auth
    using (user_id = nexo.current_user_id())
    with check (user_id = nexo.current_user_id());
create policy may_change on nexo.audit_log as restrictive for update to nexo_app using (false);
create policy may_delete on nexo.audit_log as restrictive for delete to nexo_app using (false);
create policy may_create on nexo.audit_log as restrictive for insert to nexo_app
    with check (pg_trigger_depth() > 0 or action = 'refuse');
create policy by_triggers on nexo.audit_log as restrictive for insert to nexo_auth
    with check (pg_trigger_depth() > 0 or action = 'fail_login');
grant select, insert on nexo.audit_log to nexo_app;
grant insert on nexo.audit_log to nexo_auth;

-- What the running transaction is done for, as its opening tells it: an object
-- with `account`, `user`, `session`, `reason`, `request`, `ip` and `agent`, in
-- Base64, so that nothing in it can be SQL.
create function nexo.actor() returns jsonb
    language sql stable parallel safe
    return convert_from(decode(nullif(current_setting('nexo.actor', true), ''), 'base64'), 'UTF8')::jsonb;

-- Of what a user does in one account and is felt in another, that one is not
-- told from where.
create procedure nexo.audit(account uuid, action text, subject text, record uuid, before jsonb, after jsonb)
    language plpgsql
as $$
declare
    actor jsonb := nexo.actor();
    now   constant timestamptz := clock_timestamp();
begin
    if actor ->> 'account' <> account::text then
        actor := jsonb_build_object('user', actor -> 'user');
    end if;
    insert into nexo.audit_log (account_id, id, at, action, subject, record_id, user_id, session_id, reason,
        request_id, ip, user_agent, before, after)
    values (account, nexo.time_ordered_id(now), now, action, subject, record,
        coalesce((actor ->> 'user')::uuid, nullif(current_setting('nexo.user_id', true), '')::uuid),
        (actor ->> 'session')::uuid, actor ->> 'reason', actor ->> 'request', actor ->> 'ip', actor ->> 'agent',
        before, after);
end
$$;

-- An entry for a change of a row. Of the trigger's arguments the first is the
-- subject, the second the column with the id, and the others are columns that
-- are left out: secrets, and what follows from others.
create function nexo.audit_change() returns trigger
    language plpgsql volatile
as $$
declare
    left_out constant text[] := array['account_id', 'version', 'updated_at', 'created_at', 'created_by']
        || tg_argv[1:];
    was      jsonb;
    becomes  jsonb;
    before   jsonb;
    after    jsonb;
begin
    if tg_op <> 'INSERT' then
        was := to_jsonb(old);
    end if;
    if tg_op <> 'DELETE' then
        becomes := to_jsonb(new);
    end if;
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_object_agg(w.key, w.value), '{}'), coalesce(jsonb_object_agg(w.key, becomes -> w.key), '{}')
        into before, after
        from jsonb_each(was) w
        where w.value <> becomes -> w.key and w.key <> all (left_out);
        if before = '{}' then
            return null;
        end if;
    else
        before := jsonb_strip_nulls(was) - left_out;
        after := jsonb_strip_nulls(becomes) - left_out;
    end if;
    call nexo.audit((coalesce(becomes, was) ->> 'account_id')::uuid,
        case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'update' else 'delete' end,
        tg_argv[0], (coalesce(becomes, was) ->> tg_argv[1])::uuid, before, after);
    return null;
end
$$;

-- A part of a record that has rows of its own changes the record. That they go
-- with it is told by its deletion. The arguments are the record's subject, the
-- column with its id, and what the part is called.
create function nexo.audit_part() returns trigger
    language plpgsql volatile
as $$
declare
    left_out constant text[] := array['account_id', tg_argv[1]];
    was      jsonb;
    becomes  jsonb;
begin
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return null;
    end if;
    if tg_op <> 'INSERT' then
        was := to_jsonb(old);
    end if;
    if tg_op <> 'DELETE' then
        becomes := to_jsonb(new);
    end if;
    if was is distinct from becomes then
        call nexo.audit((coalesce(becomes, was) ->> 'account_id')::uuid, 'update', tg_argv[0],
            (coalesce(becomes, was) ->> tg_argv[1])::uuid,
            jsonb_build_object(tg_argv[2], jsonb_strip_nulls(was) - left_out),
            jsonb_build_object(tg_argv[2], jsonb_strip_nulls(becomes) - left_out));
    end if;
    return null;
end
$$;

-- Of an import, that it was begun, how far it came, and that somebody forgot
-- it; its rows are entries of their own, and that it goes after its time is
-- nobody's deed.
create function nexo.audit_import() returns trigger
    language plpgsql volatile
as $$
begin
    if tg_op = 'INSERT' then
        call nexo.audit(new.account_id, 'create', 'imports', new.id, null,
            jsonb_build_object('collection', new.collection, 'file_name', new.file_name, 'dry_run', new.dry_run));
    elsif tg_op = 'UPDATE' then
        if new.forgotten and not old.forgotten and new.created_at > now() - interval '30 days' then
            call nexo.audit(new.account_id, 'delete', 'imports', new.id,
                jsonb_build_object('collection', new.collection, 'file_name', new.file_name), null);
        elsif new.status <> old.status then
            call nexo.audit(new.account_id, 'update', 'imports', new.id,
                jsonb_build_object('status', old.status), jsonb_build_object('status', new.status));
        end if;
    end if;
    return null;
end
$$;

create trigger audit after insert or update or delete on nexo.clients
    for each row execute function nexo.audit_change('clients', 'id');
create trigger audit after insert or update or delete on nexo.departments
    for each row execute function nexo.audit_change('departments', 'id');
create trigger audit after insert or update or delete on nexo.employees
    for each row execute function nexo.audit_change('employees', 'id', 'hired_on_sort');
create trigger audit after insert or update or delete on nexo.suppliers
    for each row execute function nexo.audit_change('suppliers', 'id');
create trigger audit after insert or update or delete on nexo.professionals
    for each row execute function nexo.audit_change('professionals', 'id');
create trigger audit after insert or update or delete on nexo.projects
    for each row execute function nexo.audit_change('projects', 'id', 'starts_on_sort', 'ends_on_sort');
create trigger audit after insert or update or delete on nexo.project_members
    for each row execute function nexo.audit_part('projects', 'project_id', 'members');
create trigger audit after insert or update or delete on nexo.tasks
    for each row execute function nexo.audit_change('tasks', 'id', 'assignee_id', 'due_on_sort', 'priority_sort');
create trigger audit after insert or delete or update of status, forgotten on nexo.imports
    for each row execute function nexo.audit_import();
create trigger audit after insert or delete or update of role, role_id, permissions on nexo.memberships
    for each row execute function nexo.audit_change('members', 'user_id', 'last_login_at');
create trigger audit after insert or update or delete on nexo.roles
    for each row execute function nexo.audit_change('roles', 'id', 'name_folded');
create trigger audit after insert or update or delete on nexo.role_parents
    for each row execute function nexo.audit_part('roles', 'role_id', 'inherits');
create trigger audit after insert or update on nexo.invitations
    for each row execute function nexo.audit_change('invitations', 'id', 'token_hash');
create trigger audit_end after delete on nexo.invitations
    for each row when (old.accepted_at is null and old.expires_at > now())
    execute function nexo.audit_change('invitations', 'id', 'token_hash');

-- That somebody logs in, and how their session ends.
create function nexo.audit_session() returns trigger
    language plpgsql volatile
as $$
begin
    call nexo.audit(new.account_id,
        case when tg_op = 'INSERT' then 'login' when new.revoked_for = 'token_reuse' then 'token_reuse' else 'logout' end,
        'sessions', new.id, null, jsonb_strip_nulls(jsonb_build_object('for', new.revoked_for)));
    return null;
end
$$;
create trigger audit after insert on nexo.sessions
    for each row execute function nexo.audit_session();
create trigger audit_end after update of revoked_at on nexo.sessions
    for each row when (old.revoked_at is null and new.revoked_at is not null) execute function nexo.audit_session();

-- A user's own data, in each account that they are a member of. A password is
-- told to have changed; that it is hashed anew is no change.
create function nexo.audit_user() returns trigger
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
    end loop;
    return null;
end
$$;
create trigger audit after update of name, email, password_hash on nexo.users
    for each row execute function nexo.audit_user();

revoke all on function nexo.time_ordered_id(timestamptz), nexo.actor(), nexo.audit_change(), nexo.audit_part(),
    nexo.audit_import(), nexo.audit_session(), nexo.audit_user() from public;
revoke all on procedure nexo.audit(uuid, text, text, uuid, jsonb, jsonb) from public;
grant execute on function nexo.time_ordered_id(timestamptz), nexo.actor() to nexo_app, nexo_auth;
grant execute on procedure nexo.audit(uuid, text, text, uuid, jsonb, jsonb) to nexo_app, nexo_auth;

-- Who may read it. Numbers are never given to another permission.
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
        from unnest(array['import:run', 'member:read', 'member:manage', 'role:manage', 'audit:read']) as permission
        union all
        values ('owner', 'account:admin')
    )
    select bit_or(nexo.permission(granted.permission)) from granted where granted.role = role_permissions.role;
end;

-- An entry shows the fields of what it is about, so that whoever reads it must
-- be permitted to read that too; sessions, users and requests are the log's own.
-- What is not named here yet is for owners. The masks are numbers, as in
-- nexo.protect.
do $$
declare
    kinds text;
begin
    select string_agg(format('when %L then %s', kind, nexo.permission(reads)), ' ') into kinds
    from (values ('clients', 'client:read'), ('departments', 'department:read'), ('employees', 'employee:read'),
        ('suppliers', 'supplier:read'), ('professionals', 'professional:read'), ('projects', 'project:read'),
        ('tasks', 'task:read'), ('imports', 'import:run'), ('members', 'member:read'), ('roles', 'member:read'),
        ('invitations', 'member:read'), ('sessions', 'audit:read'), ('users', 'audit:read'),
        ('requests', 'audit:read')) as of_kind (kind, reads);
    execute format('create policy may_read on nexo.audit_log as restrictive for select to nexo_app
        using (account_id = nexo.account_that_may(%s) and nexo.may(case subject %s else %s end))',
        nexo.permission('audit:read'), kinds, nexo.permission('account:admin'));
end
$$;

-- As before; and told in the audit log, and invitations go that give more than
-- their sender has now.
create or replace procedure nexo.renew_permissions()
    language plpgsql
as $$
declare
    kind text;
    kinds constant text[] :=
        array['roles', 'role_parents', 'memberships', 'sessions', 'invitations', 'audit_log'];
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
