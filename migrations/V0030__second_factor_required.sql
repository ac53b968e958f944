-- An account may ask its members for a second factor. Until a member has one,
-- their sessions may nothing but set it up.

create table nexo.account_settings (
    account_id             uuid primary key default nexo.current_account() references nexo.accounts on delete cascade,
    second_factor_required boolean not null default false,
    updated_at             timestamptz not null default now()
);
alter table nexo.account_settings enable row level security;
alter table nexo.account_settings force row level security;
create policy tenant on nexo.account_settings to nexo_app, nexo_auth
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
-- Every member may read them; the masks are numbers, as in nexo.protect.
create policy may_read on nexo.account_settings as restrictive for select to nexo_app
    using (account_id = nexo.account_that_may(0));
do $$
begin
    execute format('create policy may_create on nexo.account_settings as restrictive for insert to nexo_app
        with check (account_id = nexo.account_that_may(%s))', nexo.permission('account:admin'));
    execute format('create policy may_change on nexo.account_settings as restrictive for update to nexo_app
        using (account_id = nexo.account_that_may(%s))', nexo.permission('account:admin'));
end
$$;
create policy may_delete on nexo.account_settings as restrictive for delete to nexo_app using (false);
grant select, insert, update (second_factor_required, updated_at) on nexo.account_settings to nexo_app;
grant select on nexo.account_settings to nexo_auth;
create trigger audit after insert or update or delete on nexo.account_settings
    for each row execute function nexo.audit_change('settings', 'account_id');

-- On the card of a member: whether they have one, and whether it is asked for.
alter table nexo.memberships
    add column second_factor boolean not null default false,
    add column second_factor_required boolean not null default false;
grant update (second_factor) on nexo.memberships to nexo_auth;
grant update (second_factor_required) on nexo.memberships to nexo_app;
alter policy may_read on nexo.memberships
    using (nexo.may(nexo.permission('member:read')) or nexo.may(nexo.permission('role:manage'))
        or nexo.may(nexo.permission('account:admin')) or user_id = nexo.acting_user());
alter policy may_change on nexo.memberships
    using (nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage'))
        or nexo.may(nexo.permission('account:admin')));

-- The owner sees what is there already for as long as this takes.
alter table nexo.memberships no force row level security;
update nexo.memberships m set second_factor = true
from nexo.users u where u.id = m.user_id and u.second_factor_at is not null;
alter table nexo.memberships force row level security;

-- What a session of a member may: what the member may; or, as long as they lack
-- what is asked for, nothing but the bit that tells so, which no permission has.
create function nexo.session_permissions(member nexo.memberships) returns bigint
    language sql immutable parallel safe
    return case when member.second_factor_required and not member.second_factor then 1::bigint << 62
        else member.permissions end;

create or replace function nexo.set_session_permissions() returns trigger
    language plpgsql volatile
as $$
declare
    may constant bigint := nexo.session_permissions(new);
begin
    update nexo.sessions set permissions = may
    where account_id = new.account_id and user_id = new.user_id and permissions <> may;
    return null;
end
$$;
drop trigger keep_sessions on nexo.memberships;
create trigger keep_sessions after update on nexo.memberships
    for each row when (old.permissions <> new.permissions or old.second_factor <> new.second_factor
        or old.second_factor_required <> new.second_factor_required)
    execute function nexo.set_session_permissions();

create or replace function nexo.open_session() returns trigger
    language plpgsql volatile
as $$
declare
    member nexo.memberships;
begin
    update nexo.memberships set last_login_at = now()
    where account_id = new.account_id and user_id = new.user_id and disabled_at is null
    returning * into member;
    if not found then
        return null;
    end if;
    new.permissions := nexo.session_permissions(member);
    return new;
end
$$;

-- Of whoever joins, what is so then; of all members, what becomes so.
create function nexo.join_with_second_factor() returns trigger
    language plpgsql volatile
as $$
begin
    new.second_factor := (select u.second_factor_at is not null from nexo.users u where u.id = new.user_id);
    new.second_factor_required := coalesce((select s.second_factor_required from nexo.account_settings s
        where s.account_id = new.account_id), false);
    return new;
end
$$;
create trigger join_with_second_factor before insert on nexo.memberships
    for each row execute function nexo.join_with_second_factor();

create function nexo.tell_second_factor() returns trigger
    language plpgsql volatile
as $$
begin
    -- In the order in which others hold them too.
    perform from nexo.memberships where user_id = new.id order by account_id for no key update;
    update nexo.memberships set second_factor = new.second_factor_at is not null where user_id = new.id;
    return null;
end
$$;
create trigger tell_second_factor after update of second_factor_at on nexo.users
    for each row when ((old.second_factor_at is null) <> (new.second_factor_at is null))
    execute function nexo.tell_second_factor();

create function nexo.ask_for_second_factor() returns trigger
    language plpgsql volatile
as $$
begin
    perform nexo.hold_roles(new.account_id);
    update nexo.memberships set second_factor_required = new.second_factor_required
    where account_id = new.account_id and second_factor_required <> new.second_factor_required;
    return null;
end
$$;
create trigger ask_for_second_factor after insert or update of second_factor_required on nexo.account_settings
    for each row execute function nexo.ask_for_second_factor();

drop trigger audit on nexo.memberships;
create trigger audit after insert or delete or update of role, role_id, permissions, disabled_at on nexo.memberships
    for each row execute function nexo.audit_change('members', 'user_id', 'last_login_at', 'second_factor',
        'second_factor_required');

revoke all on function nexo.session_permissions(nexo.memberships), nexo.join_with_second_factor(),
    nexo.tell_second_factor(), nexo.ask_for_second_factor() from public;
grant execute on function nexo.session_permissions(nexo.memberships) to nexo_app, nexo_auth;
