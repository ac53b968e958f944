-- Who may do what in an account: permissions, roles, and what a session has of
-- them.
--
-- A permission is a place in a mask. A membership and each of its sessions keep
-- the mask that the member's role comes to, so that a request compares it with
-- its token's in the statement that asks whether the session is alive.

-- The mask of a permission. Numbers are never given to another one.
create function nexo.permission(name text) returns bigint
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
    end;

-- The mask of a built-in role; null for one that there is not.
create function nexo.role_permissions(role text) returns bigint
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
        from unnest(array['import:run', 'member:read', 'member:manage', 'role:manage']) as permission
        union all
        values ('owner', 'account:admin')
    )
    select bit_or(nexo.permission(granted.permission)) from granted where granted.role = role_permissions.role;
end;

-- Whether the running transaction may do all of this; nothing outside of a scope.
create function nexo.may(needed bigint) returns boolean
    language sql stable parallel safe
    return coalesce(nullif(current_setting('nexo.permissions', true), '')::bigint, 0) & needed = needed;

-- The account of the running transaction, if it may do all of this. A policy
-- that compares the account with it is asked once a statement; one that only
-- asks whether it may would be asked for each row. All is written out, because
-- the planner unfolds it for each plan.
create function nexo.account_that_may(needed bigint) returns uuid
    language sql stable parallel safe
    return case when coalesce(nullif(current_setting('nexo.permissions', true), '')::bigint, 0) & needed = needed
        then nullif(current_setting('nexo.account_id', true), '')::uuid end;

revoke all on function nexo.permission(text), nexo.role_permissions(text), nexo.may(bigint), nexo.account_that_may(bigint)
    from public;
grant execute on function nexo.permission(text), nexo.may(bigint), nexo.account_that_may(bigint) to nexo_app;
grant execute on function nexo.role_permissions(text) to nexo_app, nexo_auth;
grant execute on function nexo.permission(text) to nexo_auth;

-- Beside the account, which the other policy asks for: what the transaction
-- may. The masks are numbers in the policies: to unfold their names would cost
-- each plan more than the rest of it.
create procedure nexo.protect(kind text, reads text, writes text, deletes text)
    language plpgsql
