-- Who sees which records: all of a kind, those of their team, or their own.
--
-- A record has an owner, a member of the account. Whoever sees all of every
-- kind runs as nexo_app, whose statements are planned as if there were nothing
-- of this. Everybody else runs as nexo_limited, which has policies more.

alter table nexo.clients add column owner_id uuid,
    add constraint clients_owner_id_fkey foreign key (account_id, owner_id) references nexo.memberships
        on delete set null (owner_id);
alter table nexo.suppliers add column owner_id uuid,
    add constraint suppliers_owner_id_fkey foreign key (account_id, owner_id) references nexo.memberships
        on delete set null (owner_id);
alter table nexo.professionals add column owner_id uuid,
    add constraint professionals_owner_id_fkey foreign key (account_id, owner_id) references nexo.memberships
        on delete set null (owner_id);
alter table nexo.tasks add column owner_id uuid,
    add constraint tasks_owner_id_fkey foreign key (account_id, owner_id) references nexo.memberships
        on delete set null (owner_id);

-- A project's members are as visible as it is. A policy looks at no other table, so
-- they have its owner too.
alter table nexo.project_members add column owner_id uuid;
create function nexo.own_project_member() returns trigger
    language plpgsql volatile
as $$
begin
    new.owner_id := (select p.owner_id from nexo.projects p
        where p.account_id = new.account_id and p.id = new.project_id);
    return new;
end
$$;
create trigger own before insert on nexo.project_members
    for each row execute function nexo.own_project_member();
create function nexo.own_project_members() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.project_members set owner_id = new.owner_id
    where account_id = new.account_id and project_id = new.id;
    return null;
end
$$;
create trigger own_members after update of owner_id on nexo.projects
    for each row when (old.owner_id is distinct from new.owner_id) execute function nexo.own_project_members();
revoke all on function nexo.own_project_member(), nexo.own_project_members() from public;

-- As before; of the trigger's arguments those from the fourth on are columns that
-- are left out.
create or replace function nexo.audit_part() returns trigger
    language plpgsql volatile
as $$
declare
    left_out constant text[] := array['account_id', tg_argv[1]] || tg_argv[3:];
    was      jsonb;
    becomes  jsonb;
begin
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return null;
    end if;
    if tg_op <> 'INSERT' then
        was := to_jsonb(old) - left_out;
    end if;
    if tg_op <> 'DELETE' then
        becomes := to_jsonb(new) - left_out;
    end if;
    if was is distinct from becomes then
        call nexo.audit(coalesce(new.account_id, old.account_id), 'update', tg_argv[0],
            (coalesce(to_jsonb(new), to_jsonb(old)) ->> tg_argv[1])::uuid,
            jsonb_build_object(tg_argv[2], jsonb_strip_nulls(was)),
            jsonb_build_object(tg_argv[2], jsonb_strip_nulls(becomes)));
    end if;
    return null;
end
$$;
drop trigger audit on nexo.project_members;
create trigger audit after insert or update or delete on nexo.project_members
    for each row execute function nexo.audit_part('projects', 'project_id', 'members', 'owner_id');
alter table nexo.project_members no force row level security;
alter table nexo.projects no force row level security;
update nexo.project_members m set owner_id = p.owner_id
from nexo.projects p where p.account_id = m.account_id and p.id = m.project_id and p.owner_id is not null;
alter table nexo.project_members force row level security;
alter table nexo.projects force row level security;

-- One for each order of a list: an owner's records are walked as the account's
-- are. Records without an owner are in none but the first, which serves the
-- foreign key too and so holds archived ones.
create index clients_owner on nexo.clients (account_id, owner_id, created_at, id);
create index clients_owner_updated on nexo.clients (account_id, owner_id, updated_at, id)
    where archived_at is null and owner_id is not null;
create index clients_owner_name on nexo.clients (account_id, owner_id, name, id)
    where archived_at is null and owner_id is not null;
create index suppliers_owner on nexo.suppliers (account_id, owner_id, created_at, id);
create index suppliers_owner_updated on nexo.suppliers (account_id, owner_id, updated_at, id)
    where archived_at is null and owner_id is not null;
create index suppliers_owner_company on nexo.suppliers (account_id, owner_id, company, id)
    where archived_at is null and owner_id is not null;
