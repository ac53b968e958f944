-- What invitations and sessions rest on: a member who has what the invitation
-- gives, and a membership that is still there.

-- An invitation goes with whoever sent it, in whatever way they go: this is
-- done by the owner of the table, whom a trigger's statement would show nothing.
alter table nexo.invitations no force row level security;
alter table nexo.memberships no force row level security;
delete from nexo.invitations i where i.invited_by is not null and not exists (select from nexo.memberships m
    where m.account_id = i.account_id and m.user_id = i.invited_by);
alter table nexo.invitations add constraint invitations_inviter_fkey
    foreign key (account_id, invited_by) references nexo.memberships (account_id, user_id) on delete cascade;
alter table nexo.invitations force row level security;
alter table nexo.memberships force row level security;
drop trigger withdraw_removed on nexo.memberships;

-- What a role comes to; null for one that there is not.
create function nexo.role_comes_to(account uuid, role text, role_id uuid) returns bigint
    language sql stable parallel safe
    return case when role = 'custom'
        then (select r.effective from nexo.roles r where r.account_id = account and r.id = role_id)
        else nexo.role_permissions(role) end;

-- Whether an invitation still stands: whoever invited is a member and has what
-- it gives. Those that a program made itself stand.
create function nexo.still_invites(account uuid, invited_by uuid, gives bigint) returns boolean
    language sql stable parallel safe
    return invited_by is null or exists (select from nexo.memberships m
        where m.account_id = account and m.user_id = invited_by and gives & ~m.permissions = 0);

create or replace function nexo.invite_within() returns trigger
    language plpgsql volatile
as $$
declare
    gives bigint;
begin
    perform nexo.hold_roles(new.account_id);
    gives := nexo.role_comes_to(new.account_id, new.role, new.role_id);
    if gives is null then
        raise exception 'no such role' using errcode = 'foreign_key_violation', constraint = 'invitations_role_fkey',
            table = 'invitations', schema = 'nexo';
    end if;
    perform nexo.refuse_beyond(0, gives);
    if not nexo.still_invites(new.account_id, new.invited_by, gives) then
        raise exception 'beyond the own permissions' using errcode = 'NX403';
    end if;
    return new;
end
$$;

-- Nobody takes back what gives more than they have themselves. What ended
-- already goes with whoever tidies up.
create function nexo.withdraw_within() returns trigger
    language plpgsql volatile
as $$
begin
    perform nexo.refuse_beyond(coalesce(nexo.role_comes_to(old.account_id, old.role, old.role_id), 0), 0);
    return old;
end
$$;
create trigger withdraw_within before delete on nexo.invitations
    for each row when (current_user = 'nexo_app' and old.accepted_at is null and old.expires_at > now())
    execute function nexo.withdraw_within();

-- As before, and an invitation to a role that has become more than whoever
-- invited has is withdrawn.
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
        where account_id = account and role_id = changed.id;
    end loop;
    delete from nexo.invitations i
    where i.account_id = account and i.accepted_at is null
        and not nexo.still_invites(account, i.invited_by, nexo.role_comes_to(account, i.role, i.role_id));
end
$$;

-- The cards of a user in the order in which others hold them too.
create or replace function nexo.rename_member() returns trigger
    language plpgsql volatile
as $$
begin
    perform from nexo.memberships where user_id = new.id order by account_id for no key update;
    update nexo.memberships set name = new.name, email = new.email where user_id = new.id;
    return null;
end
$$;

-- A session of somebody who is no member any more is none.
create or replace function nexo.open_session() returns trigger
    language plpgsql volatile
as $$
begin
    update nexo.memberships set last_login_at = now()
    where account_id = new.account_id and user_id = new.user_id
    returning permissions into new.permissions;
    if not found then
        return null;
    end if;
    return new;
end
$$;

revoke all on function nexo.role_comes_to(uuid, text, uuid), nexo.still_invites(uuid, uuid, bigint),
    nexo.withdraw_within() from public;
grant execute on function nexo.role_comes_to(uuid, text, uuid), nexo.still_invites(uuid, uuid, bigint) to nexo_app;
