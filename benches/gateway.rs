//! Every route, from the SDK through the server to PostgreSQL and back.
//!
//! `cargo bench --bench gateway` prints p50, p95 and p99 of each row of the
//! route table against the targets: 300 ms for any call, 200 ms at p95. It
//! fails when one is missed, or when a route cannot be called from what the
//! table itself says: a route that is added later is in it without a line here.

#[path = "support/mod.rs"]
mod support;
#[path = "support/trial.rs"]
mod trial;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use nexo_client::model::{AuthTokens, BuiltInRole, LoginRequest, RegisterRequest};
use nexo_client::{Method, Nexo};
use nexo_server::routes::{Access, Route, table};
use serde_json::{Value, json};
use support::{Bench, millis, percentile};
use tokio::runtime::Runtime;
use trial::trial;

const SAMPLES: usize = 300;
/// Routes that hash a password take 20 ms of processor time a call.
const SAMPLES_OF_HASHING: usize = 60;
const ROWS: usize = 500;
const IMPORTS: &str = "/api/crm/imports";
const ROLES: &str = "/api/roles";
const MEMBERS: &str = "/api/members";
const TARGET: Duration = Duration::from_millis(300);
const TARGET_P95: Duration = Duration::from_millis(200);

fn main() {
    let trial = trial();
    let runtime = Runtime::new().expect("a runtime");
    let caller = runtime.block_on(Caller::prepare(if trial { 3 } else { ROWS }));

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("gateway");
    for route in routes().filter(|route| *route.method() == Method::GET) {
        let route = &route;
        let path = runtime.block_on(caller.path(route));
        group.bench_function(format!("GET {}", route.path()), |bencher| {
            bencher.iter_custom(|calls| {
                runtime.block_on(async {
                    let start = Instant::now();
                    for _ in 0..calls {
                        caller.call(&caller.nexo, route, &path, None).await;
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
    criterion.final_summary();

    let missed = runtime.block_on(report(&caller, trial));
    if missed > 0 && !trial {
        eprintln!("{missed} routes miss a target");
        std::process::exit(1);
    }
}

async fn report(caller: &Caller, trial: bool) -> usize {
    if trial {
        println!("a trial: the figures below measure nothing");
    }
    println!("\nmilliseconds, SDK to PostgreSQL and back, one caller, {} clients", caller.rows);
    println!("{:7}{:38}{:>8}{:>9}{:>9}{:>9}", "", "", "samples", "p50", "p95", "p99");
    let mut missed = 0;
    for route in routes() {
        let samples = if trial { 2 } else { samples_of(&route) };
        let mut times = Vec::with_capacity(samples);
        for _ in 0..samples {
            times.push(caller.sample(&route).await);
        }
        times.sort();
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|share| percentile(&times, share));
        let verdict = if p95 > TARGET_P95 || p99 > TARGET { "  MISSED" } else { "" };
        missed += usize::from(!verdict.is_empty());
        println!(
            "{:7}{:38}{samples:>8}{:>9.2}{:>9.2}{:>9.2}{verdict}",
            route.method().as_str(),
            route.path(),
            millis(p50),
            millis(p95),
            millis(p99)
        );
    }
    missed
}

/// The routes, without the short forms of paths, which have the same handlers.
fn routes() -> impl Iterator<Item = Route> {
    let table = table();
    let full: Vec<String> = table.iter().map(|route| route.path().to_owned()).collect();
    // What takes a letter that was mailed, or sends one, needs a mail server; what
    // goes to a provider and comes back, a provider; and what takes a code, somebody
    // who has one.
    let needs =
        ["/forgot", "/reset", "/verify", "/verification", "/confirm", "/recovery-codes", "/remove"];
    let table = table.into_iter().filter(|route| {
        let path = route.path();
        let at_provider =
            path.starts_with("/api/auth/identities") && *route.method() != Method::GET;
        // Pages are read by people.
        let is_page = path.starts_with("/docs");
        !at_provider && !is_page && !path.starts_with("/api/auth/oidc/")
    });
    let table = table.filter(move |route| !needs.iter().any(|end| route.path().ends_with(end)));
    table.filter(move |route| {
        let long = route.path().replacen("/api/", "/api/crm/", 1);
        // The whole dashboard is no short form of its part.
        let is_whole = route.path() == "/api/dashboard";
        is_whole || route.path() == long || !full.contains(&long)
    })
}

/// Another one each time, so that no two records collide.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn samples_of(route: &Route) -> usize {
    let hashing = [
        "register",
        "login",
        "password",
        "accept",
        "switch",
        "leave",
        "second-factor",
        "auth/profile",
    ];
    let hashes = hashing.iter().any(|end| route.path().ends_with(end));
    let needs_login = route.path().contains("logout") || route.path().starts_with(MEMBERS);
    if hashes || needs_login { SAMPLES_OF_HASHING } else { SAMPLES }
}

/// A user whose account has some clients.
struct Caller {
    bench: Bench,
    nexo: Nexo,
    credentials: RegisterRequest,
    rows: usize,
}

impl Caller {
    async fn prepare(rows: usize) -> Self {
        let bench = Bench::start().await;
        let (nexo, credentials) = bench.register().await;
        let caller = Self { bench, nexo, credentials, rows };
        // Rows for every collection of the table.
        for route in table() {
            let fills = *route.method() == Method::POST
                && route.path().starts_with("/api/crm/")
                && !route.path().contains("{id}")
                && route.path() != IMPORTS;
            for _ in 0..if fills { rows } else { 0 } {
                caller.call(&caller.nexo, &route, route.path(), route.example_body(number())).await;
            }
        }
        // Some sessions too: statistics of an empty table make poor plans.
        for _ in 0..rows / 5 {
            caller.log_in().await;
        }
        caller.bench.settle().await;
        caller
    }

    /// One call of the route, timed; what it needs is prepared before.
    async fn sample(&self, route: &Route) -> Duration {
        let path = self.path(route).await;
        let (nexo, body) = self.body(route).await;
        let start = Instant::now();
        self.call(&nexo, route, &path, body).await;
        let elapsed = start.elapsed();
        if route.path().starts_with(IMPORTS) {
            self.forget_imports().await;
        }
        if route.path().starts_with(ROLES) {
            self.delete_roles().await;
        }
        elapsed
    }

    /// Only some may be under way.
    async fn forget_imports(&self) {
        let imports = self.nexo.imports();
        for import in imports.list().await.expect("listed").data {
            imports.delete(import.id).await.expect("deleted");
        }
    }

    /// An account has only so many.
    async fn delete_roles(&self) {
        let people = self.nexo.people();
        for role in people.roles().await.expect("listed").data {
            people.delete_role(role.id).await.expect("deleted");
        }
    }

    /// An invitation of somebody new, and what accepts it.
    async fn invite(&self) -> Value {
        let email = nexo_core::testing::credentials().email;
        let invited = self.nexo.people().invite(email, BuiltInRole::Member).await;
        let token = invited.expect("invited").token;
        json!({ "token": token, "password": self.credentials.password, "name": "Charles" })
    }

    /// A member who has just joined.
    async fn join(&self) -> Nexo {
        let nexo = Nexo::new(&self.bench.url).expect("a handle");
        let accept = serde_json::from_value(self.invite().await).expect("its own form");
        nexo.accept_invitation(&accept).await.expect("accepted");
        nexo
    }

    async fn call(&self, nexo: &Nexo, route: &Route, path: &str, body: Option<Value>) -> Value {
        let mut request = nexo.request(route.method().clone(), path);
        if route.access() == Access::Public {
            request = request.anonymous();
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        // The one route that cannot be called without saying what for.
        if path.ends_with("/search") {
            request = request.query("q", "babbage");
        }
        if let Some(file) = route.example_file() {
            request = request.bytes(file.to_vec());
        }
        let answer = if is_file(route) {
            let download = request.download().await;
            let received = download.expect("a file begins").into_bytes().await;
            received.map(|_| Value::Null)
        } else if has_no_content(route) {
            request.send::<()>().await.map(|()| Value::Null)
        } else {
            request.send::<Value>().await
        };
        answer.unwrap_or_else(|error| panic!("{} {path}: {error}", route.method()))
    }

    /// The route's path, with the id of a row made for this call.
    async fn path(&self, route: &Route) -> String {
        let Some((collection, _)) = route.path().split_once("/{id}") else {
            return route.path().to_owned();
        };
        if collection == MEMBERS {
            let member = self.join().await.session().expect("logged in").user().id;
            return route.path().replace("{id}", &member.to_string());
        }
        let create = table()
            .into_iter()
            .find(|other| other.path() == collection && *other.method() == Method::POST)
            .unwrap_or_else(|| panic!("nothing creates rows for {}", route.path()));
        let row = self.call(&self.nexo, &create, collection, create.example_body(number())).await;
        let id = row["id"].as_str().expect("a row has an id");
        if collection == IMPORTS && route.example_file().is_none() {
            self.import(id, route.path().ends_with("/undo")).await;
        }
        route.path().replace("{id}", id)
    }

    /// Sends the file of an import and, if it is to be undone, finishes it.
    async fn import(&self, id: &str, finish: bool) {
        let (imports, id) = (self.nexo.imports(), id.parse().expect("an id"));
        let file = table().iter().find_map(Route::example_file).expect("a route takes files");
        let import = imports.get(id).await.expect("it is there");
        imports.upload(&import, file, |_| {}).await.expect("uploaded");
        if finish {
            imports.finish(id, |_| {}).await.expect("imported");
        }
    }

    /// The table's example, except where a body must fit what is stored; and
    /// a session of its own for what ends or changes one.
    async fn body(&self, route: &Route) -> (Nexo, Option<Value>) {
        let own = self.nexo.clone();
        match route.path() {
            "/api/auth/register" => (own, Some(as_json(&nexo_core::testing::credentials()))),
            "/api/auth/login" => (own, Some(self.login())),
            "/api/auth/refresh" => {
                let token =
                    self.log_in().await.session().expect("logged in").export().refresh_token;
                (own, Some(json!({ "refresh_token": token })))
            }
            "/api/auth/invitations/accept" => (own, Some(self.invite().await)),
            "/api/auth/switch" => {
                let nexo = self.log_in().await;
                let session = nexo.session().expect("logged in");
                let (account, token) = (session.account().id, session.export().refresh_token);
                (nexo, Some(json!({ "account_id": account, "refresh_token": token })))
            }
            "/api/auth/second-factor" => {
                (own, Some(json!({ "password": self.credentials.password })))
            }
            path if path.ends_with("/transfer") => {
                let to = own.session().expect("logged in").user().id;
                (own, Some(json!({ "to": to })))
            }
            "/api/auth/leave" => (self.join().await, None),
            "/api/auth/profile" if *route.method() == Method::DELETE => {
                (self.join().await, Some(json!({ "password": self.credentials.password })))
            }
            path if path.ends_with("/erase") => {
                let collection = path.split("/{id}").next().expect("a path");
                let create = table()
                    .into_iter()
                    .find(|other| other.path() == collection && *other.method() == Method::POST);
                let example = create.and_then(|it| it.example_body(1)).expect("an example");
                let name = example.get("name").or(example.get("company"));
                (own, Some(json!({ "confirm": name })))
            }
            "/api/auth/logout" => (self.log_in().await, None),
            "/api/auth/logout-all" => (self.bench.register().await.0, None),
            "/api/auth/password" => {
                let (nexo, credentials) = self.bench.register().await;
                let mut body = route.example_body(number()).expect("an example");
                body["current_password"] = credentials.password.into();
                (nexo, Some(body))
            }
            _ => (own, route.example_body(number())),
        }
    }

    fn login(&self) -> Value {
        let RegisterRequest { email, password, .. } = self.credentials.clone();
        as_json(&LoginRequest::new(email, password))
    }

    async fn log_in(&self) -> Nexo {
        let tokens: AuthTokens = self
            .nexo
            .request(Method::POST, "/api/auth/login")
            .anonymous()
            .json(&self.login())
            .send()
            .await
            .expect("logs in");
        Nexo::builder(&self.bench.url).session(tokens).build().expect("a handle")
    }
}

/// Whether the answer is a file.
fn is_file(route: &Route) -> bool {
    ["/export", "/report"].iter().any(|end| route.path().ends_with(end))
}

fn has_no_content(route: &Route) -> bool {
    *route.method() == Method::DELETE
        || ["leave", "logout", "logout-all", "password"]
            .iter()
            .any(|end| route.path().ends_with(end))
}

fn as_json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("wire types serialise")
}
