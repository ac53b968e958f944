//! What scoped execution costs.
//!
//! Four ways to the same rows, over the same kind of socket, one connection
//! each, in one run:
//!
//! - `unscoped`: the bare prepared statement, by a role that no policy holds;
//! - `one_flush`: through `Repository`: transaction, account, liveness of the
//!   session and statement, sent together;
//! - `bare_flush`: BEGIN, the account, the statement and COMMIT, sent together and
//!   nothing else: what `one_flush` could be without the check of the session;
//! - `await_each`: BEGIN, the account, the statement and COMMIT, each awaited.
//!
//! `cargo bench --bench scoped_query` ends with the two ratios, over the bare
//! socket and over a link with a round trip. They come from rounds in which the
//! four take turns, so that a busy machine slows them alike.

#[path = "support/link.rs"]
mod link;
#[path = "support/trial.rs"]
mod trial;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use nexo_core::model::{Client, Id, ListParams, NewClient};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::tokio_postgres::config::Host;
use nexo_core::tokio_postgres::types::ToSql;
use nexo_core::tokio_postgres::{self, Config, NoTls, Statement};
use nexo_core::{AuthConfig, Database, DatabaseConfig, Repository, Table, TenantScope};
use tokio::runtime::Runtime;
use trial::trial;

const ROUNDS: usize = 30;
const CALLS_A_ROUND: u64 = 1_000;
/// One way of the link: a database in the same region, another zone.
const LINK: Duration = Duration::from_millis(1);
const ROUNDS_OVER_LINK: usize = 9;
const CALLS_A_ROUND_OVER_LINK: u64 = 30;
const CLIENTS: usize = 1_000;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let ways = Arc::new(runtime.block_on(Ways::prepare(None)));
    let mut criterion = Criterion::default().configure_from_args();
    for shape in [Shape::Get, Shape::List] {
        let mut group = criterion.benchmark_group(format!("scoped_query/{}", shape.name()));
        for way in Way::ALL {
            group.bench_function(way.name(), |bencher| {
                bencher.iter_custom(|calls| run(&runtime, &ways, shape, way, calls));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    if !trial() {
        report(&runtime, &ways, ROUNDS, CALLS_A_ROUND);
        println!("\nover a link of {LINK:?} each way");
        let ways = Arc::new(runtime.block_on(Ways::prepare(Some(LINK))));
        report(&runtime, &ways, ROUNDS_OVER_LINK, CALLS_A_ROUND_OVER_LINK);
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
    BareFlush,
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
    const ALL: [Self; 4] = [Self::Unscoped, Self::OneFlush, Self::BareFlush, Self::AwaitEach];

    const fn name(self) -> &'static str {
        match self {
            Self::Unscoped => "unscoped",
            Self::OneFlush => "one_flush",
            Self::BareFlush => "bare_flush",
            Self::AwaitEach => "await_each",
        }
    }
}

/// The four ways, connected and warm.
struct Ways {
    scope: TenantScope,
    id: Id<Client>,
    repository: Repository<Client>,
    unscoped: Prepared,
    bare: Prepared,
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
    async fn prepare(over: Option<Duration>) -> Self {
        let test = TestDatabase::create().await;
        let target = |config: Config| async move {
            match over {
                Some(delay) => linked(config, delay).await,
                None => config,
            }
        };
        let owner = target(test.owner_config()).await;
        let config = DatabaseConfig::from_owner(owner).pool_size(1);
        let database = Database::open(config).await.expect("opens");
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
            unscoped: Prepared::new(target(test.superuser_config()).await).await,
            bare: Prepared::new(target(test.app_config().await).await).await,
            await_each: Prepared::new(target(test.app_config().await).await).await,
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
            (Way::BareFlush, _) => {
                let client = &self.bare.client;
                let opening = format!(
                    "BEGIN READ ONLY; SET LOCAL nexo.account_id = '{}'; SET LOCAL nexo.permissions = -1",
                    self.scope.account_id()
                );
                let opened = client.batch_execute(&opening);
                let read = self.bare.query(shape, &self.scope, self.id);
                let (opened, rows, committed) =
                    futures_util::future::join3(opened, read, client.batch_execute("COMMIT")).await;
                opened.and(committed).expect("a transaction");
                rows
            }
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
    async fn new(config: Config) -> Self {
        let (client, connection) = config.connect(NoTls).await.expect("connects");
        tokio::spawn(connection);
        let prepare = async |sql: &str| client.prepare(sql).await.expect("prepared");
        Self {
            get: prepare(Client::GET).await,
            list: prepare(&format!(
                "{} and archived_at is null order by created_at desc, id desc limit $2",
                Client::SELECT
            ))
            .await,
            set_account: prepare("select set_config('nexo.account_id', $1, true), set_config('nexo.permissions', '-1', true)").await,
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

/// The same database at the end of a link.
async fn linked(config: Config, delay: Duration) -> Config {
    let Some(Host::Unix(folder)) = config.get_hosts().first() else { panic!("a unix socket") };
    let port = link::open(folder.join(".s.PGSQL.5432"), delay).await;
    let mut linked = Config::new();
    linked.host("127.0.0.1").port(port);
    linked.user(config.get_user().expect("a user"));
    linked.password(config.get_password().expect("a password"));
    linked.dbname(config.get_dbname().expect("a database"));
    linked
}

/// Calls a second of each way, and how they compare.
fn report(runtime: &Runtime, ways: &Arc<Ways>, count: usize, calls: u64) {
    println!("\nmedians of {count} rounds of {calls} calls, in turns; calls a second");
    println!("{:10} {}", "", Way::ALL.map(|way| format!("{:>11}", way.name())).concat());
    for shape in [Shape::Get, Shape::List] {
        let mut rounds: [Vec<f64>; 4] = Default::default();
        for _ in 0..count {
            for (way, round) in Way::ALL.into_iter().zip(&mut rounds) {
                let took = run(runtime, ways, shape, way, calls);
                round.push(calls as f64 / took.as_secs_f64());
            }
        }
        let rates = rounds.map(median);
        println!("{:10} {}", shape.name(), rates.map(|rate| format!("{rate:>11.0}")).concat());
        let [unscoped, one_flush, bare_flush, await_each] = rates;
        for (name, rate) in [("one_flush", one_flush), ("bare_flush", bare_flush)] {
            println!(
                "{:10} {name} is {:.2} of unscoped and {:.2} times await_each",
                "",
                rate / unscoped,
                rate / await_each
            );
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
