-- Whatever sets the permissions of a member, sets what they come to.

drop trigger set_permissions on nexo.memberships;
create trigger set_permissions
    before insert or update of role, role_id, permissions, disabled_at or delete on nexo.memberships
    for each row execute function nexo.set_member_permissions();
