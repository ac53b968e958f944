//! What the audit log costs those who write.
//!
//! `cargo bench --bench audit` creates and changes clients through `Repository`,
//! with the audit log's trigger and without it, in turns, and prints the ratio;
//! lets 16 writers of one account and 16 of 16 accounts take turns, and seals
//! and verifies a million entries (`NEXO_BENCH_ENTRIES` for another number).

#[path = "support/trial.rs"]
mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexo_core::model::{Client, ClientPatch, Id, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, DatabaseConfig, Repository, TenantScope};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use trial::trial;

const ROUNDS: usize = 15;
const CALLS_A_ROUND: usize = 400;
const WRITERS: usize = 16;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let (rounds, calls) = if trial() { (1, 8) } else { (ROUNDS, CALLS_A_ROUND) };
    runtime.block_on(async {
        on_against_off(rounds, calls).await;
        one_account_against_many(rounds, calls).await;
        let entries = std::env::var("NEXO_BENCH_ENTRIES").ok().and_then(|it| it.parse().ok());
        seal_and_verify(if trial() { 3_000 } else { entries.unwrap_or(1_000_000) }).await;
    });
}

struct World {
    repository: Repository<Client>,
    scopes: Vec<TenantScope>,
    client: Id<Client>,
}

impl World {
    async fn create(audited: bool, accounts: usize) -> Arc<Self> {
        let test = TestDatabase::create().await;
        let config = DatabaseConfig::from_owner(test.owner_config()).pool_size(WRITERS);
        let database = Database::open(config).await.expect("opens");
        let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");
        let mut scopes = Vec::new();
        for _ in 0..accounts {
            scopes.push(Tenant::register(&authenticator).await.scope);
        }
        let repository = database.repository::<Client>();
        let client = repository.create(&scopes[0], &new(0)).await.expect("created").id;
        if !audited {
            // Only after it was opened: a database without the trigger is refused.
            let off = "alter table nexo.clients disable trigger audit";
            test.superuser().await.batch_execute(off).await.expect("off");
        }
        Arc::new(Self { repository, scopes, client })
    }
}

fn new(at: usize) -> NewClient {
    NewClient {
        email: Some(format!("client-{at}@example.com")),
        phone: Some(format!("+44 20 7946 {at:04}")),
        tags: vec!["bench".into()],
        notes: Some("met at the fair, asked for an offer".into()),
        ..NewClient::named(format!("Client {at}"))
    }
}

/// Creating and changing, by one caller.
async fn on_against_off(rounds: usize, calls: usize) {
    let worlds = [World::create(true, 1).await, World::create(false, 1).await];
    for shape in ["create", "update"] {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (world, rates) in worlds.iter().zip(&mut rates) {
                let begun = Instant::now();
                for at in 0..calls {
                    let scope = &world.scopes[0];
                    if shape == "create" {
                        world.repository.create(scope, &new(at)).await.expect("created");
                    } else {
                        let notes = format!("called {at} times").into();
                        let patch = ClientPatch { notes, ..ClientPatch::default() };
                        let done = world.repository.patch(scope, world.client, &patch, None);
                        done.await.expect("changed");
                    }
                }
                rates.push(rate(calls, begun.elapsed()));
            }
        }
        let [on, off] = rates.map(median);
        println!("{shape}: {on:.0}/s with the audit log, {off:.0}/s without: {:.2}", on / off);
    }
}

/// Creating, by sixteen callers.
async fn one_account_against_many(rounds: usize, calls: usize) {
    let worlds = [World::create(true, 1).await, World::create(true, WRITERS).await];
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (world, rates) in worlds.iter().zip(&mut rates) {
            let begun = Instant::now();
            let mut writers = JoinSet::new();
            for writer in 0..WRITERS {
                let world = world.clone();
                writers.spawn(async move {
                    let scope = &world.scopes[writer % world.scopes.len()];
                    for at in 0..calls / 8 {
                        world.repository.create(scope, &new(at)).await.expect("created");
                    }
                });
            }
            while let Some(done) = writers.join_next().await {
                done.expect("written");
            }
            rates.push(rate(calls / 8 * WRITERS, begun.elapsed()));
        }
    }
    let [one, many] = rates.map(median);
    println!(
        "{WRITERS} writers: {one:.0}/s in one account, {many:.0}/s in as many: {:.2}",
        one / many
    );
}

/// How long sealing takes, and verifying, of entries as changes make them.
async fn seal_and_verify(entries: i32) {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let scope = Tenant::register(&authenticator).await.scope;
    let fill = "insert into nexo.audit_log (account_id, action, subject, record_id, user_id, request_id, ip, user_agent,
            before, after)
         select $1, 'update', 'clients', gen_random_uuid(), gen_random_uuid(), gen_random_uuid()::text, '192.0.2.7',
             'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
             jsonb_build_object('notes', 'called ' || at || ' times', 'status', 'lead'),
             jsonb_build_object('notes', 'called ' || at + 1 || ' times', 'status', 'active')
         from generate_series(1, $2) at";
    let superuser = test.superuser().await;
    superuser.execute(fill, &[&scope.account_id(), &entries]).await.expect("filled");
    superuser.batch_execute("vacuum analyze nexo.audit_log").await.expect("analyzed");
    let begun = Instant::now();
    let audit = database.audit();
    let mut last = None;
    loop {
        let sealed = audit.checkpoint(&scope).await.expect("sealed");
        if sealed == last {
            break;
        }
        last = sealed;
    }
    let sealing = begun.elapsed();
    let begun = Instant::now();
    let found = audit.verify(&scope, last.as_slice()).await.expect("verified");
    assert!(found.fault.is_none() && found.entries >= entries.unsigned_abs().into());
    println!(
        "{} entries: sealed in {sealing:.1?}, verified in {:.1?}",
        found.entries,
        begun.elapsed()
    );
}

fn rate(calls: usize, took: Duration) -> f64 {
    calls as f64 / took.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
