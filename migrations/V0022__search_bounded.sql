-- Search takes no text for longer than another, whatever is written in it.
--
-- Putting marks in order takes the square of their number, so that one text of
-- marks alone took seconds for each change of its record and for each search
-- that looked at it. And in Hebrew, Arabic or Greek it now matters as little as
-- elsewhere how a word is pointed or ends; every word of a long query counts;
-- and whoever may not read records does not learn of them here either.

-- The text in lower case and without accents: marks of Latin, Greek and
-- Cyrillic, the points of Hebrew and Arabic, voicing in kana, soft hyphens and
-- what joins or directs without being seen.
--
-- A long text is taken apart in pieces, so that no marks are put in order but
-- those of one piece.
create or replace function nexo.search_fold(value text) returns text
    language plpgsql immutable strict parallel safe
as $$
declare
    apart text;
begin
    if octet_length(value) = char_length(value) then
        return lower(value);
    end if;
    if char_length(value) <= 200 then
        apart := normalize(value, nfkd);
    else
        apart := string_agg(normalize(piece[1], nfkd), '' order by nth)
            from regexp_matches(regexp_replace(value, '[\u0300-\u036f]+', '', 'g'), '.{1,64}', 'g')
                with ordinality as pieces (piece, nth);
    end if;
    return replace(replace(replace(translate(lower(regexp_replace(apart,
            '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u3099\u309a\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+',
            '', 'g')),
        'øłđıħðς', 'oldihdσ'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe');
end
$$;

-- The words of a folded text, each once as it comes, of up to 64 characters.
create function nexo.search_split(folded text) returns text[]
    language sql immutable parallel safe
    return array_remove(regexp_split_to_array(
        regexp_replace(folded, '([[:alnum:]]{64})[[:alnum:]]+', '\1', 'g'), '[^[:alnum:]]+'), '');

create or replace function nexo.search_words(value text) returns text[]
    language sql immutable parallel safe
    return nexo.search_split(nexo.search_fold(coalesce(value, '')));

-- What of a record's texts is searched, folded: one character may become
-- eighteen.
create function nexo.search_text(more text[]) returns text
    language sql immutable parallel safe
    return left(nexo.search_fold(left(array_to_string(more, ' '), 12000)), 24000);

-- What the index holds of a record: its words, and each end of three characters
-- or more of the words of its address and number, so that any part of one is
-- the beginning of an end (`w`); and its whole name (`=`).
--
-- Each lexeme begins with its account, so that an account's lexemes lie
-- together and no search walks another's; and with one of three shares of the
-- records, 1/64, 1/8 and the rest, so that a search for what many records have
-- finds enough in the first of them.
create or replace function nexo.search_document(
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
    foreach word in array words || nexo.search_split(nexo.search_text(more)) loop
        found := found || (place || 'w' || word);
    end loop;
    foreach word in array ended loop
        for at in 1 .. greatest(length(word) - 2, 1) loop
            found := found || (place || 'w' || substr(word, at));
        end loop;
    end loop;
    return array_to_tsvector(found);
end
$$;
set local maintenance_work_mem = '256MB';
reindex index nexo.clients_search;
reindex index nexo.departments_search;
reindex index nexo.employees_search;
reindex index nexo.suppliers_search;
reindex index nexo.professionals_search;
reindex index nexo.projects_search;
reindex index nexo.tasks_search;

-- Whether a record has every one of these words, as the index would find them:
-- each begins a word, or is in the address or the number.
create or replace function nexo.search_has(asked text[], name text, more text[], email text, phone text) returns boolean
    language plpgsql immutable parallel safe
as $$
declare
    -- The address, up to chr(1), and then the rest. Of an address's word the
    -- index has 64 characters.
    told   text;
    number text;
    word   text;
begin
    foreach word in array asked loop
        -- What begins with a digit is looked for in the number first: it is short.
        -- Of a word of one or two characters the index has those that others follow.
        if word < ':' collate "C" then
            number := coalesce(number, nexo.search_digits(phone), '');
            continue when starts_with(number, word)
                or strpos(case when length(word) > 2 then number else left(number, length(word) - 3) end, word) > 0;
        end if;
        if told is null then
            told := concat(name, ' ', left(array_to_string(more, ' '), 12000));
            told := case
                    when email is null then ''
                    when length(email) > 64 then array_to_string(nexo.search_words(email), ' ')
                    when octet_length(email) = char_length(email) then lower(email)
                    else nexo.search_fold(email)
                end || chr(1) || case
                    when octet_length(told) = char_length(told) then lower(told)
                    else nexo.search_fold(name) || ' ' || nexo.search_text(more)
                end;
        end if;
        -- Words are letters and digits, so nothing in them is the pattern's syntax.
        if strpos(told, word) > 0 and told ~ (case length(word)
                when 1 then '(?:^|[^[:alnum:]])' || word || '|^[^\x01]*' || word || '[[:alnum:]]{2}'
                when 2 then '(?:^|[^[:alnum:]])' || word || '|^[^\x01]*' || word || '[[:alnum:]]'
                else '[^[:alnum:]]' || word || '|^[^\x01]*' || word
            end)
        then
            continue;
        end if;
        return false;
    end loop;
    return true;
end
$$;

revoke all on function nexo.search_split(text), nexo.search_text(text[]) from public;
grant execute on function nexo.search_split(text), nexo.search_text(text[]) to nexo_app, nexo_search;
grant execute on function nexo.may(bigint), nexo.permission(text) to nexo_search;

-- To replace a function one must be a member of the role that owns it.
grant nexo_search to current_user;

-- Up to `most` records of the running account that match, those whose whole
-- name it is or begins with first, if the best are wanted; else all that do, of
-- which there must be fewer. None for somebody who may not read them.
--
-- For the best the work is bounded: when all words are so common that to join
-- their beginnings takes long, a common one is found as a whole word in all
-- records, and as a mere beginning in some of them. Of a list nothing is left out.
create or replace function nexo.search_ids(kind text, q text, most integer, archived boolean, best boolean)
    returns setof uuid
    language plpgsql volatile security definer rows 100
    set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set enable_indexscan = off set jit = off
    -- A bitmap that does not fit would have every document made again, and to
    -- start workers takes longer than to search.
    set work_mem = '32MB' set max_parallel_workers_per_gather = 0
    -- One that knows whether archived records are wanted may prefer an index of
    -- those, or of the others, where little is known of a table.
    set plan_cache_mode = force_generic_plan
as $$
declare
    -- The index gathers so many records in the time in which one row is checked.
    row_costs constant integer := 32;
    -- A word that more records of the smallest share have is common, and counts
    -- as one that so many have.
    common constant integer := 500;
    many constant integer := 2000;
    -- So many records of the smallest share stand for few enough rows to check:
    -- 64 times as many.
    few constant integer := case when best then 20 else 32 end;
    -- A list of which the smallest share has so many has too many: ids end at
    -- random, and this is two and a half times that share of what it may have.
    surely constant integer := most / 25;
    -- The rows that are checked when there are too many.
    tried constant integer := 200;
    none constant text[] := '{}';
    account constant text := right(nexo.current_account()::text, 8);
    places constant text[] := array[account || 'a', account || 'b', account || 'c'];
    given constant text[] := nexo.search_words(left(q, 200));
    -- Of a name the index has the first 64 characters: of a longer one the rows
    -- are asked for the words too.
    name  constant text := array_to_string(given, ' ');
    named constant text := left(name, 64);
    spelt text[] := none;
    -- The index is asked for ten words, the rows for the rest.
    rest  text[];
    number text := nexo.search_digits(q);
    -- The rarest first, and how many records of the smallest share have each.
    words text[];
    counts integer[] := '{}';
    rarest integer := many;
    word text;
    place text;
    hits integer;
    whole integer;
    at integer;
    -- The words that longer ones begin with, or are seen to.
    parts text[] := '{}';
    -- What the index had better be asked for, and what is rather read.
    indexed text[];
    checked text[] := none;
    gathered integer;
    is_cheap boolean := true;
    begun text[];
    ids uuid[] := '{}';
    names uuid[] := '{}';
    numbered uuid[] := '{}';
begin
    -- The longest first, and none that another one begins with.
    words := array(select distinct w.word from unnest(given) as w (word)
        where not exists (select from unnest(given) as o (word)
            where o.word <> w.word and starts_with(o.word, w.word)));
    words := array(select w.word from unnest(words) as w (word) order by length(w.word) desc, w.word);
    rest := words[11:];
    words := words[:10];
    if words = none or account is null or nexo.may(nexo.permission(left(kind, -1) || ':read')) is not true then
        return;
    end if;
    if length(name) > 64 then
        spelt := words || rest;
    end if;
    if length(number) < 3 or q !~ '^[-+0-9 ()/.]+$' or array[number] = words then
        number := null;
    end if;

    if best then
        names := nexo.search_found(kind, format('''%s=%s'':*', places[1], named), spelt, null, archived, most);
        if cardinality(names) < most then
            names := names || nexo.search_found(
                kind, format('''%s=%s'':*|''%s=%s'':*', places[2], named, places[3], named),
                spelt, null, archived, most);
        end if;
    end if;

    if best and number is not null then
        foreach place in array places loop
            exit when cardinality(numbered) >= most;
            numbered := numbered || nexo.search_found(kind, format('%sw%s:*', place, number), none, null, archived, most);
        end loop;
    end if;

    -- What very many have as whole words need not be counted.
    if best and cardinality(words) > 1 and greatest(cardinality(names), cardinality(numbered)) < most then
        ids := nexo.search_found(kind, nexo.search_query(none, words, places[:1]), rest, null, archived, most);
    end if;

    indexed := words;
    if cardinality(words) > 1 and greatest(cardinality(names), cardinality(numbered), cardinality(ids)) < most then
        ids := '{}';
        foreach word in array words loop
            -- Short words are gathered long; four are counted at most, and none
            -- where one is known that few have.
            exit when rarest <= 1 or length(word) < 3 and (rarest <= few or cardinality(counts) >= 4);
            -- What is common as a whole word needs no look at its beginnings.
            whole := cardinality(nexo.search_found(
                kind, nexo.search_query(none, array[word], places[:1]), none, null, null, common + 1));
            hits := whole;
            if whole <= common then
                hits := cardinality(nexo.search_found(
                    kind, nexo.search_query(array[word], none, places[:1]), none, null, null, common + 1));
            end if;
            if hits > whole then
                parts := parts || word;
            end if;
            hits := case when hits > common then many else hits end;
            rarest := least(rarest, hits);
            counts := counts || hits;
        end loop;
        counts := counts || array_fill(many, array[cardinality(words) - cardinality(counts)]);
        words := array(select w.word from unnest(words, counts) as w (word, hits) order by w.hits, length(w.word) desc);
        counts := array(select w.hits from unnest(counts) as w (hits) order by w.hits);
        at := 1;
        while at < cardinality(words) and counts[at + 1] <= row_costs * greatest(rarest, 1) loop
            at := at + 1;
        end loop;
        indexed := words[:at];
        checked := words[at + 1:];

        -- As many of the rarest as the index joins in little time. If few records
        -- have them all, the other words are read.
        at := 0;
        gathered := 0;
        while at < cardinality(indexed) and counts[at + 1] <= common
            and (gathered + counts[at + 1] <= common or not best)
        loop
            at := at + 1;
            gathered := gathered + counts[at];
        end loop;
        hits := case
            when at = 0 then many
            when at = cardinality(words) then 0
            when at = 1 then rarest
            else cardinality(nexo.search_found(
                kind, nexo.search_query(words[:at], none, places[:1]), none, null, null, many))
        end;
        is_cheap := hits <= few;
        if is_cheap then
            indexed := words[:at];
            checked := words[at + 1:];
        end if;
    end if;

    checked := checked || rest;

    if not best then
        foreach place in array places loop
            ids := ids || nexo.search_found(kind, nexo.search_query(indexed, none, array[place]), checked, null,
                archived, most - cardinality(ids));
            if place = places[1] and cardinality(ids) > surely then
                raise exception 'too many records match' using errcode = 'program_limit_exceeded';
            end if;
            exit when cardinality(ids) >= most;
        end loop;
        if number is not null and cardinality(ids) < most then
            foreach place in array places loop
                ids := array(select unnest(ids) union select unnest(nexo.search_found(
                    kind, format('%sw%s:*', place, number), none, null, archived, most)));
                exit when cardinality(ids) >= most;
            end loop;
        end if;
        perform set_config('nexo.search', '', true);
        -- A list must not leave out what it cannot hold without saying so.
        if cardinality(ids) >= most then
            raise exception 'too many records match' using errcode = 'program_limit_exceeded';
        end if;
        return query select unnest(ids);
        return;
    end if;

    if greatest(cardinality(names), cardinality(numbered), cardinality(ids)) >= most then
        null;
    elsif cardinality(words) = 1 then
        ids := nexo.search_found(kind, nexo.search_query(words, none, places[:1]), none, null, archived, most);
        if cardinality(ids) < most then
            ids := ids || nexo.search_found(
                kind, nexo.search_query(words, none, places[2:]), none, null, archived, most);
        end if;
    elsif is_cheap then
        ids := nexo.search_found(kind, nexo.search_query(indexed, none, places), checked, null, archived, most);
    else
        -- The smallest share; then whole words, and beginnings of those that are
        -- not too common; then beginnings, for a number of rows.
        ids := nexo.search_found(
            kind, nexo.search_query(indexed[:3], none, places[:1]), indexed[4:] || checked, many, archived, most);
        begun := array(select w.word from unnest(words[:at]) as w (word) where w.word = any (parts));
        foreach place in array places[2:] loop
            exit when cardinality(ids) >= most;
            ids := ids || nexo.search_found(kind, nexo.search_query(begun,
                array(select w.word from unnest(words) as w (word) where w.word <> all (begun)), array[place]),
                rest, null, archived, most);
        end loop;
        if at > 0 and parts <> none and cardinality(ids) < most then
            ids := ids || nexo.search_found(
                kind, nexo.search_query(words[:at], none, places[2:2]), words[at + 1:] || rest, tried, archived, most);
        end if;
    end if;
    ids := numbered || ids;
    if cardinality(names) + cardinality(ids) >= most then
        names := nexo.search_found(kind,
            format('''%s=%s''|''%s=%s''|''%s=%s''', places[1], named, places[2], named, places[3], named),
            spelt, null, archived, most) || names;
    end if;
    perform set_config('nexo.search', '', true);
    return query select u.id from unnest(names || ids) with ordinality as u (id, nth)
        group by u.id order by min(u.nth) limit most;
end
$$;

revoke nexo_search from current_user;
