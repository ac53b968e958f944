-- Entries are sealed: in blocks, each of which holds the digests of its entries
-- and the hash of the block before, so that what was changed, removed or put in
-- between is found. Writers do not wait for it: it is done behind them.

create index audit_log_sealing on nexo.audit_log (account_id, tx, id);

create table nexo.audit_seals (
    account_id uuid not null default nexo.current_account(),
    seq        bigint not null check (seq > 0),
    sealed_at  timestamptz not null default clock_timestamp(),
    -- The place of the last entry: after it the next block begins.
    tx         bigint not null,
    last_id    uuid not null,
    entries    uuid[] not null check (cardinality(entries) between 1 and 1000),
    digests    bytea[] not null,
    hash       bytea not null check (length(hash) = 32),
    primary key (account_id, seq),
    check (cardinality(digests) = cardinality(entries))
);
alter table nexo.audit_seals enable row level security;
alter table nexo.audit_seals force row level security;
create policy tenant on nexo.audit_seals to nexo_app
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
do $$
declare
    -- Who seals must see every entry. The setting keeps a statement that is no
    -- seal from being taken for one; it does not hold whoever sets it.
    everything constant bigint := nexo.role_permissions('owner');
begin
    execute format('create policy may_read on nexo.audit_seals as restrictive for select to nexo_app
        using (account_id = nexo.account_that_may(%s))', nexo.permission('audit:read'));
    execute format('create policy may_create on nexo.audit_seals as restrictive for insert to nexo_app
        with check (account_id = nexo.account_that_may(%s) and current_setting(''nexo.sealing'', true) = ''on'')',
        everything);
end
$$;
grant select, insert on nexo.audit_seals to nexo_app;

-- Everything that an entry tells, in 32 bytes.
create function nexo.audit_digest(entry nexo.audit_log) returns bytea
    language sql stable parallel safe
    return sha256(convert_to(jsonb_build_array(entry.account_id, entry.id, extract(epoch from entry.at), entry.tx,
        entry.action, entry.subject, entry.record_id, entry.user_id, entry.session_id, entry.reason, entry.request_id,
        entry.ip, entry.user_agent, entry.before, entry.after)::text, 'UTF8'));

-- Seals up to 1,000 entries of the running account, and tells whether it has
-- more that are not sealed: beyond those, or of transactions beside which an
-- older one still runs, whose entries come first.
create function nexo.seal_audit(out sealed integer, out more boolean)
    language plpgsql volatile
    -- One plan for all places in the log would look at every entry before them.
    set plan_cache_mode = force_custom_plan
as $$
declare
    account constant uuid := nexo.current_account();
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
    select s.seq, s.tx, s.last_id, s.hash into last from nexo.audit_seals s where s.account_id = account order by s.seq desc limit 1;
    horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    select count(*)::integer as entries, array_agg(e.id order by e.tx, e.id) as ids,
        array_agg(e.digest order by e.tx, e.id) as digests,
        string_agg(uuid_send(e.id) || e.digest, '' order by e.tx, e.id) as content, max(e.tx) as tx
    into block
    from (
        select l.id, l.tx, nexo.audit_digest(l) as digest from nexo.audit_log l
        where l.account_id = account and l.tx < horizon
            and (l.tx, l.id) > (coalesce(last.tx, -1), coalesce(last.last_id, '00000000-0000-0000-0000-000000000000'))
        order by l.tx, l.id limit 1000) as e;
    sealed := block.entries;
    if sealed > 0 then
        perform set_config('nexo.sealing', 'on', true);
        insert into nexo.audit_seals (account_id, seq, sealed_at, tx, last_id, entries, digests, hash)
        values (account, coalesce(last.seq, 0) + 1, now, block.tx, block.ids[sealed], block.ids, block.digests,
            sha256(coalesce(last.hash, '') || uuid_send(account) || int8send(coalesce(last.seq, 0) + 1)
                || int8send((extract(epoch from now) * 1000000)::bigint) || int8send(block.tx)
                || uuid_send(block.ids[sealed]) || block.content))
        returning audit_seals.seq, audit_seals.tx, audit_seals.last_id, audit_seals.hash into last;
        perform set_config('nexo.sealing', '', true);
    end if;
    -- In this order, or it would look at all that are sealed.
    more := (select true from nexo.audit_log l where l.account_id = account
        and (l.tx, l.id) > (coalesce(last.tx, -1), coalesce(last.last_id, '00000000-0000-0000-0000-000000000000'))
        order by l.tx, l.id limit 1) is true;
end
$$;

revoke all on function nexo.audit_digest(nexo.audit_log), nexo.seal_audit() from public;
grant execute on function nexo.audit_digest(nexo.audit_log), nexo.seal_audit() to nexo_app;
