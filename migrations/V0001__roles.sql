-- The two roles that the running server logs in as, and what both may know.
--
-- Roles belong to the whole cluster, so another database of the cluster may
-- have made them already. Their passwords are set after the migrations.

do $$
begin
    create role nexo_app login;
exception
    when duplicate_object or unique_violation then null;
end
$$;

do $$
begin
    create role nexo_auth login;
exception
    when duplicate_object or unique_violation then null;
end
$$;

comment on schema nexo is 'NEXO: every object of the product';
revoke all on schema nexo from public;
grant usage on schema nexo to nexo_app, nexo_auth;

-- The account of the running transaction, or null outside of a scope.
-- STABLE and plain SQL, so that the planner inlines it into each policy.
-- After a transaction that set it, the setting reads '' and not null.
create function nexo.current_account() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('nexo.account_id', true), '')::uuid;

-- The user whose credentials the running transaction handles.
create function nexo.current_user_id() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('nexo.user_id', true), '')::uuid;

revoke all on function nexo.current_account(), nexo.current_user_id() from public;
grant execute on function nexo.current_account() to nexo_app, nexo_auth;
grant execute on function nexo.current_user_id() to nexo_auth;
