-- Imports: what was uploaded, how far it is, and what became of each row.
--
-- An import's position moves in the transaction that stores its rows, so after
-- a crash it goes on where it was, with nothing lost or doubled.

create table nexo.imports (
    account_id  uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id          uuid not null,
    collection  text not null,
    file_name   text check (length(file_name) <= 255),
    format      text not null check (format in ('csv', 'xlsx')),
    -- Bytes: as announced, and as received so far.
    size        bigint not null check (size > 0),
    received    bigint not null default 0 check (received between 0 and size),
    mapping     jsonb not null,
    duplicates  text not null check (duplicates in ('refuse', 'skip', 'update')),
    key         text not null,
    dry_run     boolean not null,
    status      text not null default 'receiving'
        check (status in ('receiving', 'checking', 'importing', 'done', 'failed', 'undoing', 'undone')),
    -- Why it failed, as the problem that was answered.
    detail      text,
    errors      jsonb not null default '[]',
    -- The text that is read: its bytes, its separator, and the field of each
    -- column, empty for one that is left out.
    length      bigint not null default 0,
    delimiter   text check (length(delimiter) = 1),
    columns     text[] not null default '{}',
    -- Where the next row begins, in bytes, and which row that is; 1 is the header.
    position    bigint not null default 0,
    next_row    bigint not null default 1,
    -- Where the rows begin, after the heading.
    first_position bigint not null default 0,
    first_row   bigint not null default 1,
    total       bigint,
    processed   bigint not null default 0,
    created     bigint not null default 0,
    changed     bigint not null default 0,
    skipped     bigint not null default 0,
    failed      bigint not null default 0,
    reverted    bigint not null default 0,
    kept        bigint not null default 0,
    -- Nobody sees it any more; its rows go a part at a time.
    forgotten   boolean not null default false,
    created_at  timestamptz not null default now(),
    created_by  uuid,
    updated_at  timestamptz not null default now(),
    primary key (account_id, id)
);
create index imports_created on nexo.imports (account_id, created_at, id);

create table nexo.import_chunks (
    account_id uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    import_id  uuid not null,
    -- The place of its first byte.
    start      bigint not null check (start >= 0),
    content    bytea not null check (length(content) between 1 and 1048576),
    primary key (account_id, import_id, start),
    foreign key (account_id, import_id) references nexo.imports on delete cascade
);
-- Most files do not get smaller by it, and it takes time.
alter table nexo.import_chunks alter column content set storage external;

create table nexo.import_rows (
    account_id uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    import_id  uuid not null,
    number     bigint not null,
    outcome    text not null
        check (outcome in ('created', 'changed', 'skipped', 'failed', 'reverted', 'kept')),
    key        text,
    record_id  uuid,
    -- The record's version when the import had done with it.
    version    bigint,
    -- What the import changed, as it was.
    before     jsonb,
    errors     jsonb,
    primary key (account_id, import_id, number),
    foreign key (account_id, import_id) references nexo.imports on delete cascade
);
create index import_rows_failed on nexo.import_rows (account_id, import_id, number)
    where outcome in ('failed', 'kept');
-- A dry run stores no record by which it could find a key again.
create index import_rows_key on nexo.import_rows (account_id, import_id, key)
    where key is not null;

alter table nexo.imports enable row level security;
alter table nexo.imports force row level security;
create policy tenant on nexo.imports
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
alter table nexo.import_chunks enable row level security;
alter table nexo.import_chunks force row level security;
create policy tenant on nexo.import_chunks
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
alter table nexo.import_rows enable row level security;
alter table nexo.import_rows force row level security;
create policy tenant on nexo.import_rows
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());

grant select, insert, update, delete on nexo.imports, nexo.import_chunks, nexo.import_rows to nexo_app;