create index professionals_owner on nexo.professionals (account_id, owner_id, created_at, id);
create index professionals_owner_updated on nexo.professionals (account_id, owner_id, updated_at, id)
    where archived_at is null and owner_id is not null;
create index professionals_owner_name on nexo.professionals (account_id, owner_id, name, id)
    where archived_at is null and owner_id is not null;
-- Projects had their first.
create index projects_owner_updated on nexo.projects (account_id, owner_id, updated_at, id)
    where archived_at is null and owner_id is not null;
create index projects_owner_name on nexo.projects (account_id, owner_id, name, id)
    where archived_at is null and owner_id is not null;
create index projects_owner_starts on nexo.projects (account_id, owner_id, starts_on_sort, id)
    where archived_at is null and owner_id is not null;
create index projects_owner_ends on nexo.projects (account_id, owner_id, ends_on_sort, id)
    where archived_at is null and owner_id is not null;
create index tasks_owner on nexo.tasks (account_id, owner_id, created_at, id);
create index tasks_owner_updated on nexo.tasks (account_id, owner_id, updated_at, id)
    where archived_at is null and owner_id is not null;
create index tasks_owner_title on nexo.tasks (account_id, owner_id, title, id)
    where archived_at is null and owner_id is not null;
create index tasks_owner_due on nexo.tasks (account_id, owner_id, due_on_sort, id)
    where archived_at is null and owner_id is not null;
create index tasks_owner_priority on nexo.tasks (account_id, owner_id, priority_sort, id)
    where archived_at is null and owner_id is not null;

-- What sees all of a kind sees what is of the team, and that what is one's own:
-- a permission to read is the mask of these. Numbers are never given to another
-- permission.
create or replace function nexo.permission(name text) returns bigint
    language sql immutable strict parallel safe
    return (1::bigint << case name
        when 'client:read' then 0 when 'client:write' then 1 when 'client:delete' then 2
        when 'department:read' then 3 when 'department:write' then 4 when 'department:delete' then 5
        when 'employee:read' then 6 when 'employee:write' then 7 when 'employee:delete' then 8
        when 'supplier:read' then 9 when 'supplier:write' then 10 when 'supplier:delete' then 11
        when 'professional:read' then 12 when 'professional:write' then 13 when 'professional:delete' then 14
        when 'project:read' then 15 when 'project:write' then 16 when 'project:delete' then 17
        when 'task:read' then 18 when 'task:write' then 19 when 'task:delete' then 20
        when 'client:read_own' then 21 when 'client:read_team' then 26
        when 'supplier:read_own' then 22 when 'supplier:read_team' then 27
        when 'professional:read_own' then 23 when 'professional:read_team' then 28
        when 'project:read_own' then 24 when 'project:read_team' then 29
        when 'task:read_own' then 25 when 'task:read_team' then 30
        when 'import:run' then 40
        when 'member:read' then 41 when 'member:manage' then 42
        when 'role:manage' then 43
        when 'account:admin' then 44
        when 'audit:read' then 45
        when 'key:manage' then 46
        when 'privacy:manage' then 47
    end) | case name
        when 'client:read' then (1 << 26) | (1 << 21) when 'client:read_team' then (1 << 21)
        when 'supplier:read' then (1 << 27) | (1 << 22) when 'supplier:read_team' then (1 << 22)
        when 'professional:read' then (1 << 28) | (1 << 23) when 'professional:read_team' then (1 << 23)
        when 'project:read' then (1 << 29) | (1 << 24) when 'project:read_team' then (1 << 24)
        when 'task:read' then (1 << 30) | (1 << 25) when 'task:read_team' then (1 << 25)
        else 0
    end;

-- The owner, or assignee, is the one who acts, or of their team, as far as that
-- is enough. What `set_visibility` sets are ids with commas between them: to look
-- for one there costs less than to read them all for each row.
create function nexo.sees(all_of bigint, of_team bigint, owner uuid) returns boolean
    language sql stable parallel safe
    return coalesce(nullif(current_setting('nexo.permissions', true), '')::bigint, 0) & all_of = all_of
        or strpos(current_setting('nexo.own', true), owner::text) > 0
        or coalesce(nullif(current_setting('nexo.permissions', true), '')::bigint, 0) & of_team = of_team
            and strpos(current_setting('nexo.team', true), owner::text) > 0;

