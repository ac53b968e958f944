//! The suite on databases that were broken on purpose: a proof that cannot
//! fail would prove nothing. (That NEXO does not even start on such a database
//! is `catalog.rs`'s.)

use super::World;

/// What is done to a good database, and what of the suite's findings shows it.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "a policy that shows everything",
        // What may be done is asked of the account too.
        "alter policy tenant on nexo.clients using (true) with check (true);
         alter policy may_read on nexo.clients using (true)",
        "policy: 1 rows where it should find false",
    ),
    ("no FORCE", "alter table nexo.clients no force row level security", "the owner sees"),
    (
        "a global UNIQUE",
        "create unique index on nexo.clients (external_id)",
        "another account's values are taken",
    ),
    (
        "a foreign key without the account",
        "create unique index on nexo.clients (id);
         alter table nexo.projects drop constraint projects_client_id_fkey,
            add constraint projects_client_id_fkey foreign key (client_id) references nexo.clients (id)",
        "nexo.projects.client_id: refers to Ok",
    ),
];

#[tokio::test]
async fn the_suite_catches_what_is_broken() {
    let mut worlds = tokio::task::JoinSet::new();
    for (fault, sql, finding) in FAULTS {
        worlds.spawn(async move {
            let world = World::create().await;
            world.test.superuser().await.batch_execute(sql).await.expect(fault);
            let findings = world.findings().await;
            let found = findings.violations.iter().any(|violation| violation.contains(finding));
            assert!(found, "{fault}: {:?}", findings.violations);
        });
    }
    worlds.join_all().await;
}
