//! What the database must look like before NEXO serves from it.
//!
//! Each check is a query that returns one text a violation, run by the role
//! that it is about. A table that somebody adds later is checked like the
//! others, without another line here.

use futures_util::future::try_join_all;
use tokio_postgres::Client;

use super::migrate::chain;
use crate::error::{Error, Result};

struct Check {
    /// What is wrong with what the query names, and how to mend it.
    finding: &'static str,
    sql: &'static str,
}

/// The oldest release of each major version without known ways around
/// row-level security.
const FLOORS: &[(i32, i32)] = &[(15, 18), (16, 14), (17, 10), (18, 4)];

/// About the role that is connected.
const ROLE: &[Check] = &[
    Check {
        finding: "is more than an ordinary role (SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB or REPLICATION); take that from it",
        sql: "select rolname::text from pg_roles
              where rolname = current_user
                and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    },
    Check {
        finding: "is a role that the run-time role can become; revoke the membership",
        sql: "select pg_get_userbyid(m.roleid)::text from pg_auth_members m join pg_roles r on r.oid = m.member
              where r.rolname = current_user
                -- It becomes that for a transaction, and is held by more then.
                and not (r.rolname = 'nexo_app' and pg_get_userbyid(m.roleid) = 'nexo_limited'
                         and not pg_has_role(r.oid, m.roleid, 'usage'))",
    },
    Check {
        finding: "is owned by the run-time role; give it to the owner of the schema",
        sql: "select c.oid::regclass::text from pg_class c
              where pg_get_userbyid(c.relowner) = current_user and c.relpersistence <> 't'
              union all
              select nspname::text from pg_namespace
              where pg_get_userbyid(nspowner) = current_user and nspname !~ '^pg_'
              union all
              select p.oid::regprocedure::text from pg_proc p where pg_get_userbyid(p.proowner) = current_user
              union all
              select datname::text from pg_database where pg_get_userbyid(datdba) = current_user",
    },
    Check {
        finding: "is a schema in which the run-time role may create; revoke CREATE from it and from PUBLIC",
        sql: "select nspname::text from pg_namespace
              where nspname !~ '^pg_' and nspname <> 'information_schema'
                and has_schema_privilege(current_user, oid, 'create')",
    },
    Check {
        finding: "lets statements run without end; alter role … set statement_timeout = '25s'",
        sql: "select current_user::text where current_setting('statement_timeout') = '0'",
    },
    Check {
        finding: "is outside of the schema nexo and open to the run-time role; revoke that",
        sql: "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname !~ '^pg_' and n.nspname not in ('nexo', 'information_schema')
                and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
                and (has_any_column_privilege(current_user, c.oid, 'select, insert, update')
                     or has_table_privilege(current_user, c.oid, 'delete'))",
    },
    Check {
        finding: "is a function outside of the schema nexo that gives the run-time role its owner's rights; revoke EXECUTE",
        sql: "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname !~ '^pg_' and n.nspname not in ('nexo', 'information_schema') and p.prosecdef
                and not exists (select from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
                and has_function_privilege(current_user, p.oid, 'execute')",
    },
    Check {
        finding: "can be truncated, referenced or given triggers by the run-time role; revoke that",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
                and has_table_privilege(current_user, c.oid, 'truncate, references, trigger')",
    },
];

/// About the objects of the schema, for whoever is connected. The bodies of
/// the two functions are compared with what the migrations made: every policy
/// rests on them.
const OBJECTS: &[Check] = &[
    Check {
        finding: "has no row-level security, or it is not forced on the owner",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
                and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id')
                and not (c.relrowsecurity and c.relforcerowsecurity)",
    },
    Check {
        finding: "has rows of accounts and no policy",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
                and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id')
                and not exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive)",
    },
    Check {
        finding: "is a policy that does not ask for the account or the user, or lets write what it does not show",
        sql: "select format('%s on %s', p.polname, p.polrelid::regclass) from pg_policy p
              join pg_class c on c.oid = p.polrelid
              where c.relnamespace = 'nexo'::regnamespace
                and p.polpermissive
                and p.polroles <> array(select oid from pg_roles where rolname = 'nexo_search')
                -- The owner can do anything anyway, and adds to the audit log what it deletes.
                and not (c.relname = 'audit_log' and p.polroles = array[c.relowner] and p.polcmd = 'a')
                and (coalesce(regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\\s+', ' ', 'g'), '') not in
                        ('(account_id = nexo.current_account())', '(user_id = nexo.current_user_id())',
                         -- Of a sign-in at a provider: whoever shows its token, and the identity that it names.
                         '((id = nexo.current_sign_in()) OR (expires_at < now()))', '((user_id = nexo.current_user_id()) OR (EXISTS ( SELECT FROM nexo.oidc_sign_ins s WHERE ((s.id = nexo.current_sign_in()) AND (s.issuer = external_identities.issuer) AND (s.subject = external_identities.subject)))))')
                     or (p.polcmd <> 'r' and pg_get_expr(p.polwithcheck, p.polrelid) is distinct from pg_get_expr(p.polqual, p.polrelid)))",
    },
    Check {
        finding: "is a policy that shows tenants' statements rows by user instead of by account",
        sql: "select format('%s on %s', p.polname, p.polrelid::regclass) from pg_policy p
              join pg_class c on c.oid = p.polrelid
              where c.relnamespace = 'nexo'::regnamespace and p.polpermissive
                and (0 = any(p.polroles) or (select oid from pg_roles where rolname = 'nexo_app') = any(p.polroles))
                and pg_get_expr(p.polqual, p.polrelid) is distinct from '(account_id = nexo.current_account())'",
    },
    Check {
        finding: "is a policy of nexo_search that does not hold it to the account and to what is searched for",
        sql: "select format('%s on %s', p.polname, p.polrelid::regclass) from pg_policy p
              join pg_class c on c.oid = p.polrelid
              where c.relnamespace = 'nexo'::regnamespace and p.polpermissive
                and p.polroles = array(select oid from pg_roles where rolname = 'nexo_search')
                and (p.polcmd <> 'r'
                     or pg_get_expr(p.polqual, p.polrelid) not like
                        '((NOT (account_id IS DISTINCT FROM nexo.current_account())) AND (nexo.search_document(account_id, id, %) @@ nexo.current_search())'
                        || case when exists (select from pg_attribute a where a.attrelid = p.polrelid and a.attname = 'owner_id')
                            then ' AND %nexo.sees(%, owner_id)%)' else ')' end)",
    },
    Check {
        finding: "has two permissive policies for one role and command, which are joined by OR",
        sql: "select a.polrelid::regclass::text from pg_policy a
              join pg_policy b on b.polrelid = a.polrelid and b.oid > a.oid
              join pg_class c on c.oid = a.polrelid
              where c.relnamespace = 'nexo'::regnamespace and a.polpermissive and b.polpermissive
                and (a.polroles && b.polroles or 0 = any(a.polroles) or 0 = any(b.polroles))
                and (a.polcmd = b.polcmd or '*' in (a.polcmd, b.polcmd))",
    },
    Check {
        finding: "can be read or written by nexo_app and has no row-level security",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'm', 'f')
                and not c.relrowsecurity
                and (has_any_column_privilege('nexo_app', c.oid, 'insert, update')
                     or has_table_privilege('nexo_app', c.oid, 'delete')
                     or c.relname <> 'schema_history' and has_any_column_privilege('nexo_app', c.oid, 'select'))",
    },
    Check {
        finding: "can be read or written by nexo_auth and is not identity; revoke that",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and c.relname not in ('accounts', 'users', 'memberships', 'sessions', 'refresh_tokens', 'signing_keys', 'login_attempts',
                    'one_time_tokens', 'oidc_sign_ins', 'external_identities', 'roles', 'invitations', 'api_keys', 'account_settings',
                    'audit_log')
                and (has_any_column_privilege('nexo_auth', c.oid, 'select, insert, update')
                     or has_table_privilege('nexo_auth', c.oid, 'delete'))",
    },
    Check {
        finding: "is a rule, which does other than the statement says; drop it",
        sql: "select format('%s on %s', r.rulename, r.ev_class::regclass) from pg_rewrite r
              join pg_class c on c.oid = r.ev_class
              where c.relnamespace = 'nexo'::regnamespace and r.rulename <> '_RETURN'",
    },
    Check {
        finding: "is a trigger that runs with its function's owner's rights",
        sql: "select format('%s on %s', t.tgname, t.tgrelid::regclass) from pg_trigger t
              join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
              where c.relnamespace = 'nexo'::regnamespace and not t.tgisinternal and p.prosecdef",
    },
    Check {
        finding: "is a view that reads with its owner's rights; set security_invoker",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind = 'v'
                and not coalesce(c.reloptions::text[] && array['security_invoker=true', 'security_invoker=on'], false)",
    },
    Check {
        // Those that search, that know who is of a team, and that take out of the log what
        // is to be kept no longer, do, as roles that are held by policies of their own.
        finding: "is a function that runs with its owner's rights, or claims to be leakproof",
        sql: "select p.oid::regprocedure::text from pg_proc p
              left join (values ('search_ids', 'nexo_search', '{nexo_app,nexo_limited}'::text[]),
                      ('visible_to', 'nexo_team', '{nexo_limited}'), ('task_leads_back', 'nexo_team', '{nexo_limited}'),
                      ('expire_audit', 'nexo_keeper', '{nexo_app}'),
                      ('erase_record', 'nexo_keeper', '{nexo_app}'), ('erase_user', 'nexo_keeper', '{nexo_auth}')
                  ) as known (name, owner, callers)
                  on known.name = p.proname and known.owner = pg_get_userbyid(p.proowner)
              where p.pronamespace = 'nexo'::regnamespace
                and (p.proleakproof
                     or p.prosecdef and (known.name is null
                        or not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
                        or exists (select from aclexplode(p.proacl) a
                            where a.grantee = 0 or pg_get_userbyid(a.grantee) <> all (known.callers || known.owner::text))))",
    },
    Check {
        finding: "can be logged in as, or is more than an ordinary role; it must be neither",
        sql: "select rolname::text from pg_roles
              where rolname in ('nexo_search', 'nexo_limited', 'nexo_team', 'nexo_keeper')
                and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    },
    Check {
        finding: "is more than nexo_keeper needs; revoke it",
        sql: "select format('%s of %s', command.name, c.oid::regclass) from pg_class c
              cross join (values ('insert'), ('update'), ('delete'), ('truncate')) as command (name)
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and (c.relname::text, command.name) not in (values ('audit_log', 'insert'), ('audit_log', 'update'), ('audit_log', 'delete'),
                    ('audit_seals', 'delete'), ('import_chunks', 'delete'), ('import_rows', 'update'),
                    ('idempotency_keys', 'update'), ('memberships', 'delete'), ('invitations', 'delete'), ('users', 'delete'))
                and case when command.name in ('insert', 'update') then has_any_column_privilege('nexo_keeper', c.oid, command.name)
                    else has_table_privilege('nexo_keeper', c.oid, command.name) end
              union all
              select format('update of %s.%s', a.attrelid::regclass, a.attname) from pg_attribute a
              where a.attrelid = 'nexo.audit_log'::regclass and a.attnum > 0 and not a.attisdropped
                and a.attname not in ('before', 'after', 'salt', 'content_digest', 'erased_by')
                and has_column_privilege('nexo_keeper', a.attrelid, a.attnum, 'update')",
    },
    Check {
        // What is left out is no change that anybody makes: a key, a file in
        // pieces, a session's permissions that follow a role.
        finding: "is changed without an entry in the audit log; give it the trigger",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
                and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id')
                and (has_any_column_privilege('nexo_app', c.oid, 'insert, update') or has_table_privilege('nexo_app', c.oid, 'delete'))
                and c.relname not in ('audit_log', 'audit_seals', 'idempotency_keys', 'import_chunks', 'import_rows', 'sessions')
                and (select bit_or(t.tgtype::int) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                     where t.tgrelid = c.oid and p.oid in ('nexo.audit_change'::regproc, 'nexo.audit_part'::regproc, 'nexo.audit_import'::regproc)
                       and t.tgenabled = 'O') & 28 is distinct from 28
              union all
              select 'nexo.' || own.kind from (values ('sessions', 'audit_session'), ('users', 'audit_user'),
                  ('external_identities', 'audit_identity')) as own (kind, does)
              where not exists (select from pg_trigger t where t.tgrelid = ('nexo.' || own.kind)::regclass
                  and t.tgfoid = ('nexo.' || own.does)::regproc and t.tgenabled = 'O')",
    },
    Check {
        finding: "lets nexo_app change sessions by other ways than triggers; let it be as the migrations made it",
        sql: "select 'nexo.sessions' where not exists (select from pg_policy p
                  where p.polrelid = 'nexo.sessions'::regclass and p.polname = 'may_change' and not p.polpermissive
                    and p.polcmd = 'w' and p.polroles = array(select oid from pg_roles where rolname = 'nexo_app')
                    and pg_get_expr(p.polqual, p.polrelid) = '((revoked_at IS NULL) AND (pg_trigger_depth() > 0))'
                    and pg_get_expr(p.polwithcheck, p.polrelid) = '(pg_trigger_depth() > 0)')",
    },
    Check {
        finding: "can be written by nexo_auth, or its secrets be read by nexo_app; revoke that",
        sql: "select 'nexo.api_keys' where has_table_privilege('nexo_auth', 'nexo.api_keys', 'insert, update, delete')
                  or has_any_column_privilege('nexo_auth', 'nexo.api_keys', 'insert')
                  or exists (select from pg_attribute a where a.attrelid = 'nexo.api_keys'::regclass and a.attnum > 0
                      and a.attname <> 'last_used_at' and has_column_privilege('nexo_auth', a.attrelid, a.attnum, 'update'))
                  or has_column_privilege('nexo_app', 'nexo.api_keys', 'token_hash', 'select')",
    },
    Check {
        finding: "can change entries of the audit log; revoke that",
        sql: "select role from unnest('{nexo_app,nexo_auth,nexo_search,nexo_limited,nexo_team}'::text[]) as role
              cross join unnest('{audit_log,audit_seals}'::text[]) as kept
              where has_any_column_privilege(role, 'nexo.' || kept, 'update')
                 or has_table_privilege(role, 'nexo.' || kept, 'delete, truncate')",
    },
    Check {
        finding: "is a role that nexo_search, nexo_limited, nexo_team or nexo_keeper can become; revoke the membership",
        sql: "select pg_get_userbyid(m.roleid)::text from pg_auth_members m join pg_roles r on r.oid = m.member
              where r.rolname in ('nexo_search', 'nexo_limited', 'nexo_team', 'nexo_keeper')",
    },
    Check {
        finding: "can be changed by nexo_search or nexo_team; revoke that",
        sql: "select c.oid::regclass::text from pg_class c cross join unnest('{nexo_search,nexo_team}'::text[]) as role
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and (has_any_column_privilege(role, c.oid, 'insert, update')
                     or has_table_privilege(role, c.oid, 'delete, truncate'))",
    },
    Check {
        finding: "is open to nexo_team, which needs no more than who is in which department, and which task is of which; revoke that",
        sql: "select format('%s.%s', c.oid::regclass, a.attname) from pg_class c
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and has_column_privilege('nexo_team', c.oid, a.attnum, 'select')
                and (c.relname not in ('employees', 'departments', 'tasks')
                     or a.attname not in ('account_id', 'id', 'user_id', 'department_id', 'parent_id'))",
    },
    Check {
        finding: "is open to nexo_limited, or has records with an owner and no policy only_visible that holds it; let it be as the migrations made it",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and (has_any_column_privilege('nexo_limited', c.oid, 'select, insert, update')
                     or has_table_privilege('nexo_limited', c.oid, 'delete, truncate, references, trigger'))
                and case
                    when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'owner_id')
                    then not exists (select from pg_policy p
                        where p.polrelid = c.oid and p.polname = 'only_visible' and not p.polpermissive and p.polcmd = '*'
                          and p.polroles = array(select oid from pg_roles where rolname = 'nexo_limited')
                          and pg_get_expr(p.polqual, p.polrelid)
                              ~ '^\\(?nexo\\.sees\\(\\D*[0-9]+\\D+[0-9]+\\D+, owner_id\\)( OR nexo\\.sees\\(\\D*[0-9]+\\D+[0-9]+\\D+, assignee_employee_id\\)\\))?$'
                          and pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid))
                    when c.relname in ('sessions', 'api_keys', 'audit_log')
                    then has_any_column_privilege('nexo_limited', c.oid, 'update')
                        or has_table_privilege('nexo_limited', c.oid, 'delete')
                        or c.relname = 'audit_log' and has_any_column_privilege('nexo_limited', c.oid, 'select')
                        or c.relname = 'api_keys' and has_column_privilege('nexo_limited', c.oid, 'token_hash', 'select')
                    else c.relname not in ('departments', 'employees', 'idempotency_keys')
                end",
    },
    Check {
        finding: "can be read by nexo_search and has no policy for it",
        sql: "select c.oid::regclass::text from pg_class c
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and has_any_column_privilege('nexo_search', c.oid, 'select')
                and not exists (select from pg_policy p
                    where p.polrelid = c.oid and p.polroles = array(select oid from pg_roles where rolname = 'nexo_search'))",
    },
    Check {
        finding: "is a function of the policies and must be STABLE and as the migrations made it",
        sql: "select p.oid::regprocedure::text from pg_proc p
              join (values ('current_account', 'nexo.account_id'), ('current_user_id', 'nexo.user_id'),
                    ('current_key', 'nexo.key_id'), ('current_sign_in', 'nexo.sign_in_id')) as made (name, setting)
                on made.name = p.proname
              where p.pronamespace = 'nexo'::regnamespace
                and (p.provolatile <> 's'
                     or pg_get_function_sqlbody(p.oid) is distinct from
                        format('RETURN (NULLIF(current_setting(%L::text, true), ''''::text))::uuid', made.setting))",
    },
    Check {
        finding: "is a function of what may be done and must be STABLE and as the migrations made it",
        sql: "select p.oid::regprocedure::text from pg_proc p
              join (values
                    ('may', 'RETURN ((COALESCE((NULLIF(current_setting(''nexo.permissions''::text, true), ''''::text))::bigint, (0)::bigint) & needed) = needed)'),
                    ('account_that_may', 'RETURN CASE WHEN ((COALESCE((NULLIF(current_setting(''nexo.permissions''::text, true), ''''::text))::bigint, (0)::bigint) & needed) = needed) THEN (NULLIF(current_setting(''nexo.account_id''::text, true), ''''::text))::uuid ELSE NULL::uuid END'),
                    ('sees', 'RETURN (((COALESCE((NULLIF(current_setting(''nexo.permissions''::text, true), ''''::text))::bigint, (0)::bigint) & all_of) = all_of) OR (strpos(current_setting(''nexo.own''::text, true), (owner)::text) > 0) OR (((COALESCE((NULLIF(current_setting(''nexo.permissions''::text, true), ''''::text))::bigint, (0)::bigint) & of_team) = of_team) AND (strpos(current_setting(''nexo.team''::text, true), (owner)::text) > 0)))'),
                    ('acting_user', 'RETURN ((nexo.actor() ->> ''user''::text))::uuid'),
                    ('actor', 'RETURN (convert_from(decode(NULLIF(current_setting(''nexo.actor''::text, true), ''''::text), ''base64''::text), ''UTF8''::name))::jsonb')
                ) as made (name, body) on made.name = p.proname
              where p.pronamespace = 'nexo'::regnamespace
                and (p.provolatile <> 's' or pg_get_function_sqlbody(p.oid) is distinct from made.body)",
    },
    Check {
        // A session and an idempotency key are the caller's own, whatever they may;
        // what only triggers do is as good as refused.
        finding: "is open to nexo_app whatever the scope may; give it a restrictive policy for each command",
        sql: "select format('%s for %s', c.oid::regclass, command.name) from pg_class c
              cross join (values ('select', 'r'), ('insert', 'a'), ('update', 'w'), ('delete', 'd')) as command (name, letter)
              where c.relnamespace = 'nexo'::regnamespace and c.relkind in ('r', 'p')
                and c.relname not in ('sessions', 'idempotency_keys')
                and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id')
                and case when command.name = 'delete' then has_table_privilege('nexo_app', c.oid, 'delete')
                    else has_any_column_privilege('nexo_app', c.oid, command.name) end
                and not exists (select from pg_policy p
                    where p.polrelid = c.oid and not p.polpermissive and p.polcmd::text in (command.letter, '*')
                      and pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid) ~ 'nexo\\.(account_that_)?may\\(|^false$|^\\(\\(pg_trigger_depth\\(\\) > 0\\) OR \\(action = ''refuse''::text\\)\\)$'
                      and (0 = any(p.polroles) or (select oid from pg_roles where rolname = 'nexo_app') = any(p.polroles)))",
    },
    Check {
        finding: "is a foreign key between accounts' tables without account_id",
        sql: "select format('%s on %s', k.conname, k.conrelid::regclass) from pg_constraint k
              join pg_class c on c.oid = k.conrelid
              join pg_attribute own on own.attrelid = k.conrelid and own.attname = 'account_id'
              join pg_attribute other on other.attrelid = k.confrelid and other.attname = 'account_id'
              where c.relnamespace = 'nexo'::regnamespace and k.contype = 'f'
                and not exists (
                    select from unnest(k.conkey, k.confkey) as pair (here, there)
                    where pair.here = own.attnum and pair.there = other.attnum)",
    },
    Check {
        // Identity is kept by user too: what nexo_app cannot write, and the two tables
        // of which it changes what members may.
        finding: "is an index of an accounts' table that does not lead with account_id",
        sql: "select i.indexrelid::regclass::text from pg_index i
              join pg_class c on c.oid = i.indrelid
              join pg_attribute own on own.attrelid = i.indrelid and own.attname = 'account_id'
              left join pg_attribute by_user on by_user.attrelid = i.indrelid and by_user.attname = 'user_id'
              where c.relnamespace = 'nexo'::regnamespace
                and i.indkey[0] <> own.attnum
                -- Lexemes of a search begin with their account.
                and not (not i.indisunique
                         and pg_get_indexdef(i.indexrelid) like '% USING gin (nexo.search_document(account_id, id, %')
                and (i.indkey[0] is distinct from by_user.attnum
                     or c.relname not in ('memberships', 'sessions')
                        and has_any_column_privilege('nexo_app', c.oid, 'insert, update'))",
    },
];

/// Refuses a role that could get around the policies.
pub(super) async fn check_role(client: &Client) -> Result<()> {
    refuse(&findings(client, ROLE).await?)
}

/// Refuses a release or a schema that isolation cannot rest on.
pub(super) async fn check_objects(client: &Client) -> Result<()> {
    check_release(client).await?;
    check_letters(client).await?;
    refuse(&findings(client, OBJECTS).await?)
}

/// What is wrong, by name. The queries travel together. Like all that is asked
/// here they run once, and are not prepared: a pooler may be in between.
async fn findings(client: &Client, checks: &[Check]) -> Result<Vec<String>> {
    let found = try_join_all(checks.iter().map(|check| client.query_typed(check.sql, &[])));
    let found = found.await.map_err(|error| {
        Error::setup(format!("the database cannot be checked: {}", chain(&error))).because(error)
    })?;
    let texts = checks.iter().zip(&found).flat_map(|(check, rows)| {
        rows.iter().map(|row| format!("{} {}", row.get::<_, &str>(0), check.finding))
    });
    Ok(texts.collect())
}

fn refuse(findings: &[String]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Error::setup(format!("the database does not isolate accounts: {}", findings.join("; "))))
}

/// Refuses a database that takes no letter but A to Z for one, or that has
/// another I than everybody: search would find less than it tells.
async fn check_letters(client: &Client) -> Result<()> {
    let found = client
        .query_typed(
            "select datctype::text from pg_database
             where datname = current_database() and (lower('I') <> 'i' or 'я' !~ '[[:alnum:]]')",
            &[],
        )
        .await
        .map_err(|error| Error::setup("the database tells no locale").because(error))?;
    match found.first() {
        Some(row) => Err(Error::setup(format!(
            "the database's locale ({}) does not know all letters, which search needs; make the database with \
             another one: create database … template template0 encoding 'UTF8' locale 'C.UTF-8'",
            row.get::<_, &str>(0)
        ))),
        None => Ok(()),
    }
}

async fn check_release(client: &Client) -> Result<()> {
    let number: i32 = client
        .query_typed("select current_setting('server_version_num')::int", &[])
        .await
        .map_err(|error| Error::setup("the database tells no version").because(error))?[0]
        .get(0);
    let (major, minor) = (number / 10_000, number % 10_000);
    let floor = FLOORS.iter().find(|(of, _)| *of == major);
    match floor {
        Some((_, least)) if minor < *least => Err(Error::setup(format!(
            "PostgreSQL {major}.{minor} has known ways around row-level security; update it to {major}.{least} or later"
        ))),
        None if major < 15 => Err(Error::setup(format!(
            "PostgreSQL {major}.{minor} is too old; NEXO needs 15.18 or later"
        ))),
        _ => Ok(()),
    }
}