-- The roles. One becomes nexo_limited for a transaction, and has none of its
-- rights, and is not held by its policies, before.
do $$
begin
    create role nexo_limited nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
    create role nexo_team nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
    if (select rolinherit from pg_roles where rolname = 'nexo_app') then
        alter role nexo_app noinherit;
    end if;
    if not pg_has_role('nexo_app', 'nexo_limited', 'member') then
        grant nexo_limited to nexo_app;
    end if;
end
$$;
grant usage on schema nexo to nexo_limited, nexo_team;
grant select, insert, update, delete on nexo.clients, nexo.departments, nexo.employees, nexo.suppliers,
    nexo.professionals, nexo.projects, nexo.project_members, nexo.tasks to nexo_limited;
grant select, insert, update (answer), delete on nexo.idempotency_keys to nexo_limited;
grant insert on nexo.audit_log to nexo_limited;
grant select (account_id, id, user_id, permissions, expires_at, revoked_at) on nexo.sessions to nexo_limited;
grant select (account_id, id, user_id, effective, expires_at) on nexo.api_keys to nexo_limited;

grant nexo_search to current_user;
-- Whatever holds nexo_app there holds nexo_limited too; of sessions and keys it
-- only reads.
do $$
declare
    policy record;
begin
    for policy in
        select p.polname as name, p.polrelid::regclass as place,
            array(select rolname from pg_roles where oid = any(p.polroles)) as roles
        from pg_policy p join pg_roles app on app.rolname = 'nexo_app'
        where app.oid = any(p.polroles) and p.polrelid::regclass = any(array['nexo.clients', 'nexo.departments',
            'nexo.employees', 'nexo.suppliers', 'nexo.professionals', 'nexo.projects', 'nexo.project_members',
            'nexo.tasks', 'nexo.idempotency_keys', 'nexo.audit_log', 'nexo.sessions', 'nexo.api_keys']::regclass[])
            and (p.polcmd in ('*', 'r') or p.polrelid::regclass not in ('nexo.sessions'::regclass, 'nexo.api_keys'))
    loop
        execute format('alter policy %I on %s to %s, nexo_limited', policy.name, policy.place,
            (select string_agg(quote_ident(role), ', ') from unnest(policy.roles) as role));
    end loop;
    -- What statements, policies and triggers there call; procedures among it.
    for policy in
        select p.oid::regprocedure as name from pg_proc p
        where p.pronamespace = 'nexo'::regnamespace and has_function_privilege('nexo_app', p.oid, 'execute')
            and (p.proname in ('current_account', 'may', 'account_that_may', 'permission', 'actor', 'acting_user',
                    'current_key', 'time_ordered_id', 'audit') or p.proname ~ '^search_|^current_search$')
    loop
        execute format('grant execute on routine %s to nexo_limited', policy.name);
    end loop;
end
$$;
revoke all on function nexo.sees(bigint, bigint, uuid) from public;
grant execute on function nexo.sees(bigint, bigint, uuid) to nexo_limited, nexo_search;

-- What is needed to read is now to see one's own. The masks are numbers, as in
-- nexo.protect. Search finds nothing that is then not shown.
do $$
declare
    kind record;
    seen text;
