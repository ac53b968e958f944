-- What every record has besides its content: an identifier of another system,
-- by which imports find it again, and a place outside of lists.

alter table nexo.clients
    add column external_id text check (length(external_id) between 1 and 100),
    add column archived_at timestamptz,
    add constraint clients_external_id_key unique (account_id, external_id);

-- Lists show what is not archived, so their indexes hold nothing else.
drop index nexo.clients_created, nexo.clients_updated, nexo.clients_name;
create index clients_created on nexo.clients (account_id, created_at, id) where archived_at is null;
create index clients_updated on nexo.clients (account_id, updated_at, id) where archived_at is null;
create index clients_name on nexo.clients (account_id, name, id) where archived_at is null;
create index clients_status on nexo.clients (account_id, status, created_at, id) where archived_at is null;
create index clients_kind on nexo.clients (account_id, kind, created_at, id) where archived_at is null;
create index clients_email on nexo.clients (account_id, email) where archived_at is null;
create index clients_phone on nexo.clients (account_id, phone) where archived_at is null;
create index clients_archived on nexo.clients (account_id, created_at, id) where archived_at is not null;

-- Refuses a parent that leads back to the record. The trigger's argument is the
-- column. Whoever moves a record of a hierarchy waits for who does so in the
-- same account, because two moves that are good alone may close a circle.
create function nexo.refuse_cycle() returns trigger
    language plpgsql
as $$
declare
    own    constant text := format('%I.%I', tg_table_schema, tg_table_name);
    parent constant uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
    circle boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended(own || new.account_id, 0));
    -- One level more than any real hierarchy has ends the walk too.
    execute format(
        'with recursive upwards (id, level) as (
             select $2, 1
             union all
             select r.%1$I, level + 1
             from upwards join %2$s r on r.account_id = $1 and r.id = upwards.id
             where r.%1$I is not null and level <= 200 and upwards.id <> $3
         )
         select bool_or(id = $3 or level > 200) from upwards',
        tg_argv[0], own)
    into circle using new.account_id, parent, new.id;
    if circle then
        raise exception 'the % would lead back to the record', tg_argv[0] using
            errcode = 'check_violation', schema = tg_table_schema, table = tg_table_name,
            constraint = format('%s_%s_cycle', tg_table_name, tg_argv[0]);
    end if;
    return new;
end
$$;

-- Refuses moves of a status that make no sense. The trigger's arguments are
-- those moves, as 'from>to'.
create function nexo.refuse_move() returns trigger
    language plpgsql
as $$
begin
    if old.status || '>' || new.status = any (tg_argv) then
        raise exception '% cannot become %', old.status, new.status using
            errcode = 'check_violation', schema = tg_table_schema, table = tg_table_name,
            constraint = format('%s_status_move', tg_table_name);
    end if;
    return new;
end
$$;

revoke all on function nexo.refuse_cycle(), nexo.refuse_move() from public;
