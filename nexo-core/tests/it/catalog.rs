//! The check at start: a role or a table that isolation cannot rest on is
//! refused, by name. Each fault here is made on purpose in a good database.

use std::sync::Arc;

use nexo_core::Database;
use nexo_core::testing::TestDatabase;
use nexo_core::tokio_postgres::error::SqlState;
use tokio::sync::Semaphore;

const TABLE: &str = "create table nexo.probes (
    account_id uuid not null default nexo.current_account() references nexo.accounts on delete cascade,
    id uuid not null, name text, client_id uuid, primary key (account_id, id));
  alter table nexo.probes enable row level security;
  alter table nexo.probes force row level security;
  create policy tenant on nexo.probes using (account_id = nexo.current_account()) with check (account_id = nexo.current_account());
  create policy may on nexo.probes as restrictive to nexo_app using (account_id = nexo.account_that_may(1));
  create trigger audit after insert or update or delete on nexo.probes
        for each row execute function nexo.audit_change('probes', 'id');
    grant select, insert, update, delete on nexo.probes to nexo_app;";

/// Control, what is done to the good table, and what the refusal must say.
const FAULTS: &[(&str, &str, &str)] = &[
    ("R1", "alter table nexo.probes disable row level security", "nexo.probes has no row-level security"),
    ("R1", "alter table nexo.probes no force row level security", "nexo.probes has no row-level security"),
    ("R1 partition",
     "create table nexo.parts (account_id uuid not null, id uuid not null, primary key (account_id, id)) partition by hash (account_id);
      alter table nexo.parts enable row level security; alter table nexo.parts force row level security;
      create policy tenant on nexo.parts using (account_id = nexo.current_account()) with check (account_id = nexo.current_account());
      create table nexo.parts_0 partition of nexo.parts for values with (modulus 1, remainder 0)",
     "nexo.parts_0 has no row-level security"),
    ("R2", "drop policy tenant on nexo.probes", "nexo.probes has rows of accounts and no policy"),
    ("R2", "drop policy tenant on nexo.probes; create policy tenant on nexo.probes using (true) with check (true)",
     "tenant on nexo.probes is a policy that does not ask for the account"),
    ("R2", "alter policy tenant on nexo.probes using (account_id = nexo.current_account() or name = 'public')",
     "tenant on nexo.probes is a policy that does not ask for the account"),
    ("R2", "alter policy tenant on nexo.probes with check (true)", "lets write what it does not show"),
    ("R2", "create policy other on nexo.probes for select using (account_id = nexo.current_account())",
     "nexo.probes has two permissive policies"),
    ("R3", "grant truncate on nexo.probes to nexo_app", "nexo.probes can be truncated"),
    ("R3", "grant create on schema nexo to nexo_app", "nexo is a schema in which the run-time role may create"),
    ("R3", "create table public.mine (); alter table public.mine owner to nexo_auth", "mine is owned by the run-time role"),
    ("R4", "alter function nexo.current_account() immutable", "must be STABLE"),
    ("R4", "alter function nexo.current_account() leakproof", "claims to be leakproof"),
    ("R5", "create view nexo.all_probes as select * from nexo.probes", "nexo.all_probes is a view that reads with its owner's rights"),
    ("R5", "create materialized view nexo.copied as select * from nexo.probes; grant select on nexo.copied to nexo_app",
     "nexo.copied can be read or written by nexo_app"),
    ("R6", "create function nexo.door() returns bigint language sql security definer return (select count(*) from nexo.probes)",
     "nexo.door() is a function that runs with its owner's rights"),
    ("R7", "alter table nexo.clients add constraint client_ids unique (account_id, id);
            create unique index on nexo.clients (id); alter table nexo.probes add foreign key (client_id) references nexo.clients (id)",
     "is a foreign key between accounts' tables without account_id"),
    ("R8", "create unique index global_name on nexo.probes (name)", "nexo.global_name is an index of an accounts' table that does not lead"),
    ("R10", "create index by_name on nexo.probes (name)", "nexo.by_name is an index of an accounts' table that does not lead"),
    ("R2", "create policy by_user on nexo.sessions to nexo_app using (user_id = nexo.current_user_id()) with check (user_id = nexo.current_user_id())",
     "by_user on nexo.sessions is a policy that shows tenants' statements rows by user"),
    ("P2", "drop policy may_delete on nexo.clients", "nexo.clients for delete is open to nexo_app whatever the scope may"),
    ("P2", "alter policy may on nexo.probes using (true)", "nexo.probes for select is open to nexo_app whatever the scope may"),
    ("P2", "create or replace function nexo.may(needed bigint) returns boolean language sql stable parallel safe return true",
     "nexo.may(bigint) is a function of what may be done and must be STABLE"),
    ("R3", "grant delete on nexo.users to nexo_app", "nexo.users can be read or written by nexo_app"),
    ("R3", "grant delete on nexo.accounts to public", "nexo.accounts can be read or written by nexo_app"),
    ("R3", "grant select on nexo.runtime_credentials to nexo_auth", "nexo.runtime_credentials can be read or written by nexo_auth"),
    ("R3", "create table public.copy (like nexo.clients) inherits (nexo.clients); grant select on public.copy to nexo_app", "copy is outside of the schema nexo"),
    ("R4", "create or replace function nexo.current_account() returns uuid language sql stable return gen_random_uuid()",
     "nexo.current_account() is a function of the policies and must be STABLE and as the migrations made it"),
    ("R5", "create view public.all_probes as select * from nexo.probes; grant select on public.all_probes to nexo_app", "all_probes is outside of the schema nexo"),
    ("R6", "create function public.door() returns bigint language sql security definer return (select count(*) from nexo.probes)",
     "door() is a function outside of the schema nexo"),
    ("R6", "create rule away as on delete to nexo.probes do instead nothing", "away on nexo.probes is a rule"),
    ("P4", "alter role nexo_app in database \"{database}\" set statement_timeout = 0", "nexo_app lets statements run without end"),
    ("R2", "alter policy search on nexo.clients using (true)", "search on nexo.clients is a policy of nexo_search that does not hold it"),
    ("R2", "alter policy search on nexo.tasks using (nexo.search_document(account_id, id, title, null, null, null) @@ nexo.current_search())",
     "search on nexo.tasks is a policy of nexo_search that does not hold it"),
    ("R3", "grant delete on nexo.clients to nexo_search", "nexo.clients can be changed by nexo_search"),
    ("R3", "grant select on nexo.idempotency_keys to nexo_search", "nexo.idempotency_keys can be read by nexo_search and has no policy for it"),
    ("R6", "alter function nexo.search_ids(text, text, integer, boolean, boolean) owner to nexo_owner", "is a function that runs with its owner's rights"),
    ("R6", "alter function nexo.search_ids(text, text, integer, boolean, boolean) reset search_path", "is a function that runs with its owner's rights"),
    ("R6", "grant execute on function nexo.search_ids(text, text, integer, boolean, boolean) to public", "is a function that runs with its owner's rights"),
    ("R10", "create index on nexo.clients using gin (tags)", "is an index of an accounts' table that does not lead"),
    ("R28", "drop trigger audit on nexo.probes", "nexo.probes is changed without an entry in the audit log"),
    ("R28", "alter table nexo.clients disable trigger audit", "nexo.clients is changed without an entry in the audit log"),
    ("R28", "drop trigger audit on nexo.users", "nexo.users is changed without an entry in the audit log"),
    ("R28", "alter policy may_create on nexo.audit_log with check (pg_trigger_depth() > 0 or true)",
     "nexo.audit_log for insert is open to nexo_app whatever the scope may"),
    ("R23", "drop policy may_change on nexo.sessions", "nexo.sessions lets nexo_app change sessions by other ways"),
    ("R23", "grant update (permissions) on nexo.api_keys to nexo_auth", "nexo.api_keys can be written by nexo_auth"),
    ("R23", "grant select (token_hash) on nexo.api_keys to nexo_app", "nexo.api_keys can be written by nexo_auth, or its secrets be read"),
    ("R4", "create or replace function nexo.current_key() returns uuid language sql stable return gen_random_uuid()",
     "nexo.current_key() is a function of the policies and must be STABLE and as the migrations made it"),
    ("R4", "create or replace function nexo.acting_user() returns uuid language sql stable return gen_random_uuid()",
     "nexo.acting_user() is a function of what may be done and must be STABLE"),
    ("R4", "create or replace function nexo.current_sign_in() returns uuid language sql stable return gen_random_uuid()",
     "nexo.current_sign_in() is a function of the policies and must be STABLE and as the migrations made it"),
    ("R2", "alter policy shown on nexo.oidc_sign_ins using (true)", "shown on nexo.oidc_sign_ins is a policy that does not ask"),
    ("R2", "alter policy own_or_shown on nexo.external_identities using (subject is not null)",
     "own_or_shown on nexo.external_identities is a policy that does not ask"),
    ("R28", "drop trigger audit on nexo.external_identities", "nexo.external_identities is changed without an entry"),
    ("R28", "grant update on nexo.audit_log to nexo_app", "nexo_app can change entries of the audit log"),
    ("R28", "grant delete on nexo.audit_log to nexo_auth", "nexo_auth can change entries of the audit log"),
    ("P1", "drop policy only_visible on nexo.clients", "nexo.clients is open to nexo_limited, or has records with an owner"),
    ("P1", "alter policy only_visible on nexo.tasks using (nexo.sees(0, 0, owner_id) or true) with check (nexo.sees(0, 0, owner_id) or true)",
     "nexo.tasks is open to nexo_limited, or has records with an owner"),
    ("P1", "alter policy only_visible on nexo.projects with check (true)", "nexo.projects is open to nexo_limited, or has records with an owner"),
    ("P1", "grant select on nexo.imports to nexo_limited", "nexo.imports is open to nexo_limited"),
    ("P1", "grant select on nexo.audit_log to nexo_limited", "nexo.audit_log is open to nexo_limited"),
    ("P1", "create or replace function nexo.sees(all_of bigint, of_team bigint, owner uuid) returns boolean language sql stable parallel safe return true",
     "nexo.sees(bigint,bigint,uuid) is a function of what may be done and must be STABLE"),
    ("R3", "grant select (email) on nexo.employees to nexo_team", "nexo.employees.email is open to nexo_team"),
    ("R6", "alter function nexo.visible_to(uuid) owner to nexo_owner", "is a function that runs with its owner's rights"),
    ("R6", "alter function nexo.erase_user(uuid[]) owner to nexo_owner", "nexo.erase_user(uuid[]) is a function that runs with its owner's rights"),
    ("R6", "grant execute on function nexo.erase_record(text, uuid, text[], text) to nexo_auth",
     "nexo.erase_record(text,uuid,text[],text) is a function that runs with its owner's rights"),
    ("R6", "alter function nexo.expire_audit() reset search_path", "nexo.expire_audit() is a function that runs with its owner's rights"),
    ("R29", "grant update on nexo.audit_seals to nexo_keeper", "update of nexo.audit_seals is more than nexo_keeper needs"),
    ("R29", "grant update (user_id) on nexo.audit_log to nexo_keeper", "update of nexo.audit_log.user_id is more than nexo_keeper needs"),
    ("no account_id", "create table nexo.shared (id uuid primary key, note text); grant select on nexo.shared to nexo_app",
     "nexo.shared can be read or written by nexo_app"),
];

