//! What somebody sees first, in accounts of different sizes, at the repository.
//!
//! `cargo bench --bench dashboard` fills accounts of 1,000 and 100,000 clients, with
//! what belongs to them and is shared by twenty members, and prints p50 and p95 of each
//! part: for an owner, who reads the audit log, for a viewer, and for a member who sees
//! their own alone. `NEXO_BENCH_SIZES=1000,100000` takes other sizes.

#[path = "support/trial.rs"]
mod trial;

use std::time::{Duration, Instant};

use nexo_core::demo::{Demo, fill};
use nexo_core::model::{BuiltInRole, NewRole, Permission, Permissions, RoleRef};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator, Database, TenantScope};
use tokio::runtime::Runtime;
use trial::trial;

const SAMPLES: usize = 100;

fn main() {
    Runtime::new().expect("a runtime").block_on(run(trial()));
}

async fn run(trial: bool) {
    let sizes = std::env::var("NEXO_BENCH_SIZES").unwrap_or_else(|_| "1000,100000".to_owned());
    let sizes = if trial { "50" } else { &sizes };
    println!("milliseconds at the repository, one caller");
    println!("{:>9}  {:34}{:>9}{:>9}", "clients", "", "p50", "p95");
    for size in sizes.split(',') {
        let size: u32 = size.trim().parse().expect("a number of clients");
        let world = World::fill(size).await;
        for (who, scope) in &world.scopes {
            for (part, is_work) in [("work", true), ("account", false)] {
                let samples = if trial { 2 } else { SAMPLES };
                let mut times = Vec::with_capacity(samples);
                for _ in 0..samples {
                    let start = Instant::now();
                    match is_work {
                        true => drop(world.database.dashboard_work(scope).await.expect("told")),
                        false => drop(world.database.dashboard_account(scope).await.expect("told")),
                    }
                    times.push(start.elapsed());
                }
                times.sort();
                let at = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize];
                let millis = |time: Duration| time.as_secs_f64() * 1e3;
                let (p50, p95) = (millis(at(0.5)), millis(at(0.95)));
                println!("{size:>9}  {:34}{p50:>9.2}{p95:>9.2}", format!("{part} of {who}"));
            }
        }
    }
}

struct World {
    _test: TestDatabase,
    database: Database,
    scopes: Vec<(&'static str, TenantScope)>,
}

impl World {
    async fn fill(clients: u32) -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&authenticator).await;
        let demo = Demo::of(clients).expect("a size").owner(owner.tokens.user.id);
        let system = database.system_scope(owner.scope.account_id(), "bench");
        fill(&database, &system, &demo, |_| {}).await.expect("filled");
        let own = |one: Permission| if one.narrower().is_some() { one.narrowest() } else { one };
        let own: Permissions = BuiltInRole::Viewer.permissions().iter().map(own).collect();
        let role = NewRole { name: "Own".to_owned(), permissions: own, ..Default::default() };
        let role = database.roles().create(&owner.scope, &role, None).await.expect("made");
        let own: RoleRef = role.into_inner().id.into();
        let mut scopes = vec![("an owner of all", owner.scope.clone())];
        for (who, role) in [("a viewer", BuiltInRole::Viewer.into()), ("who sees their own", own)] {
            let member = Tenant::join(&database, &authenticator, &owner.scope, role).await;
            scopes.push((who, member.scope));
        }
        spread(&test, &database, &authenticator, &owner, &scopes).await;
        Self { _test: test, database, scopes }
    }
}

/// Gives the records to twenty members, by turns: a demo's are all of one.
async fn spread(
    test: &TestDatabase,
    database: &Database,
    authenticator: &Authenticator,
    owner: &Tenant,
    scopes: &[(&'static str, TenantScope)],
) {
    let mut owners: Vec<_> = scopes.iter().filter_map(|(_, scope)| scope.user_id()).collect();
    while owners.len() < 20 {
        let role = BuiltInRole::Viewer;
        let member = Tenant::join(database, authenticator, &owner.scope, role).await;
        owners.extend(member.scope.user_id());
    }
    let owners: Vec<String> = owners.iter().map(ToString::to_string).collect();
    let superuser = test.superuser().await;
    // Without triggers: nobody asks the audit log for it.
    superuser.batch_execute("set session_replication_role = replica").await.expect("set");
    for table in ["clients", "suppliers", "professionals", "projects", "tasks"] {
        let give = format!(
            "update nexo.{table} set owner_id = ($1::text[]::uuid[])[1 + abs(hashtext(id::text)) % 20]"
        );
        superuser.execute(&give, &[&owners]).await.expect("given");
    }
    superuser.batch_execute("vacuum analyze").await.expect("analysed");
}