begin
    for kind in
        select k.kind, 'nexo.' || k.kind as place, nexo.permission(k.subject || ':read_own') as own,
            nexo.permission(k.subject || ':read_team') as team, nexo.permission(k.subject || ':read') as whole, k.owners
        from (values
            ('clients', 'client', array['owner_id']), ('suppliers', 'supplier', array['owner_id']),
            ('professionals', 'professional', array['owner_id']), ('projects', 'project', array['owner_id']),
            ('tasks', 'task', array['owner_id', 'assignee_employee_id'])) as k (kind, subject, owners)
    loop
        seen := (select string_agg(format('nexo.sees(%s, %s, %I)', kind.whole, kind.team, owner), ' or ')
            from unnest(kind.owners) as owner);
        execute format('alter policy may_read on %s using (account_id = nexo.account_that_may(%s))', kind.place, kind.own);
        execute format('create policy only_visible on %s as restrictive to nexo_limited using (%s) with check (%2$s)',
            kind.place, seen);
        execute format('alter policy search on %s using (%s and (%s))', kind.place,
            (select pg_get_expr(p.polqual, p.polrelid) from pg_policy p
                where p.polrelid = kind.place::regclass and p.polname = 'search'), seen);
    end loop;
    execute format('alter policy may_read on nexo.project_members using (account_id = nexo.account_that_may(%s))',
        nexo.permission('project:read_own'));
    execute format('create policy only_visible on nexo.project_members as restrictive to nexo_limited
        using (nexo.sees(%s, %s, owner_id)) with check (nexo.sees(%1$s, %2$s, owner_id))',
        nexo.permission('project:read'), nexo.permission('project:read_team'));
    -- The one line of it that asks what may be read; the rest is as it was.
    execute replace(pg_get_functiondef('nexo.search_ids(text,text,integer,boolean,boolean)'::regprocedure),
        $old$nexo.may(nexo.permission(left(kind, -1) || ':read')) is not true$old$,
        $new$nexo.may(coalesce(nexo.permission(left(kind, -1) || ':read_own'), nexo.permission(left(kind, -1) || ':read'))) is not true$new$);
    if strpos(pg_get_functiondef('nexo.search_ids(text,text,integer,boolean,boolean)'::regprocedure), ':read_own') = 0 then
        raise exception 'nexo.search_ids is not as V0022 made it';
    end if;
end
$$;
revoke nexo_search from current_user;

-- Whose records a member sees: their own and those that they are assigned to,
-- and the same of the members of their department and of those below it. It is
-- asked whether or not they may read employees, as a role that sees no more than
-- that of the running account.
grant select (account_id, id, user_id, department_id) on nexo.employees to nexo_team;
grant select (account_id, id, parent_id) on nexo.departments to nexo_team;
create policy team on nexo.employees for select to nexo_team using (account_id = nexo.current_account());
create policy team on nexo.departments for select to nexo_team using (account_id = nexo.current_account());
grant select (account_id, id, parent_id) on nexo.tasks to nexo_team;
create policy team on nexo.tasks for select to nexo_team using (account_id = nexo.current_account());
grant execute on function nexo.current_account() to nexo_team;

create function nexo.visible_to(member uuid, out own text, out team text)
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    account constant uuid := nexo.current_account();
    employee record;
begin
    select e.id, e.department_id into employee from nexo.employees e
    where e.account_id = account and e.user_id = member;
    own := concat_ws(',', member, employee.id);
    team := own;
    if employee.department_id is not null then
        with recursive below (id) as (
            select employee.department_id
            union
            select d.id from nexo.departments d join below b on d.parent_id = b.id where d.account_id = account
        )
        select concat_ws(',', own, string_agg(concat_ws(',', e.id, e.user_id), ',')) into team
        from nexo.employees e
        where e.account_id = account and e.department_id in (select id from below) and e.id <> employee.id;
    end if;
end
$$;
-- Whether a task would lead back to itself by that parent, also through tasks that
-- are hidden from whoever gives it the parent.
create function nexo.task_leads_back(task uuid, parent uuid) returns boolean
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        with recursive upwards (id, level) as (
            select parent, 1
            union all
            select t.parent_id, level + 1 from upwards
            join nexo.tasks t on t.account_id = nexo.current_account() and t.id = upwards.id
            where t.parent_id is not null and level <= 200 and upwards.id <> task
        )
        select bool_or(id = task or level > 200) from upwards);
end
$$;
create function nexo.refuse_hidden_cycle() returns trigger
    language plpgsql
as $$
begin
    if nexo.task_leads_back(new.id, new.parent_id) then
        raise exception 'the parent_id would lead back to the record' using errcode = 'check_violation',
            schema = 'nexo', table = 'tasks', constraint = 'tasks_parent_id_cycle';
    end if;
    return new;
end
$$;
-- After `parent_cycle`, which takes the turn and looks at what is seen.
create trigger parent_hidden_cycle before insert or update of parent_id on nexo.tasks
    for each row when (new.parent_id is not null and current_user = 'nexo_limited')
    execute function nexo.refuse_hidden_cycle();
