//! What scoped execution costs.
//!
//! Three ways to the same rows, over the same kind of socket, one connection
//! each, in one run:
//!
//! - `unscoped`: the bare prepared statement, by a role that no policy holds;
//! - `one_flush`: through `Repository`: transaction, account, liveness of the
//!   session and statement, sent together;
//! - `await_each`: BEGIN, the account, the statement and COMMIT, each awaited.
//!
//! `cargo bench --bench scoped_query` ends with the two ratios. They come from
//! rounds in which the three take turns, so that a busy machine slows them
//! alike.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use nexo_core::model::{Client, Id, ListParams, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::tokio_postgres::types::ToSql;
use nexo_core::tokio_postgres::{self, Statement};
use nexo_core::{AuthConfig, Database, Repository, Table, TenantScope};
use tokio::runtime::Runtime;

const ROUNDS: usize = 30;
const CALLS_A_ROUND: u64 = 1_000;
const CLIENTS: usize = 1_000;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let ways = Arc::new(runtime.block_on(Ways::prepare()));
    let mut criterion = Criterion::default().configure_from_args();
    for shape in [Shape::Get, Shape::List] {
        let mut group = criterion.benchmark_group(format!("scoped_query/{}", shape.name()));
        for way in [Way::Unscoped, Way::OneFlush, Way::AwaitEach] {
            group.bench_function(way.name(), |bencher| {
                bencher.iter_custom(|calls| run(&runtime, &ways, shape, way, calls));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    if !std::env::args().any(|argument| argument == "--test") {
        report(&runtime, &ways);
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Get,
    List,
}

#[derive(Clone, Copy)]
enum Way {
    Unscoped,
    OneFlush,
    AwaitEach,
}

impl Shape {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list_50",
        }
    }
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Unscoped => "unscoped",
            Self::OneFlush => "one_flush",
            Self::AwaitEach => "await_each",
        }
    }
}

/// The three ways, connected and warm.
struct Ways {
    scope: TenantScope,
    id: Id<Client>,
    repository: Repository<Client>,
    unscoped: Prepared,
    await_each: Prepared,
    _database: Database,
}

struct Prepared {
    client: tokio_postgres::Client,
    get: Statement,
    list: Statement,
    set_account: Statement,
}

impl Ways {
    async fn prepare() -> Self {
        let test = TestDatabase::create().await;
        let database = Database::open(test.config().pool_size(1)).await.expect("opens");
        let authenticator = database.authenticator(AuthConfig::default()).await.expect("keys");
        let scope = Tenant::register(&authenticator).await.scope;
        let repository = database.repository::<Client>();
        let mut id = None;
        for at in 0..CLIENTS {
            let new = NewClient {
                email: Some(format!("client-{at}@example.com")),
                tags: vec!["bench".into()],
                ..NewClient::named(format!("Client {at}"))
            };
            id = Some(repository.create(&scope, &new).await.expect("created").id);
        }
        let superuser = test.superuser().await;
        superuser.batch_execute("analyze").await.expect("analyzed");
        Self {
            scope,
            id: id.expect("there are clients"),
            repository,
            unscoped: Prepared::new(superuser).await,
            await_each: Prepared::new(test.as_app().await).await,
            _database: database,
        }
    }

    async fn call(&self, shape: Shape, way: Way) -> usize {
        match (way, shape) {
            (Way::OneFlush, Shape::Get) => {
                self.repository.get(&self.scope, self.id).await.map(|_| 1).expect("found")
            }
            (Way::OneFlush, Shape::List) => {
                let page = self.repository.list(&self.scope, &ListParams::default()).await;
                page.expect("listed").data.len()
            }
            (Way::Unscoped, _) => self.unscoped.query(shape, &self.scope, self.id).await,
            (Way::AwaitEach, _) => {
                let client = &self.await_each.client;
                client.batch_execute("BEGIN READ ONLY").await.expect("begins");
                let account = self.scope.account_id().to_string();
                client.query(&self.await_each.set_account, &[&account]).await.expect("set");
                let rows = self.await_each.query(shape, &self.scope, self.id).await;
                client.batch_execute("COMMIT").await.expect("commits");
                rows
            }
        }
    }
}

impl Prepared {
    async fn new(client: tokio_postgres::Client) -> Self {
        let prepare = async |sql| client.prepare(sql).await.expect("prepared");
        Self {
            get: prepare(Client::GET).await,
            list: prepare(Client::LISTS[0].first).await,
            set_account: prepare("select set_config('nexo.account_id', $1, true)").await,
            client,
        }
    }

    async fn query(&self, shape: Shape, scope: &TenantScope, id: Id<Client>) -> usize {
        let (account, limit) = (scope.account_id(), 51i64);
        let params: [&(dyn ToSql + Sync); 2] = match shape {
            Shape::Get => [&account, &id],
            Shape::List => [&account, &limit],
        };
        let statement = match shape {
            Shape::Get => &self.get,
            Shape::List => &self.list,
        };
        let rows = self.client.query(statement, &params).await.expect("found");
        let clients: Vec<Client> =
            rows.iter().map(|row| Client::from_row(row).expect("a client")).collect();
        clients.len()
    }
}

/// As in a server: the caller is a task beside the connection's.
fn run(runtime: &Runtime, ways: &Arc<Ways>, shape: Shape, way: Way, calls: u64) -> Duration {
    let ways = ways.clone();
    on_a_worker(runtime, async move {
        let start = Instant::now();
        for _ in 0..calls {
            std::hint::black_box(ways.call(shape, way).await);
        }
        start.elapsed()
    })
}

fn on_a_worker(
    runtime: &Runtime,
    work: impl Future<Output = Duration> + Send + 'static,
) -> Duration {
    runtime.block_on(async { tokio::spawn(work).await.expect("the calls succeed") })
}

/// Calls a second of each way, and how they compare.
fn report(runtime: &Runtime, ways: &Arc<Ways>) {
    println!("\nmedians of {ROUNDS} rounds of {CALLS_A_ROUND} calls, in turns; calls a second");
    println!("{:10} {:>10} {:>10} {:>11}", "", "unscoped", "one_flush", "await_each");
    for shape in [Shape::Get, Shape::List] {
        let mut rounds: [Vec<f64>; 3] = Default::default();
        for _ in 0..ROUNDS {
            let ways_in_turn = [Way::Unscoped, Way::OneFlush, Way::AwaitEach];
            for (way, round) in ways_in_turn.into_iter().zip(&mut rounds) {
                let took = run(runtime, ways, shape, way, CALLS_A_ROUND);
                round.push(CALLS_A_ROUND as f64 / took.as_secs_f64());
            }
        }
        let [unscoped, one_flush, await_each] = rounds.map(median);
        println!("{:10} {unscoped:>10.0} {one_flush:>10.0} {await_each:>11.0}", shape.name());
        println!(
            "{:10} one_flush is {:.2} of unscoped and {:.2} times await_each",
            "",
            one_flush / unscoped,
            one_flush / await_each
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
