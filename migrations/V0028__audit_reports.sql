-- Reports from the audit log: what few of its entries are about is found
-- without a look at the others.

create index audit_log_permissions on nexo.audit_log (account_id, id)
    where subject in ('members', 'roles', 'invitations', 'api_keys');
create index audit_log_sign_in_failures on nexo.audit_log (account_id, id)
    where action in ('fail_login', 'token_reuse');
