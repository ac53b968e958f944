-- Search: words, beginnings of words, and parts of e-mail addresses and phone
-- numbers.
--
-- Full-text operators are not leakproof, so under row-level security a
-- tenant's statement cannot use their index. Therefore search proposes and
-- row-level security disposes: one function finds ids as nexo_search, a role
-- that nobody can log in as or become, and the statement that asked for them
-- reads the rows under its own policy.

do $$
begin
    create role nexo_search nologin;
exception
    when duplicate_object or unique_violation then null;
end
$$;

-- The text in lower case and without accents.
create function nexo.search_fold(value text) returns text
    language sql immutable strict parallel safe
    return case
        when octet_length(value) = char_length(value) then lower(value)
        else replace(replace(replace(translate(
                lower(regexp_replace(normalize(value, nfkd), '[\u0300-\u036f]', '', 'g')),
                'øłđı', 'oldi'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
    end;

-- Its words, each once as it comes, of up to 64 characters.
create function nexo.search_words(value text) returns text[]
    language sql immutable parallel safe
    return array_remove(regexp_split_to_array(
        regexp_replace(nexo.search_fold(coalesce(value, '')), '([^[:alnum:]]*[[:alnum:]]{64})[[:alnum:]]+', '\1', 'g'),
        '[^[:alnum:]]+'), '');

-- A phone number's digits. Who writes "+44 (0)20" means "+4420".
create function nexo.search_digits(value text) returns text
    language sql immutable strict parallel safe
    return ltrim(regexp_replace(value, '\(0\)|[^0-9]', '', 'g'), '0');

-- What the index holds of a record: its words (`w`), its whole name (`=`), and
-- each end of three characters or more of the words of its address and number
-- (`i`), so that any part of one is the beginning of an end.
--
-- Each lexeme begins with its account, so that an account's lexemes lie
-- together and no search walks another's; and with one of three shares of the
-- records, 1/64, 1/8 and the rest, so that a search for what many records have
-- finds enough in the first of them.
create function nexo.search_document(
    account_id uuid, id uuid, name text, more text[], email text, phone text
) returns tsvector
    language plpgsql immutable parallel safe
as $$
declare
    share  constant text := right(id::text, 2) collate "C";
    place  constant text := right(account_id::text, 8)
        || case when share < '04' then 'a' when share < '24' then 'b' else 'c' end;
    words  constant text[] := nexo.search_words(name);
    ended  constant text[] := nexo.search_words(email) || coalesce(nexo.search_digits(phone), '');
    named  constant text := array_to_string(words, ' ');
    found  text[] := array[place || '=' || left(named, 64)];
    word   text;
begin
    foreach word in array words || nexo.search_words(left(array_to_string(more, ' '), 12000)) loop
        found := found || (place || 'w' || word);
    end loop;
    foreach word in array ended loop
        for at in 1 .. greatest(length(word) - 2, 1) loop
            found := found || (place || 'i' || substr(word, at, 24));
        end loop;
    end loop;
    return array_to_tsvector(found);
end
$$;

-- What somebody typed, as a query: each word begins a word, or is a part of an
-- address; or all of it is a part of a phone number. chr(1) stands where
-- account and share go. Words are letters and digits, so nothing in them is
-- the query's syntax.
create function nexo.search_query(q text) returns text
    language plpgsql immutable strict parallel safe
as $$
declare
    word   text;
    asked  text := null;
    digits constant text := nexo.search_digits(q);
begin
    foreach word in array (nexo.search_words(left(q, 200)))[1:10] loop
        asked := concat_ws('&', asked, format('(%1$sw%2$s:*|%1$si%3$s:*)', chr(1), word, left(word, 24)));
    end loop;
    if length(digits) > 2 and q ~ '^[-+0-9 ()/.]+$' then
        asked := concat_ws('|', asked, format('%si%s:*', chr(1), left(digits, 24)));
    end if;
    return asked;
end
$$;

-- The query of the running search, or null outside of one.
create function nexo.current_search() returns tsquery
    language sql stable parallel safe
    return nullif(current_setting('nexo.search', true), '')::tsquery;

-- Up to `most` records of the running account that match, those whose whole
-- name it is or begins with first, if the best are wanted; else all that do, of
-- which there must be fewer. The policies of nexo_search hold account and query.
create function nexo.search_ids(kind text, q text, most integer, archived boolean, best boolean)
    returns setof uuid
    language plpgsql volatile security definer rows 100
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set enable_indexscan = off set jit = off
    -- A bitmap that does not fit would have every document made again, and to
    -- start workers takes longer than to search.
    set work_mem = '32MB' set max_parallel_workers_per_gather = 0
as $$
declare
    place constant text := right(nexo.current_account()::text, 8);
    named constant text := left(array_to_string(nexo.search_words(q), ' '), 64);
    broad constant text := nexo.search_query(q);
    asked text[] := array[]::text[];
    share text;
    query text;
    found integer := 0;
    added integer;
begin
    if broad is null or place is null then
        return;
    end if;
    if best and named <> '' then
        foreach query in array array['', ':*'] loop
            foreach share in array array['a', 'b', 'c'] loop
                asked := asked || format('''%s%s=%s''%s', place, share, named, query);
            end loop;
        end loop;
    end if;
    foreach share in array array['a', 'b', 'c'] loop
        asked := asked || replace(broad, chr(1), place || share);
    end loop;
    foreach query in array asked loop
        perform set_config('nexo.search', query, true);
        case kind
            when 'clients' then
                return query select t.id from nexo.clients t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'departments' then
                return query select t.id from nexo.departments t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'employees' then
                return query select t.id from nexo.employees t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'suppliers' then
                return query select t.id from nexo.suppliers t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'professionals' then
                return query select t.id from nexo.professionals t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'projects' then
                return query select t.id from nexo.projects t
                    where (t.archived_at is not null) = archived limit most - found;
            when 'tasks' then
                return query select t.id from nexo.tasks t
                    where (t.archived_at is not null) = archived limit most - found;
        end case;
        get diagnostics added = row_count;
        found := found + added;
        exit when found >= most;
    end loop;
    perform set_config('nexo.search', '', true);
    -- A list must not leave out what it cannot hold without saying so.
    if found >= most and not best then
        raise exception 'too many records match' using errcode = 'program_limit_exceeded';
    end if;
end
$$;

-- How well a record's name answers: 0 it is the name, 1 the name begins with
-- it, 2 each word begins a word of the name, 3 it was found elsewhere.
create function nexo.search_rank(q text, name text) returns smallint
    language plpgsql immutable parallel safe
as $$
declare
    asked constant text[] := nexo.search_words(q);
    named constant text[] := nexo.search_words(name);
begin
    return case
        when asked = named then 0
        when starts_with(array_to_string(named, ' '), array_to_string(asked, ' ')) then 1
        when not exists (
            select from unnest(asked) as a (word)
            where not exists (select from unnest(named) as n (word) where starts_with(n.word, a.word))) then 2
        else 3
    end;
end
$$;

-- Nothing is known of an expression that need not be: its statistics would
-- cost more than they tell.
create index clients_search on nexo.clients using gin (nexo.search_document(account_id, id, name,
    array[external_id, website, address, notes] || tags, email, phone)) with (fastupdate = off);
create index departments_search on nexo.departments using gin (nexo.search_document(account_id, id, name,
    array[external_id], null, null)) with (fastupdate = off);
create index employees_search on nexo.employees using gin (nexo.search_document(account_id, id, name,
    array[external_id, employee_code, title], email, phone)) with (fastupdate = off);
create index suppliers_search on nexo.suppliers using gin (nexo.search_document(account_id, id, company,
    array[external_id, category, contact_person, address, tax_id, payment_terms], email, phone))
    with (fastupdate = off);
create index professionals_search on nexo.professionals using gin (nexo.search_document(account_id, id, name,
    array[external_id, specialty, portfolio] || skills, email, phone)) with (fastupdate = off);
create index projects_search on nexo.projects using gin (nexo.search_document(account_id, id, name,
    array[external_id, code, description], null, null)) with (fastupdate = off);
create index tasks_search on nexo.tasks using gin (nexo.search_document(account_id, id, title,
    array[external_id, description], null, null)) with (fastupdate = off);
alter index nexo.clients_search alter column 1 set statistics 0;
alter index nexo.departments_search alter column 1 set statistics 0;
alter index nexo.employees_search alter column 1 set statistics 0;
alter index nexo.suppliers_search alter column 1 set statistics 0;
alter index nexo.professionals_search alter column 1 set statistics 0;
alter index nexo.projects_search alter column 1 set statistics 0;
alter index nexo.tasks_search alter column 1 set statistics 0;

-- What nexo_search sees: rows of the running account that match the running
-- search, and of their columns those that the index is made of. The match
-- stands in the policy, where it may use its index. (Not `=` for the account,
-- so that no index of accounts is preferred to it.)
create policy search on nexo.clients for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, name, array[external_id, website, address, notes] || tags, email, phone)
           @@ nexo.current_search());
create policy search on nexo.departments for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, name, array[external_id], null, null) @@ nexo.current_search());
create policy search on nexo.employees for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, name, array[external_id, employee_code, title], email, phone)
           @@ nexo.current_search());
create policy search on nexo.suppliers for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, company,
               array[external_id, category, contact_person, address, tax_id, payment_terms], email, phone)
           @@ nexo.current_search());
create policy search on nexo.professionals for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, name, array[external_id, specialty, portfolio] || skills, email, phone)
           @@ nexo.current_search());
create policy search on nexo.projects for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, name, array[external_id, code, description], null, null)
           @@ nexo.current_search());
create policy search on nexo.tasks for select to nexo_search
    using (account_id is not distinct from nexo.current_account()
       and nexo.search_document(account_id, id, title, array[external_id, description], null, null)
           @@ nexo.current_search());
-- Policies of all roles are joined by OR: those of accounts are not for it.
alter policy tenant on nexo.clients to nexo_app, current_user;
alter policy tenant on nexo.departments to nexo_app, current_user;
alter policy tenant on nexo.employees to nexo_app, current_user;
alter policy tenant on nexo.suppliers to nexo_app, current_user;
alter policy tenant on nexo.professionals to nexo_app, current_user;
alter policy tenant on nexo.projects to nexo_app, current_user;
alter policy tenant on nexo.tasks to nexo_app, current_user;

grant usage on schema nexo to nexo_search;
grant select on nexo.clients, nexo.departments, nexo.employees, nexo.suppliers, nexo.professionals, nexo.projects,
    nexo.tasks to nexo_search;

revoke all on function
    nexo.search_fold(text), nexo.search_words(text), nexo.search_digits(text),
    nexo.search_document(uuid, uuid, text, text[], text, text), nexo.search_query(text), nexo.current_search(), nexo.search_rank(text, text),
    nexo.search_ids(text, text, integer, boolean, boolean)
    from public;
grant execute on function
    nexo.current_account(), nexo.search_fold(text), nexo.search_words(text), nexo.search_digits(text),
    nexo.search_document(uuid, uuid, text, text[], text, text), nexo.search_query(text), nexo.current_search()
    to nexo_search;
-- Whoever writes a row computes what its index holds.
grant execute on function
    nexo.search_fold(text), nexo.search_words(text), nexo.search_digits(text),
    nexo.search_document(uuid, uuid, text, text[], text, text), nexo.search_query(text), nexo.search_rank(text, text), nexo.search_ids(text, text, integer, boolean, boolean)
    to nexo_app;

-- To give a function away one must be a member of the role, and the role must
-- be allowed to create; neither is so a moment later.
grant nexo_search to current_user;
grant create on schema nexo to nexo_search;
alter function nexo.search_ids(text, text, integer, boolean, boolean) owner to nexo_search;
revoke create on schema nexo from nexo_search;
revoke nexo_search from current_user;
