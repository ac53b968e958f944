-- A token that whoever runs the program gives out shows no address. Those of
-- before, and of servers that do not say yet, are taken to be mailed.

alter table nexo.one_time_tokens add column mailed boolean not null default true;
grant update (mailed) on nexo.one_time_tokens to nexo_auth;