revoke all on function nexo.visible_to(uuid), nexo.task_leads_back(uuid, uuid), nexo.refuse_hidden_cycle() from public;
grant execute on function nexo.visible_to(uuid), nexo.task_leads_back(uuid, uuid) to nexo_limited;

-- What makes somebody's team, and what is assigned to them, is not set by those
-- whom it would let see more.
create function nexo.refuse_own_team() returns trigger
    language plpgsql
as $$
begin
    raise exception 'who sees less than all changes no team' using errcode = 'NX403';
end
$$;
create trigger own_team before insert on nexo.employees
    for each row when (current_user = 'nexo_limited' and (new.user_id is not null or new.department_id is not null))
    execute function nexo.refuse_own_team();
create trigger own_team_change before update of user_id, department_id on nexo.employees
    for each row when (current_user = 'nexo_limited' and (new.user_id is distinct from old.user_id
        or new.department_id is distinct from old.department_id))
    execute function nexo.refuse_own_team();
create trigger own_team_change before update of parent_id on nexo.departments
    for each row when (current_user = 'nexo_limited' and new.parent_id is distinct from old.parent_id)
    execute function nexo.refuse_own_team();
revoke all on function nexo.refuse_own_team() from public;

-- Sets that for the transaction, by SET LOCAL because other settings do not
-- reach the shards of a distributed database. Whoever needs no more than to know
-- themselves sets `nexo.own` by themselves.
create function nexo.set_visibility() returns void
    language plpgsql volatile
as $$
declare
    seen record;
begin
    select * into seen from nexo.visible_to(current_setting('nexo.own')::uuid);
    execute format('set local nexo.own = %L', seen.own);
    execute format('set local nexo.team = %L', seen.team);
end
$$;
revoke all on function nexo.set_visibility() from public;
grant execute on function nexo.set_visibility() to nexo_limited;

-- The ids of one of these settings, for lists.
create function nexo.visible_ids(setting text) returns setof uuid
    language sql stable parallel safe rows 20
    return unnest(string_to_array(nullif(current_setting(setting, true), ''), ',')::uuid[]);
revoke all on function nexo.visible_ids(text) from public;
grant execute on function nexo.visible_ids(text) to nexo_limited;

-- To give a function away one must be a member of the role, and the role must be
-- allowed to create; to replace one, the former. None of it is so a moment later.
grant nexo_team to current_user;
grant create on schema nexo to nexo_team;
alter function nexo.visible_to(uuid) owner to nexo_team;
alter function nexo.task_leads_back(uuid, uuid) owner to nexo_team;
revoke create on schema nexo from nexo_team;
revoke nexo_team from current_user;

-- What everybody saw they see still.
alter table nexo.roles no force row level security;
alter table nexo.api_keys no force row level security;
alter table nexo.audit_log no force row level security;
select set_config('nexo.actor', encode('{"reason": "migration"}', 'base64'), true);
update nexo.roles set permissions = permissions
    | case when permissions & (1 << 0) <> 0 then nexo.permission('client:read') else 0 end
    | case when permissions & (1 << 9) <> 0 then nexo.permission('supplier:read') else 0 end
    | case when permissions & (1 << 12) <> 0 then nexo.permission('professional:read') else 0 end
    | case when permissions & (1 << 15) <> 0 then nexo.permission('project:read') else 0 end
    | case when permissions & (1 << 18) <> 0 then nexo.permission('task:read') else 0 end;
update nexo.api_keys set permissions = permissions
    | case when permissions & (1 << 0) <> 0 then nexo.permission('client:read') else 0 end
    | case when permissions & (1 << 9) <> 0 then nexo.permission('supplier:read') else 0 end
    | case when permissions & (1 << 12) <> 0 then nexo.permission('professional:read') else 0 end
    | case when permissions & (1 << 15) <> 0 then nexo.permission('project:read') else 0 end
    | case when permissions & (1 << 18) <> 0 then nexo.permission('task:read') else 0 end;
select set_config('nexo.actor', '', true);
alter table nexo.roles force row level security;
alter table nexo.api_keys force row level security;
alter table nexo.audit_log force row level security;
call nexo.renew_permissions();
