-- Members who are held out for a while, and those who go by themselves.

-- Whoever is disabled is still a member, with the role they will have again,
-- but may nothing; their sessions end, and their keys come to nothing.
alter table nexo.memberships add column disabled_at timestamptz;
grant update (disabled_at) on nexo.memberships to nexo_app;

alter table nexo.sessions drop constraint sessions_revoked_for_check;
alter table nexo.sessions add constraint sessions_revoked_for_check
    check (revoked_for in ('logout', 'logout_everywhere', 'password_change', 'token_reuse', 'disabled'));
-- What of sessions follows from a membership is done by triggers alone, and
-- none that has ended begins again.
create policy may_change on nexo.sessions as restrictive for update to nexo_app
    using (revoked_at is null and pg_trigger_depth() > 0) with check (pg_trigger_depth() > 0);
grant update (revoked_at, revoked_for) on nexo.sessions to nexo_app;

-- A member gets what the role comes to, unless disabled, and an account keeps
-- an owner who is not. What somebody has who is disabled is their role's all
-- the same, for those who would take it from them.
create or replace function nexo.set_member_permissions() returns trigger
    language plpgsql volatile
as $$
declare
    is_app constant boolean := current_user = 'nexo_app';
    comes_to bigint;
begin
    perform nexo.hold_roles(coalesce(new.account_id, old.account_id));
    if tg_op <> 'INSERT' and is_app then
        -- Whoever leaves by themselves needs nothing for it.
        if tg_op <> 'DELETE' or old.user_id is distinct from nexo.acting_user() then
            perform nexo.refuse_beyond(coalesce(nexo.role_comes_to(old.account_id, old.role, old.role_id), -1), 0);
        end if;
        if old.role = 'owner' and old.disabled_at is null
            and (tg_op = 'DELETE' or new.role <> 'owner' or new.disabled_at is not null)
            and not exists (select from nexo.memberships m
                where m.account_id = old.account_id and m.role = 'owner' and m.disabled_at is null
                    and m.user_id <> old.user_id)
        then
            raise exception 'the last owner' using errcode = 'NX409';
        end if;
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    comes_to := nexo.role_comes_to(new.account_id, new.role, new.role_id);
    if comes_to is null then
        raise exception 'no such role' using errcode = 'foreign_key_violation', constraint = 'memberships_role_fkey',
            table = 'memberships', schema = 'nexo';
    end if;
    new.permissions := case when new.disabled_at is null then comes_to else 0 end;
    if tg_op = 'INSERT' then
        select u.email, u.name into new.email, new.name from nexo.users u where u.id = new.user_id;
    elsif is_app then
        perform nexo.refuse_beyond(0, comes_to);
    end if;
    return new;
end
$$;
drop trigger set_permissions on nexo.memberships;
create trigger set_permissions before insert or update of role, role_id, disabled_at or delete on nexo.memberships
    for each row execute function nexo.set_member_permissions();

create function nexo.end_sessions_of_disabled() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.sessions set revoked_at = now(), revoked_for = 'disabled'
    where account_id = new.account_id and user_id = new.user_id and revoked_at is null;
    return null;
end
$$;
create trigger end_sessions after update of disabled_at on nexo.memberships
    for each row when (old.disabled_at is null and new.disabled_at is not null)
    execute function nexo.end_sessions_of_disabled();

-- What is set by triggers before the row is not among the columns of a
-- statement, so these look at whatever was changed.
drop trigger keep_sessions on nexo.memberships;
create trigger keep_sessions after update on nexo.memberships
    for each row when (old.permissions <> new.permissions) execute function nexo.set_session_permissions();
drop trigger keep_keys on nexo.memberships;
create trigger keep_keys after update on nexo.memberships
    for each row when (old.permissions <> new.permissions) execute function nexo.set_key_permissions();
drop trigger withdraw_fewer on nexo.memberships;
create trigger withdraw_fewer after update on nexo.memberships
    for each row when (old.permissions & ~new.permissions <> 0) execute function nexo.withdraw_invitations();
drop trigger audit on nexo.memberships;
create trigger audit after insert or delete or update of role, role_id, permissions, disabled_at on nexo.memberships
    for each row execute function nexo.audit_change('members', 'user_id', 'last_login_at');

-- A session of somebody who is disabled, or no member any more, is none.
create or replace function nexo.open_session() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.memberships set last_login_at = now()
    where account_id = new.account_id and user_id = new.user_id and disabled_at is null
    returning permissions into new.permissions;
    if not found then
        return null;
    end if;
    return new;
end
$$;

-- As before, but of those who are disabled.
create or replace function nexo.add_up_roles(account uuid) returns void
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
        where account_id = account and role_id = changed.id and disabled_at is null;
    end loop;
    delete from nexo.invitations i
    where i.account_id = account and i.accepted_at is null
        and not nexo.still_invites(account, i.invited_by, nexo.role_comes_to(account, i.role, i.role_id));
end
$$;

create or replace procedure nexo.renew_permissions()
    language plpgsql
as $$
declare
    kind text;
    kinds constant text[] :=
        array['roles', 'role_parents', 'memberships', 'sessions', 'api_keys', 'invitations', 'audit_log'];
    account uuid;
begin
    perform set_config('nexo.actor', encode('{"reason": "migration"}', 'base64'), true);
    foreach kind in array kinds loop
        execute format('alter table nexo.%I no force row level security', kind);
    end loop;
    update nexo.memberships set permissions = nexo.role_permissions(role)
    where role <> 'custom' and disabled_at is null and permissions <> nexo.role_permissions(role);
    for account in select distinct account_id from nexo.roles loop
        perform nexo.add_up_roles(account);
    end loop;
    delete from nexo.invitations i where i.accepted_at is null
        and not nexo.still_invites(i.account_id, i.invited_by, nexo.role_comes_to(i.account_id, i.role, i.role_id));
    foreach kind in array kinds loop
        execute format('alter table nexo.%I force row level security', kind);
    end loop;
    perform set_config('nexo.actor', '', true);
end
$$;

-- Everybody may see that they are a member, and leave; but by no key.
alter policy may_read on nexo.memberships
    using (nexo.may(nexo.permission('member:read')) or nexo.may(nexo.permission('role:manage'))
        or user_id = nexo.acting_user());
alter policy may_delete on nexo.memberships
    using (nexo.may(nexo.permission('member:manage'))
        or user_id = nexo.acting_user() and nexo.current_key() is null);

revoke all on function nexo.end_sessions_of_disabled() from public;
grant execute on function nexo.role_comes_to(uuid, text, uuid) to nexo_auth;
