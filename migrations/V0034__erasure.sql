-- What the account knows of a person goes when they ask for it, and the log's
-- chain still adds up.
--
-- An entry's digest is of everything that it tells, its fields in a digest of
-- their own: when they are erased that one stays, and the entry is still what was
-- sealed. A random salt goes with the fields, so that nobody can try guesses of
-- them. Entries of before have neither: of them the entry that tells of the
-- erasure has the digest of what is left.

alter table nexo.audit_log
    add column salt uuid,
    add column content_digest bytea check (length(content_digest) = 32);
alter table nexo.audit_log alter column salt set default gen_random_uuid();

create function nexo.audit_content(entry nexo.audit_log) returns bytea
    language sql stable parallel safe
    return case
        when entry.salt is null and entry.before is null and entry.after is null then entry.content_digest
        else sha256(convert_to(jsonb_build_array(entry.salt, entry.before, entry.after)::text, 'UTF8')) end;

create or replace function nexo.audit_digest(entry nexo.audit_log) returns bytea
    language sql stable parallel safe
    return sha256(convert_to(case
        when entry.salt is null and entry.content_digest is null then
            jsonb_build_array(entry.account_id, entry.id, extract(epoch from entry.at), entry.tx,
                entry.action, entry.subject, entry.record_id, entry.user_id, entry.session_id, entry.reason,
                entry.request_id, entry.ip, entry.user_agent, entry.before, entry.after)
            || case when entry.key_id is null then '[]' else jsonb_build_array(entry.key_id) end
        else
            jsonb_build_array(2, entry.account_id, entry.id, extract(epoch from entry.at), entry.epoch, entry.tx,
                entry.action, entry.subject, entry.record_id, entry.user_id, entry.session_id, entry.key_id,
                entry.reason, entry.request_id, entry.ip, entry.user_agent, encode(nexo.audit_content(entry), 'hex'))
        end::text, 'UTF8'));

-- Who may export and erase.
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
        from unnest(array['import:run', 'member:read', 'member:manage', 'role:manage', 'audit:read', 'key:manage',
            'privacy:manage']) as permission
        union all
        values ('owner', 'account:admin')
    )
    select bit_or(nexo.permission(granted.permission)) from granted where granted.role = role_permissions.role;
end;

grant select, update (before, after, salt, content_digest, erased_by) on nexo.audit_log to nexo_keeper;
grant execute on function nexo.audit_digest(nexo.audit_log) to nexo_keeper;
-- What copies of a record's fields there are besides; policies of these tables are
-- everybody's.
grant select (account_id, id, collection, forgotten) on nexo.imports to nexo_keeper;
grant select (account_id, import_id), delete on nexo.import_chunks to nexo_keeper;
grant select, update (record_id, key, before, errors) on nexo.import_rows to nexo_keeper;
grant select, update (answer, fingerprint) on nexo.idempotency_keys to nexo_keeper;
-- And of a user, who is taken out of every account.
create policy keeper on nexo.memberships to nexo_keeper
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
create policy keeper on nexo.invitations to nexo_keeper
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
grant select (id, name) on nexo.accounts to nexo_keeper;
grant select (id, email), delete on nexo.users to nexo_keeper;
grant select, delete on nexo.memberships to nexo_keeper;
grant select, delete on nexo.invitations to nexo_keeper;
grant execute on function nexo.hold_roles(uuid), nexo.current_user_id() to nexo_keeper;
-- Users may be told of their own log-ins.
grant select (account_id, id, at, action, subject, record_id, user_id, session_id, request_id, ip, user_agent)
    on nexo.audit_log to nexo_auth;

-- They are few, and looked through for an address.
create index audit_log_invitations on nexo.audit_log (account_id, id) where subject = 'invitations';

-- Takes the fields from these entries of the running account, and tells of it:
-- which they are, an entry for each thousand.
create function nexo.erase_entries(kind text, record uuid, entries uuid[], told jsonb) returns integer
    language plpgsql volatile
as $$
declare
    account constant uuid := nexo.current_account();
    chosen  uuid[];
    teller  uuid;
    names   jsonb;
    many    integer;
    erased  integer := 0;
begin
    for part in 0 .. greatest(cardinality(entries) - 1, 0) / 1000 loop
        chosen := entries[part * 1000 + 1 : part * 1000 + 1000];
        call nexo.audit(account, 'erase', kind, record, null, told);
        select l.id into strict teller from nexo.audit_log l
        where l.account_id = account and l.record_id = record and l.action = 'erase'
            and l.epoch = nexo.audit_epoch() and l.tx = pg_current_xact_id()::text::bigint and not l.after ? 'erased';
        with gone as (
            update nexo.audit_log l
            set content_digest = case when l.salt is not null then nexo.audit_content(l) end,
                before = null, after = null, salt = null, erased_by = teller
            where l.account_id = account and l.id = any (chosen) and l.action not in ('expire', 'erase')
                and (l.before is not null or l.after is not null)
            returning l as entry
        )
        select count(*), coalesce(jsonb_object_agg((g.entry).id, case when (g.entry).content_digest is null
            then encode(nexo.audit_digest(g.entry), 'hex') end), '{}')
        into many, names from gone g;
        update nexo.audit_log l set after = l.after || jsonb_build_object('entries', many, 'erased', names)
        where l.account_id = account and l.id = teller;
        erased := erased + many;
    end loop;
    return erased;
end
$$;

