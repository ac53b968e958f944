-- What holds for the whole account is among what people may.

drop index nexo.audit_log_permissions;
create index audit_log_permissions on nexo.audit_log (account_id, id)
    where subject in ('members', 'roles', 'invitations', 'api_keys', 'settings');
