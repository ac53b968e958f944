-- How long an account keeps its audit log, and sealing that goes on when a dump
-- was restored into another PostgreSQL.

alter table nexo.account_settings add column audit_retention_days integer
    constraint account_settings_audit_retention_days_range check (audit_retention_days between 30 and 36500);
grant update (audit_retention_days) on nexo.account_settings to nexo_app;

-- Transaction numbers are of one PostgreSQL: one into which a dump was restored
-- counts anew. So entries stand in the order of their epoch first, which is a
-- new one in each.
create table nexo.audit_epochs (
    epoch             integer primary key,
    system_identifier bigint not null,
    begun_at          timestamptz not null default now()
);

-- The epoch that runs. A number in its body, so that it costs those who write
-- nothing.
create function nexo.audit_epoch() returns integer
    language sql stable parallel safe
    return 1;

-- Called by each program that starts. Where nobody may ask which PostgreSQL this
-- is, the epoch stays.
create procedure nexo.begin_audit_epoch()
    language plpgsql
as $$
declare
    here bigint;
    last record;
begin
    here := (select c.system_identifier from pg_control_system() as c);
    select e.epoch, e.system_identifier into last from nexo.audit_epochs e order by e.epoch desc limit 1;
    if last.system_identifier is distinct from here then
        insert into nexo.audit_epochs (epoch, system_identifier) values (coalesce(last.epoch, 0) + 1, here);
        execute format('create or replace function nexo.audit_epoch() returns integer
            language sql stable parallel safe return %s', coalesce(last.epoch, 0) + 1);
    end if;
exception
    when insufficient_privilege then null;
end
$$;
call nexo.begin_audit_epoch();

alter table nexo.audit_log
    add column epoch integer not null default 1,
    -- The entry that tells that the fields of this one were erased.
    add column erased_by uuid,
    drop constraint audit_log_action_check,
    add constraint audit_log_action_check check (action in ('create', 'update', 'delete', 'login', 'fail_login',
        'logout', 'token_reuse', 'change_password', 'refuse', 'expire', 'erase'));
alter table nexo.audit_log alter column epoch set default nexo.audit_epoch();
alter table nexo.audit_seals add column epoch integer not null default 1;
alter table nexo.audit_seals alter column epoch drop default;
drop index nexo.audit_log_sealing;
create index audit_log_sealing on nexo.audit_log (account_id, epoch, tx, id);
create index audit_log_erased on nexo.audit_log (account_id, erased_by) where erased_by is not null;
-- The few by which a log is verified.
create index audit_log_kept on nexo.audit_log (account_id, id) where action = 'expire';

-- As before, in the order of epochs: what is of an earlier one has no transaction
-- that still runs. Hashes of the first epoch are what they were.
create or replace function nexo.seal_audit(out sealed integer, out more boolean)
    language plpgsql volatile
    -- One plan for all places in the log would look at every entry before them.
    set plan_cache_mode = force_custom_plan
as $$
declare
    account constant uuid := nexo.current_account();
    here    constant integer := nexo.audit_epoch();
    last    record;
    horizon bigint;
    block   record;
    now     constant timestamptz := clock_timestamp();
begin
    if not nexo.may(nexo.role_permissions('owner')) then
        raise exception 'whoever seals must see every entry' using errcode = 'insufficient_privilege';
    end if;
    -- Whoever is first does it.
    if not pg_try_advisory_xact_lock(hashtextextended('nexo.audit_seals ' || account::text, 0)) then
        sealed := 0;
        more := true;
        return;
    end if;
    select s.seq, s.epoch, s.tx, s.last_id, s.hash into last
    from nexo.audit_seals s where s.account_id = account order by s.seq desc limit 1;
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    select count(*)::integer as entries, array_agg(e.id order by e.epoch, e.tx, e.id) as ids,
        array_agg(e.digest order by e.epoch, e.tx, e.id) as digests,
        string_agg(uuid_send(e.id) || e.digest, '' order by e.epoch, e.tx, e.id) as content,
        array_agg(e.tx order by e.epoch, e.tx, e.id) as tx, max(e.epoch) as epoch
    into block
    from (
        select l.id, l.epoch, l.tx, nexo.audit_digest(l) as digest from nexo.audit_log l
        where l.account_id = account and (l.epoch, l.tx) < (here, horizon)
            and (l.epoch, l.tx, l.id) > (coalesce(last.epoch, 0), coalesce(last.tx, -1),
                coalesce(last.last_id, '00000000-0000-0000-0000-000000000000'))
        order by l.epoch, l.tx, l.id limit 1000) as e;
    sealed := block.entries;
    if sealed > 0 then
        perform set_config('nexo.sealing', 'on', true);
        insert into nexo.audit_seals (account_id, seq, sealed_at, epoch, tx, last_id, entries, digests, hash)
        values (account, coalesce(last.seq, 0) + 1, now, block.epoch, block.tx[sealed], block.ids[sealed], block.ids,
            block.digests,
            sha256(coalesce(last.hash, '') || uuid_send(account) || int8send(coalesce(last.seq, 0) + 1)
                || int8send((extract(epoch from now) * 1000000)::bigint)
                || case when block.epoch > 1 then int4send(block.epoch) else '' end || int8send(block.tx[sealed])
                || uuid_send(block.ids[sealed]) || block.content))
        returning audit_seals.seq, audit_seals.epoch, audit_seals.tx, audit_seals.last_id, audit_seals.hash into last;
        perform set_config('nexo.sealing', '', true);
    end if;
    -- In this order, or it would look at all that are sealed.
    more := (select true from nexo.audit_log l where l.account_id = account
        and (l.epoch, l.tx, l.id) > (coalesce(last.epoch, 0), coalesce(last.tx, -1),
            coalesce(last.last_id, '00000000-0000-0000-0000-000000000000'))
        order by l.epoch, l.tx, l.id limit 1) is true;
end
$$;

-- Who takes out of the log what is to be kept no longer, since no role that runs
-- the program may: nobody logs in as this one or becomes it, it sees the running
-- account alone, and acts through the functions that it owns.
do $$
begin
    create role nexo_keeper nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;
grant usage on schema nexo to nexo_keeper;
create policy keeper on nexo.audit_log to nexo_keeper
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
create policy keeper on nexo.audit_seals to nexo_keeper
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
create policy keeper on nexo.account_settings for select to nexo_keeper
    using (account_id = nexo.current_account());
grant select, insert, delete on nexo.audit_log to nexo_keeper;
grant select, delete on nexo.audit_seals to nexo_keeper;
grant select on nexo.account_settings to nexo_keeper;
grant execute on function nexo.current_account(), nexo.may(bigint), nexo.permission(text), nexo.actor(),
    nexo.time_ordered_id(timestamptz) to nexo_keeper;
grant execute on procedure nexo.audit(uuid, text, text, uuid, jsonb, jsonb) to nexo_keeper;

-- Takes up to 20 blocks out of the running account's log that were sealed longer
-- ago than the account keeps its log, the oldest first, and tells in the log how
-- far: by that entry the chain begins with the block after. Tells whether there
-- may be more. The last block stays, because the next one follows it.
create function nexo.expire_audit(out entries integer, out more boolean)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    account constant uuid := nexo.current_account();
    days    integer;
    before  timestamptz;
    block   record;
    last    record;
    gone    integer;
    blocks  integer := 0;
begin
    entries := 0;
    more := false;
    if account is null or nexo.may(nexo.permission('account:admin')) is not true then
        raise exception 'not permitted' using errcode = 'insufficient_privilege';
    end if;
    select s.audit_retention_days into days from nexo.account_settings s where s.account_id = account;
    if days is null then
        return;
    end if;
    -- In turn with sealing.
    if not pg_try_advisory_xact_lock(hashtextextended('nexo.audit_seals ' || account::text, 0)) then
        more := true;
        return;
    end if;
    -- Whole days, so that it is told once a day.
    before := date_trunc('day', now() - make_interval(days => days), 'UTC');
    for block in
        select s.seq, s.sealed_at, s.entries, s.hash from nexo.audit_seals s
        where s.account_id = account
            and s.seq < (select max(m.seq) from nexo.audit_seals m where m.account_id = account)
        order by s.seq limit 20
    loop
        -- What tells of an erasure stays as long as what was erased.
        exit when block.sealed_at >= before or exists (select from nexo.audit_log l
            where l.account_id = account and l.erased_by = any (block.entries) and l.id <> all (block.entries));
        delete from nexo.audit_log l where l.account_id = account and l.id = any (block.entries);
        get diagnostics gone = row_count;
        delete from nexo.audit_seals s where s.account_id = account and s.seq = block.seq;
        entries := entries + gone;
        blocks := blocks + 1;
        last := block;
    end loop;
    if blocks > 0 then
        call nexo.audit(account, 'expire', 'audit_log', null, null, jsonb_build_object('entries', entries,
            'blocks', blocks, 'seq', last.seq, 'hash', encode(last.hash, 'hex'), 'sealed_at', last.sealed_at,
            'retention_days', days));
    end if;
    more := blocks = 20;
end
$$;

revoke all on function nexo.audit_epoch(), nexo.expire_audit() from public;
revoke all on procedure nexo.begin_audit_epoch() from public;
grant execute on function nexo.audit_epoch() to nexo_app, nexo_limited, nexo_auth, nexo_keeper;
grant execute on function nexo.expire_audit() to nexo_app;
grant nexo_keeper to current_user;
grant create on schema nexo to nexo_keeper;
alter function nexo.expire_audit() owner to nexo_keeper;
revoke create on schema nexo from nexo_keeper;
revoke nexo_keeper from current_user;