#[tokio::test]
async fn r1_to_r8_each_fault_is_refused_by_name() {
    let mut faults = tokio::task::JoinSet::new();
    // Each opens its database twice: all at once would wait for one another.
    let places = Arc::new(Semaphore::new(8));
    for (control, fault, said) in FAULTS {
        let places = Arc::clone(&places);
        faults.spawn(async move {
            let _place = places.acquire().await.expect("open");
            let test = TestDatabase::create().await;
            let superuser = test.superuser().await;
            superuser.batch_execute(TABLE).await.expect("a table by the rules");
            let good = Database::open(test.config()).await;
            good.unwrap_or_else(|error| panic!("{control}: {error}"));
            let name: String = superuser
                .query_one("select current_database()::text", &[])
                .await
                .expect("a name")
                .get(0);
            let done = superuser.batch_execute(&fault.replace("{database}", &name)).await;
            done.unwrap_or_else(|error| panic!("{control}: {error:?}"));
            let refused = Database::open(test.config()).await.expect_err(control);
            assert!(refused.is_setup(), "{control}");
            assert!(refused.to_string().contains(said), "{control}: {refused}");
        });
    }
    faults.join_all().await;
}

/// R3: the run-time roles are ordinary, and cannot become the owner.
#[tokio::test]
async fn r3_the_run_time_roles_cannot_become_anybody() {
    let test = TestDatabase::create().await;
    for connection in [test.as_app().await, test.as_auth().await] {
        for sql in [
            "set role nexo_owner",
            "set role postgres",
            "truncate nexo.clients",
            "create table nexo.mine ()",
            "create table public.mine ()",
            "select password from nexo.runtime_credentials",
            "alter table nexo.clients disable row level security",
            "copy nexo.clients to program 'true'",
        ] {
            let denied = connection.batch_execute(sql).await.expect_err(sql);
            assert_eq!(denied.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {denied:?}");
        }
    }
    // Tenants' SQL reaches no credential, and identity work no tenant's row.
    let app = test.as_app().await;
    let denied = [
        "select * from nexo.users",
        "select * from nexo.accounts",
        "select * from nexo.refresh_tokens",
        "select * from nexo.oidc_sign_ins",
        "select * from nexo.external_identities",
        "select * from nexo.signing_keys",
        "select * from nexo.login_attempts",
        "select token_hash from nexo.invitations",
        "insert into nexo.memberships (user_id, role) values (gen_random_uuid(), 'owner')",
        "update nexo.memberships set user_id = gen_random_uuid()",
        "insert into nexo.sessions (user_id) values (gen_random_uuid())",
        "update nexo.sessions set expires_at = now() + interval '1 year'",
        "select token_hash from nexo.api_keys",
        "update nexo.api_keys set expires_at = now() + interval '9 years'",
        "delete from nexo.sessions",
    ];
    for sql in denied {
        let denied = app.batch_execute(sql).await.expect_err(sql);
        assert_eq!(denied.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    let denied = test.as_auth().await.batch_execute("select * from nexo.clients").await;
    assert_eq!(denied.expect_err("clients").code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

/// R16, R23: outside of the owner's start-up work, no SQL sets anything for a
/// session, and no statement is put together at run time.
#[test]
fn r16_r23_no_statement_sets_for_a_session() {
    let allowed = ["db/roles.rs", "db/migrate.rs", "cluster/", "testing/"];
    let mut seen = 0;
    for (path, source) in sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
    {
        if allowed.iter().any(|part| path.contains(part)) {
            continue;
        }
        seen += 1;
        let source = source.to_lowercase();
        for found in source.match_indices("set ").map(|(at, _)| &source[at..]) {
            let statement = found.starts_with("set role")
                || found.starts_with("set session")
                || found.starts_with("set nexo.");
            assert!(!statement, "{path}: {}", &found[..40.min(found.len())]);
        }
        for word in ["\"reset ", "set_config(", "discard all"] {
            assert!(!source.contains(word), "{path}: {word}");
        }
    }
    assert!(seen > 20, "the sources were found");
}

fn sources(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text")));
        }
    }
    found
}