as $$
begin
    execute format('create policy may_read on nexo.%I as restrictive for select to nexo_app
        using (account_id = nexo.account_that_may(%s))', kind, nexo.permission(reads));
    execute format('create policy may_create on nexo.%I as restrictive for insert to nexo_app
        with check (account_id = nexo.account_that_may(%s))', kind, nexo.permission(writes));
    execute format('create policy may_change on nexo.%I as restrictive for update to nexo_app
        using (account_id = nexo.account_that_may(%s))', kind, nexo.permission(writes));
    execute format('create policy may_delete on nexo.%I as restrictive for delete to nexo_app
        using (account_id = nexo.account_that_may(%s))', kind, nexo.permission(deletes));
end
$$;
revoke all on procedure nexo.protect(text, text, text, text) from public;

call nexo.protect('clients', 'client:read', 'client:write', 'client:delete');
call nexo.protect('departments', 'department:read', 'department:write', 'department:delete');
call nexo.protect('employees', 'employee:read', 'employee:write', 'employee:delete');
call nexo.protect('suppliers', 'supplier:read', 'supplier:write', 'supplier:delete');
call nexo.protect('professionals', 'professional:read', 'professional:write', 'professional:delete');
call nexo.protect('projects', 'project:read', 'project:write', 'project:delete');
call nexo.protect('project_members', 'project:read', 'project:write', 'project:write');
call nexo.protect('tasks', 'task:read', 'task:write', 'task:delete');
call nexo.protect('imports', 'import:run', 'import:run', 'import:run');
call nexo.protect('import_chunks', 'import:run', 'import:run', 'import:run');
call nexo.protect('import_rows', 'import:run', 'import:run', 'import:run');

-- Roles that an account has made. One has its own permissions and those of the
-- roles that it inherits from.
create table nexo.roles (
    account_id  uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 100),
    name_folded text not null generated always as (lower(name)) stored,
    description text check (length(description) <= 500),
    permissions bigint not null,
    built_ins   text[] not null default '{}'
        check (built_ins <@ array['owner', 'admin', 'manager', 'member', 'viewer']),
    -- All that it comes to.
    effective   bigint not null default 0,
    version     bigint not null default 1,
    created_at  timestamptz not null default now(),
    created_by  uuid,
    updated_at  timestamptz not null default now(),
    primary key (account_id, id),
    constraint roles_name_key unique (account_id, name_folded),
    constraint roles_name_conflict
        check (name_folded not in ('owner', 'admin', 'manager', 'member', 'viewer', 'custom'))
);
create table nexo.role_parents (
    account_id uuid not null default nexo.current_account(),
    role_id    uuid not null,
    parent_id  uuid not null,
    primary key (account_id, role_id, parent_id),
    constraint role_parents_role_fkey foreign key (account_id, role_id) references nexo.roles on delete cascade,
    constraint role_parents_inherits_fkey foreign key (account_id, parent_id) references nexo.roles
);
create index role_parents_parent on nexo.role_parents (account_id, parent_id);

-- A membership is the card of a user in an account: who reads it need not be
-- able to read users.
alter table nexo.memberships
    drop constraint memberships_role_check,
    add constraint memberships_role_check
        check (role in ('owner', 'admin', 'manager', 'member', 'viewer', 'custom')),
    add column role_id uuid,
    add column permissions bigint not null default 0,
    add column email text,
    add column name text,
    add column last_login_at timestamptz,
    add constraint memberships_role_pair check ((role = 'custom') = (role_id is not null)),
    add constraint memberships_role_fkey foreign key (account_id, role_id) references nexo.roles;
create index memberships_role on nexo.memberships (account_id, role_id);
alter table nexo.sessions add column permissions bigint not null default 0;

-- The owner sees what is there already for as long as this takes.
alter table nexo.memberships no force row level security;
update nexo.memberships m set email = u.email, name = u.name from nexo.users u where u.id = m.user_id;
alter table nexo.memberships force row level security;

do $$
declare
    kind record;
begin
    for kind in select unnest(array['roles', 'role_parents']) as name loop
        execute format('alter table nexo.%I enable row level security', kind.name);
        execute format('alter table nexo.%I force row level security', kind.name);
        execute format('create policy tenant on nexo.%I to nexo_app, nexo_auth
            using (account_id = nexo.current_account()) with check (account_id = nexo.current_account())', kind.name);
        execute format('create policy may_read on nexo.%I as restrictive for select to nexo_app
            using (nexo.may(nexo.permission(''member:read'')) or nexo.may(nexo.permission(''role:manage'')))', kind.name);
        execute format('create policy may_create on nexo.%I as restrictive for insert to nexo_app
            with check (nexo.may(nexo.permission(''role:manage'')))', kind.name);
        execute format('create policy may_change on nexo.%I as restrictive for update to nexo_app
            using (nexo.may(nexo.permission(''role:manage'')))', kind.name);
        execute format('create policy may_delete on nexo.%I as restrictive for delete to nexo_app
            using (nexo.may(nexo.permission(''role:manage'')))', kind.name);
    end loop;
end
$$;
create policy account_members on nexo.memberships to nexo_app
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
create policy may_read on nexo.memberships as restrictive for select to nexo_app
    using (nexo.may(nexo.permission('member:read')) or nexo.may(nexo.permission('role:manage')));
-- Who changes a role changes what its members may.
create policy may_change on nexo.memberships as restrictive for update to nexo_app
    using (nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage')));
create policy may_delete on nexo.memberships as restrictive for delete to nexo_app
    using (nexo.may(nexo.permission('member:manage')));
drop policy account_sessions on nexo.sessions;
create policy account_sessions on nexo.sessions to nexo_app
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.roles, nexo.role_parents to nexo_app;
grant select on nexo.roles to nexo_auth;
grant select, update (role, role_id, permissions), delete on nexo.memberships to nexo_app;
grant update (last_login_at, email, name) on nexo.memberships to nexo_auth;
grant select (permissions), update (permissions) on nexo.sessions to nexo_app;

-- One change of roles of an account at a time, so that each sees the last one.
create function nexo.hold_roles(account_id uuid) returns void
    language sql volatile
    return pg_advisory_xact_lock(hashtextextended('nexo.roles ' || account_id::text, 0));

-- Nobody gives, takes or changes what is beyond what they have themselves.
create function nexo.refuse_beyond(had bigint, gets bigint) returns void
    language plpgsql volatile
as $$
begin
    if not nexo.may(had) or not nexo.may(gets) then
        raise exception 'beyond the own permissions' using errcode = 'NX403';
    end if;
end
$$;

-- A member gets what the role comes to, and an account keeps an owner.
create function nexo.set_member_permissions() returns trigger
    language plpgsql volatile
as $$
declare
    is_app constant boolean := current_user = 'nexo_app';
begin
    perform nexo.hold_roles(coalesce(new.account_id, old.account_id));
    if tg_op <> 'INSERT' and is_app then
        perform nexo.refuse_beyond(old.permissions, 0);
        if old.role = 'owner' and (tg_op = 'DELETE' or new.role <> 'owner')
            and not exists (select from nexo.memberships m
                where m.account_id = old.account_id and m.role = 'owner' and m.user_id <> old.user_id)
        then
            raise exception 'the last owner' using errcode = 'NX409';
        end if;
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    new.permissions := case
        when new.role = 'custom'
            then (select r.effective from nexo.roles r where r.account_id = new.account_id and r.id = new.role_id)
        else nexo.role_permissions(new.role)
    end;
    if new.permissions is null then
        raise exception 'no such role' using errcode = 'foreign_key_violation', constraint = 'memberships_role_fkey',
            table = 'memberships', schema = 'nexo';
    end if;
    if tg_op = 'INSERT' then
        select u.email, u.name into new.email, new.name from nexo.users u where u.id = new.user_id;
    elsif is_app then
        perform nexo.refuse_beyond(0, new.permissions);
    end if;
    return new;
end
$$;
create trigger set_permissions before insert or update of role, role_id or delete on nexo.memberships
    for each row execute function nexo.set_member_permissions();

-- The sessions of a member have what the member has.
create function nexo.set_session_permissions() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.sessions set permissions = new.permissions
    where account_id = new.account_id and user_id = new.user_id and permissions <> new.permissions;
    return null;
end
$$;
create trigger keep_sessions after update of role, role_id, permissions on nexo.memberships
    for each row when (old.permissions <> new.permissions) execute function nexo.set_session_permissions();

-- A new session too. The change of the row waits for a change of the role that
-- is on its way, and makes the next one wait for this session.
create function nexo.open_session() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.memberships set last_login_at = now()
    where account_id = new.account_id and user_id = new.user_id
    returning permissions into new.permissions;
    return new;
end
$$;
create trigger open_session before insert on nexo.sessions
    for each row when (current_user = 'nexo_auth') execute function nexo.open_session();

-- A user's new name is on each card.
create function nexo.rename_member() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.memberships set name = new.name, email = new.email where user_id = new.id;
    return null;
end
$$;
create trigger rename_member after update of name, email on nexo.users
    for each row when (old.name <> new.name or old.email <> new.email) execute function nexo.rename_member();

-- What the roles of an account come to, for each of them and its members.
create function nexo.add_up_roles(account uuid) returns void
    language plpgsql volatile
as $$
declare
    changed record;
begin
    perform nexo.hold_roles(account);
    if exists (
        with recursive above (id, ancestor) as (
            select p.role_id, p.parent_id from nexo.role_parents p where p.account_id = account
            union
            select a.id, p.parent_id from above a
            join nexo.role_parents p on p.account_id = account and p.role_id = a.ancestor
        )
        select from above where id = ancestor)
    then
        raise exception 'a role would inherit from itself' using errcode = 'check_violation',
            constraint = 'role_parents_inherits_cycle', table = 'role_parents', schema = 'nexo';
    end if;
    for changed in
        with recursive above (id, ancestor) as (
            select r.id, r.id from nexo.roles r where r.account_id = account
            union
            select a.id, p.parent_id from above a
            join nexo.role_parents p on p.account_id = account and p.role_id = a.ancestor
        ), sums (id, effective) as (
            select a.id, bit_or(r.permissions | coalesce((
                    select bit_or(nexo.role_permissions(built_in)) from unnest(r.built_ins) as built_in), 0))
            from above a join nexo.roles r on r.account_id = account and r.id = a.ancestor
            group by a.id
        )
        select r.id, r.effective as had, s.effective as gets
        from nexo.roles r join sums s on s.id = r.id
        where r.account_id = account and r.effective <> s.effective
    loop
        if current_user = 'nexo_app' then
            perform nexo.refuse_beyond(changed.had, changed.gets);
        end if;
        update nexo.roles set effective = changed.gets where account_id = account and id = changed.id;
        update nexo.memberships set permissions = changed.gets
        where account_id = account and role_id = changed.id;
    end loop;
end
$$;

create function nexo.apply_roles() returns trigger
    language plpgsql volatile
as $$
begin
    perform nexo.add_up_roles(nexo.current_account());
    return null;
end
$$;
create trigger apply_roles after insert or update of permissions, built_ins on nexo.roles
    for each statement execute function nexo.apply_roles();
create trigger apply_roles after insert or delete on nexo.role_parents
    for each statement execute function nexo.apply_roles();

-- For migrations that change what a built-in role permits: every role, member
-- and session follows.
create procedure nexo.renew_permissions()
    language plpgsql
as $$
declare
    account uuid;
begin
    alter table nexo.roles no force row level security;
    alter table nexo.role_parents no force row level security;
    alter table nexo.memberships no force row level security;
    alter table nexo.sessions no force row level security;
    update nexo.memberships set permissions = nexo.role_permissions(role)
    where role <> 'custom' and permissions <> nexo.role_permissions(role);
    for account in select distinct account_id from nexo.roles loop
        perform nexo.add_up_roles(account);
    end loop;
    alter table nexo.roles force row level security;
    alter table nexo.role_parents force row level security;
    alter table nexo.memberships force row level security;
    alter table nexo.sessions force row level security;
end
$$;

-- A role beyond one's own is not touched at all; one that members have is kept
-- by their foreign key.
create function nexo.refuse_role_beyond() returns trigger
    language plpgsql volatile
as $$
begin
    perform nexo.refuse_beyond(old.effective, 0);
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
create trigger refuse_beyond before delete or update of name, description, permissions, built_ins on nexo.roles
    for each row when (current_user = 'nexo_app') execute function nexo.refuse_role_beyond();

revoke all on function nexo.hold_roles(uuid), nexo.refuse_beyond(bigint, bigint), nexo.set_member_permissions(),
    nexo.set_session_permissions(), nexo.open_session(), nexo.rename_member(), nexo.add_up_roles(uuid),
    nexo.apply_roles(), nexo.refuse_role_beyond() from public;
revoke all on procedure nexo.renew_permissions() from public;
grant execute on function nexo.hold_roles(uuid) to nexo_app, nexo_auth;
grant execute on function nexo.refuse_beyond(bigint, bigint), nexo.add_up_roles(uuid) to nexo_app;

-- Those who are there already.
call nexo.renew_permissions();