-- Takes away what is kept of a record of the running account besides itself: in
-- entries of the log, in what imports keep to be undone, and in answers that are
-- kept to be given again, whose requests are then not done again either. `keys`
-- are those by which an import finds it. Does nothing while an import of such
-- records holds a file, which may have it too.
create function nexo.erase_record(kind text, record uuid, keys text[], why text,
    out is_held boolean, out entries integer, out import_rows integer, out answers integer)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    account constant uuid := nexo.current_account();
    ids     uuid[];
begin
    if account is null or kind <> all (array['clients', 'employees', 'suppliers', 'professionals'])
        or nexo.may(nexo.permission('privacy:manage') | nexo.permission(left(kind, -1) || ':delete')) is not true
    then
        raise exception 'not permitted' using errcode = 'insufficient_privilege';
    end if;
    is_held := exists (select from nexo.imports i
        join nexo.import_chunks c on c.account_id = account and c.import_id = i.id
        where i.account_id = account and i.collection = kind and not i.forgotten);
    if is_held then
        return;
    end if;
    delete from nexo.import_chunks c where c.account_id = account and c.import_id in (
        select i.id from nexo.imports i where i.account_id = account and i.collection = kind);
    update nexo.import_rows r set record_id = null, key = null, before = null, errors = null
    where r.account_id = account and (r.record_id = record
        or r.record_id is null and r.key = any (keys) and r.import_id in (
            select i.id from nexo.imports i where i.account_id = account and i.collection = kind));
    get diagnostics import_rows = row_count;
    -- Of the request, which is in it as a hash, nothing is left to be guessed.
    update nexo.idempotency_keys k set answer = '', fingerprint = sha256(uuid_send(gen_random_uuid()))
    where k.account_id = account and strpos(k.answer, record::text) > 0;
    get diagnostics answers = row_count;
    ids := array(select l.id from nexo.audit_log l
        where l.account_id = account and l.record_id = record and l.subject = kind
            and l.action not in ('expire', 'erase') and (l.before is not null or l.after is not null)
        order by l.id);
    entries := 0;
    if cardinality(ids) + import_rows + answers > 0 then
        entries := nexo.erase_entries(kind, record, ids, jsonb_strip_nulls(
            jsonb_build_object('reason', why, 'import_rows', import_rows, 'answers', answers)));
    end if;
end
$$;

-- Takes the running user out of every account and deletes them; `accounts` are
-- those that they are a member of. Their name and address go from what those and
-- all other accounts keep: entries of the log, and invitations. Does nothing, and
-- tells the name of the account and whether they are alone in it, where an account
-- would be left without an owner.
create function nexo.erase_user(accounts uuid[], out blocked text, out is_alone boolean)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    own     constant uuid := nexo.current_user_id();
    -- In the order in which others hold them too.
    ordered constant uuid[] := array(select a from unnest(accounts) as a order by a);
    address text;
    account uuid;
    ids     uuid[];
begin
    select u.email into address from nexo.users u where u.id = own;
    if not found then
        return;
    end if;
    foreach account in array ordered loop
        execute format('set local nexo.account_id to %L', account);
        perform nexo.hold_roles(account);
        if exists (select from nexo.memberships m
                where m.account_id = account and m.user_id = own and m.role = 'owner')
            and not exists (select from nexo.memberships m
                where m.account_id = account and m.user_id <> own and m.role = 'owner' and m.disabled_at is null)
        then
            is_alone := not exists (select from nexo.memberships m where m.account_id = account and m.user_id <> own);
            blocked := (select a.name from nexo.accounts a where a.id = account);
            return;
        end if;
    end loop;
    foreach account in array ordered loop
        execute format('set local nexo.account_id to %L', account);
        delete from nexo.memberships m where m.account_id = account and m.user_id = own;
    end loop;
    delete from nexo.users u where u.id = own;
    for account in select a.id from nexo.accounts a order by a.id loop
        execute format('set local nexo.account_id to %L', account);
        delete from nexo.invitations i where i.account_id = account and i.email = address;
        ids := array(
            select l.id from nexo.audit_log l
            where l.account_id = account and l.record_id = own and l.subject in ('members', 'users')
                and l.action <> 'erase'
                and (coalesce(l.before, '{}') || coalesce(l.after, '{}')) ?| array['name', 'email']
            union all
            select l.id from nexo.audit_log l
            where l.account_id = account and l.subject = 'invitations'
                and (coalesce(l.before, '{}') || coalesce(l.after, '{}')) ->> 'email' = address);
        if ids <> '{}' or account = any (ordered) then
            perform nexo.erase_entries('users', own, ids, '{}');
        end if;
    end loop;
end
$$;

revoke all on function nexo.audit_content(nexo.audit_log), nexo.erase_entries(text, uuid, uuid[], jsonb),
    nexo.erase_record(text, uuid, text[], text), nexo.erase_user(uuid[]) from public;
grant execute on function nexo.audit_content(nexo.audit_log) to nexo_app, nexo_keeper;
grant execute on function nexo.erase_entries(text, uuid, uuid[], jsonb) to nexo_keeper;
grant execute on function nexo.erase_record(text, uuid, text[], text) to nexo_app;
grant execute on function nexo.erase_user(uuid[]) to nexo_auth;
grant nexo_keeper to current_user;
grant create on schema nexo to nexo_keeper;
alter function nexo.erase_record(text, uuid, text[], text) owner to nexo_keeper;
alter function nexo.erase_user(uuid[]) owner to nexo_keeper;
revoke create on schema nexo from nexo_keeper;
revoke nexo_keeper from current_user;

call nexo.renew_permissions();
