-- Invitations: how somebody becomes a member.

-- Whoever has the token may accept, so it is kept as a hash.
create table nexo.invitations (
    account_id  uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id          uuid not null,
    email       text not null check (length(email) between 3 and 254),
    role        text not null check (role in ('owner', 'admin', 'manager', 'member', 'viewer', 'custom')),
    role_id     uuid,
    token_hash  bytea not null check (length(token_hash) = 32),
    invited_by  uuid,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    accepted_at timestamptz,
    primary key (account_id, id),
    constraint invitations_token_unique unique (account_id, token_hash),
    constraint invitations_role_fkey foreign key (account_id, role_id) references nexo.roles on delete cascade,
    constraint invitations_role_pair check ((role = 'custom') = (role_id is not null))
);
create index invitations_created on nexo.invitations (account_id, created_at);
create index invitations_role on nexo.invitations (account_id, role_id);
create index invitations_inviter on nexo.invitations (account_id, invited_by);

alter table nexo.invitations enable row level security;
alter table nexo.invitations force row level security;
create policy tenant on nexo.invitations to nexo_app, nexo_auth
    using (account_id = nexo.current_account())
    with check (account_id = nexo.current_account());
create policy may_read on nexo.invitations as restrictive for select to nexo_app
    using (nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage')));
create policy may_create on nexo.invitations as restrictive for insert to nexo_app
    with check (nexo.may(nexo.permission('member:manage')));
create policy may_change on nexo.invitations as restrictive for update to nexo_app using (false);
create policy may_delete on nexo.invitations as restrictive for delete to nexo_app
    using (nexo.may(nexo.permission('member:manage')) or nexo.may(nexo.permission('role:manage')));
grant select (account_id, id, email, role, role_id, invited_by, created_at, expires_at, accepted_at), insert, delete
    on nexo.invitations to nexo_app;
grant select, update (accepted_at) on nexo.invitations to nexo_auth;

-- Nobody invites to more than they have themselves.
create function nexo.invite_within() returns trigger
    language plpgsql volatile
as $$
declare
    gets bigint;
begin
    perform nexo.hold_roles(new.account_id);
    gets := case
        when new.role = 'custom'
            then (select r.effective from nexo.roles r where r.account_id = new.account_id and r.id = new.role_id)
        else nexo.role_permissions(new.role)
    end;
    if gets is not null then
        perform nexo.refuse_beyond(0, gets);
        -- Whoever was given less while this waited has invited nobody either.
        if new.invited_by is not null and not exists (select from nexo.memberships m
            where m.account_id = new.account_id and m.user_id = new.invited_by and gets & ~m.permissions = 0)
        then
            raise exception 'beyond the own permissions' using errcode = 'NX403';
        end if;
    end if;
    return new;
end
$$;
create trigger invite_within before insert on nexo.invitations
    for each row execute function nexo.invite_within();

-- Who may less, or is no member any more, has invited nobody.
create function nexo.withdraw_invitations() returns trigger
    language plpgsql volatile
as $$
begin
    delete from nexo.invitations where account_id = old.account_id and invited_by = old.user_id and accepted_at is null;
    return null;
end
$$;
create trigger withdraw_fewer after update of role, role_id, permissions on nexo.memberships
    for each row when (old.permissions & ~new.permissions <> 0) execute function nexo.withdraw_invitations();
create trigger withdraw_removed after delete on nexo.memberships
    for each row execute function nexo.withdraw_invitations();

revoke all on function nexo.invite_within(), nexo.withdraw_invitations() from public;
