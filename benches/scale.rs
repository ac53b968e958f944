//! Reading from accounts of different sizes, at the repository.
//!
//! `cargo bench --bench scale` fills accounts of 1,000, 100,000 and 1,000,000
//! clients among 1,000 others, and prints p50, p95 and p99 of a read by id, of
//! every order of the list from both ends, of a page deep inside of it, of
//! each filter, of searches for rare and common words, and what the largest
//! account's p99 is of the smallest one's. Names, addresses and notes are made
//! of words that are as unevenly spread as real ones.
//! `NEXO_BENCH_SIZES=1000,100000` takes other sizes, `NEXO_BENCH_ACCOUNTS=10000`
//! another number of others, and `-- 'search'` only the shapes that have that
//! in their name.

#[path = "support/trial.rs"]
mod trial;

use std::time::{Duration, Instant};

use nexo_core::model::{
    Client, ClientFilter, ClientKind, ClientStatus, CountMode, Id, ListParams, OneOf, SearchParams,
    Sort,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, Repository, TenantScope};
use tokio::runtime::Runtime;
use trial::trial;

const TARGET_P95: Duration = Duration::from_millis(20);
const SAMPLES: usize = 400;
/// What takes longer is sampled less often.
const LONGEST: Duration = Duration::from_secs(20);

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let missed = runtime.block_on(run(trial()));
    if missed > 0 {
        eprintln!("{missed} shapes miss {TARGET_P95:?} at p95");
        std::process::exit(1);
    }
}

async fn run(trial: bool) -> usize {
    let sizes = sizes(trial);
    let others = if trial { 3 } else { number("NEXO_BENCH_ACCOUNTS").unwrap_or(1_000) };
    let world = World::fill(&sizes, others).await;
    println!("milliseconds at the repository, one caller, {others} other accounts");
    print!("{:44}", "");
    for size in &sizes {
        print!("{:>27}", format!("{size} clients"));
    }
    print!("\n{:44}", "");
    for _ in &sizes {
        print!("{:>11}{:>8}{:>8}", "p50", "p95", "p99");
    }
    println!("{:>8}", "ratio");
    let mut missed = 0;
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    for shape in Shape::all().into_iter().filter(|shape| shape.name.contains(&wanted)) {
        print!("{:44}", shape.name);
        let mut p99s = Vec::new();
        for account in &world.accounts {
            let samples = if trial { 2 } else { SAMPLES };
            let mut times = Vec::with_capacity(samples);
            let begun = Instant::now();
            for at in 0..samples {
                if at > 20 && begun.elapsed() > LONGEST {
                    break;
                }
                let start = Instant::now();
                shape.call(&world, account, at).await;
                times.push(start.elapsed());
            }
            times.sort();
            let at = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize];
            let [p50, p95, p99] = [at(0.50), at(0.95), at(0.99)];
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            print!("{:>11.2}{:>8.2}{:>8.2}", millis(p50), millis(p95), millis(p99));
            missed += usize::from(!trial && p95 > TARGET_P95 && !shape.is_unbounded);
            p99s.push(millis(p99));
        }
        println!("{:>8.2}", p99s[p99s.len() - 1] / p99s[0]);
    }
    for account in &world.accounts {
        without_row_level_security(&world, account, if trial { 2 } else { 50 }).await;
    }
    missed
}

/// What a search costs against the same one by a role that no policy holds,
/// and what it would cost if the tenant's own statement searched.
async fn without_row_level_security(world: &World, account: &Account, samples: usize) {
    const MATCH: &str = "nexo.search_document(account_id, id, name,
        array[external_id, website, address, notes] || tags, email, phone) @@ $2::text::tsquery";
    let sql = format!("select id from nexo.clients where account_id = $1 and {MATCH} limit 51");
    let (id, superuser) = (account.scope.account_id(), world.test.superuser().await);
    let app = world.test.as_app().await;
    // In a million rows it takes longer than a statement may.
    let begin = format!(
        "begin; set local statement_timeout = 0; set local nexo.account_id = '{id}'; set local nexo.permissions = '-1'"
    );
    app.batch_execute(&begin).await.expect("begins");
    let shares = superuser.prepare(&sql).await.expect("prepared");
    let naive = app.prepare(&sql).await.expect("prepared");
    let mut times: [Vec<Duration>; 3] = Default::default();
    for at in 0..samples {
        let name = &account.names[at % account.names.len()];
        // The lexemes of the name, in each of the three shares.
        let place = &id.to_string()[28..];
        let folded = name.to_lowercase().replace('é', "e").replace('ü', "u");
        let words: Vec<&str> = folded.split(' ').collect();
        let of = |share| {
            let words: Vec<_> =
                words.iter().map(|word| format!("'{place}{share}w{word}'")).collect();
            format!("({})", words.join("&"))
        };
        let query = ['a', 'b', 'c'].map(of).join("|");
        let start = Instant::now();
        superuser.query(&shares, &[&id, &query]).await.expect("searched");
        times[0].push(start.elapsed());
        let params = ListParams { q: Some(name.clone()), ..ListParams::default() };
        let start = Instant::now();
        world.clients.list(&account.scope, &params).await.expect("listed");
        times[1].push(start.elapsed());
        if at % 25 == 0 {
            let start = Instant::now();
            app.query(&naive, &[&id, &query]).await.expect("searched");
            times[2].push(start.elapsed());
        }
    }
    let [bare, scoped, naive] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    println!(
        "search by name: {bare:.2} ms without row-level security; {scoped:.2} ms scoped, {:.1} times; \
         {naive:.0} ms if the tenant's statement searched, {:.0} times",
        scoped / bare,
        naive / bare
    );
}

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok()
}

fn sizes(trial: bool) -> Vec<u32> {
    let given = std::env::var("NEXO_BENCH_SIZES").unwrap_or_default();
    let given: Vec<u32> = given.split(',').filter_map(|size| size.parse().ok()).collect();
    match (trial, given.is_empty()) {
        (true, _) => vec![10, 50],
        (false, true) => vec![1_000, 100_000, 1_000_000],
        (false, false) => given,
    }
}

/// One account and what is looked for in it.
struct Account {
    scope: TenantScope,
    ids: Vec<Id<Client>>,
    emails: Vec<String>,
    names: Vec<String>,
    /// A client's name and town.
    towns: Vec<String>,
    phones: Vec<String>,
    /// A word of a client's notes that few have.
    rare: Vec<String>,
    deep: String,
}

struct World {
    clients: Repository<Client>,
    accounts: Vec<Account>,
    database: Database,
    test: TestDatabase,
}

impl World {
    async fn fill(sizes: &[u32], others: u32) -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let (superuser, second) = (test.superuser().await, test.superuser().await);
        for connection in [&superuser, &second] {
            connection.batch_execute(WORD).await.expect("words");
            // What is made up is nobody's change.
            let quiet = "set session_replication_role = replica";
            connection.batch_execute(quiet).await.expect("quiet");
        }
        let clients = database.repository::<Client>();
        let begun = Instant::now();
        superuser
            .batch_execute(&format!(
                // It would hold back the vacuum that marks what all can see.
                "alter table nexo.clients set (autovacuum_enabled = off);
                 insert into nexo.accounts (id, name)
                 select gen_random_uuid(), 'Other ' || at from generate_series(1, {others}) as at"
            ))
            .await
            .expect("the others");
        fill(&superuser, "select id, 1, 200, 200 from nexo.accounts").await;
        let mut scopes = Vec::new();
        for size in sizes {
            let scope = Tenant::register(&authenticator).await.scope;
            // By two at a time: to make the index takes the longest.
            let part = |first, last| {
                format!("select '{}'::uuid, {first}, {last}, {size}", scope.account_id())
            };
            let (lower, upper) = (part(1, size / 2), part(size / 2 + 1, *size));
            tokio::join!(fill(&superuser, &lower), fill(&second, &upper));
            scopes.push(scope);
        }
        superuser.batch_execute("vacuum analyze nexo.clients").await.expect("analyzed");
        println!("filled in {:.0?}", begun.elapsed());
        let mut accounts = Vec::new();
        for scope in scopes {
            accounts.push(Account::sample(&superuser, &clients, scope).await);
        }
        Self { clients, accounts, database, test }
    }
}

/// The `nth` of many words, each of two to four syllables.
const WORD: &str = "
    create function pg_temp.word(nth integer) returns text language sql immutable
    return substr('balodimerunasetivokuhapogelifamojuterowiza', 1 + 2 * (nth % 21), 2)
        || substr('ranlesmintordelkusvanbertolmisgan', 1 + 3 * (nth / 21 % 11), 3)
        || case when nth >= 231 then substr('athinosekorubelima', 1 + 2 * (nth / 231 % 9), 2) else '' end
        || case when nth >= 2079 then substr('stendanortzkerlomwik', 1 + 3 * (nth / 2079 % 6), 3) else '' end";

/// Clients with different statuses, kinds and times, with names and towns of
/// which the first are common, and two in three with notes, from a vocabulary
/// of 12,000 words of which the first is in every third of them.
async fn fill(superuser: &nexo_core::tokio_postgres::Client, accounts: &str) {
    let sql = format!(
        "with wanted (account_id, first, last, rows) as ({accounts}),
         drawn as (
             select account_id, rows, at,
                    1 + (400 * random() ^ 2)::integer as given, 1 + (2500 * random() ^ 2)::integer as family,
                    1 + (150 * random() ^ 2)::integer as town
             from wanted, generate_series(first, last) as at),
         named as (
             select account_id, rows, at,
                    coalesce((array['maria', 'anna', 'thomas', 'peter', 'josé', 'ahmed', 'laura'])[given],
                        pg_temp.word(given)) as given,
                    coalesce((array['garcia', 'miller', 'smith', 'rossi', 'novak', 'müller'])[family],
                        pg_temp.word(family * 7)) as family,
                    coalesce((array['berlin', 'london', 'madrid', 'rome', 'wien', 'praha'])[town],
                        pg_temp.word(town * 13)) as town
             from drawn)
         insert into nexo.clients
             (account_id, id, external_id, name, kind, email, phone, address, status, tags, notes,
              created_at, updated_at)
         select account_id, gen_random_uuid(), 'x-' || at, initcap(given || ' ' || family),
                case when at % 3 = 0 then 'person' else 'company' end,
                given || '.' || family || at || '@' || (array['mail', 'post', 'web'])[1 + at % 3] || '.example',
                (array['+44 20 ', '+49 30 ', '+34 91 '])[1 + at % 3] || 1000 + at * 7919::bigint % 9000
                    || ' ' || 1000 + at * 104729::bigint % 9000,
                initcap(pg_temp.word((3000 * random() ^ 2)::integer)) || ' Street ' || at % 200 || ', ' || initcap(town),
                case when at % 100 = 0 then 'inactive' when at % 4 = 0 then 'lead' else 'active' end,
                array[(array['vip', 'newsletter', 'partner'])[1 + at % 3]],
                case when at % 3 > 0 then (
                    select string_agg(pg_temp.word((12000 * random() ^ 3)::integer), ' ')
                    from generate_series(1, 5 + at % 25)) end,
                now() - at * (interval '2 years' / rows), now() - (at::bigint * 7919 % 1000000) * interval '1 minute'
         from named"
    );
    superuser.batch_execute(&sql).await.expect("filled");
}

impl Account {
    async fn sample(
        superuser: &nexo_core::tokio_postgres::Client,
        clients: &Repository<Client>,
        scope: TenantScope,
    ) -> Self {
        let account = scope.account_id();
        let sample = async |of: &str| {
            let sql = format!(
                "select id, email, name, name || ' ' || split_part(address, ', ', 2), phone,
                     (select word from regexp_split_to_table(notes, ' ') as word order by length(word) desc limit 1)
                 from nexo.clients {of} where account_id = $1 and notes is not null limit 500"
            );
            superuser.query(&sql, &[&account]).await.expect("sampled")
        };
        let mut rows = sample("tablesample bernoulli (20)").await;
        if rows.is_empty() {
            rows = sample("").await;
        }
        // A place in the middle of the list.
        let middle =
            "select percentile_disc(0.5) within group (order by created_at) from nexo.clients
                      where account_id = $1";
        let middle: jiff::Timestamp =
            superuser.query_one(middle, &[&account]).await.expect("found").get(0);
        let params = ListParams {
            filter: ClientFilter { created_at: (..middle).into(), ..ClientFilter::default() },
            limit: Some(1),
            ..ListParams::default()
        };
        let deep = clients.list(&scope, &params).await.expect("listed").next_cursor;
        Self {
            ids: rows.iter().map(|row| row.get(0)).collect(),
            emails: rows.iter().map(|row| row.get(1)).collect(),
            names: rows.iter().map(|row| row.get(2)).collect(),
            towns: rows.iter().map(|row| row.get(3)).collect(),
            phones: rows.iter().map(|row| row.get(4)).collect(),
            rare: rows.iter().map(|row| row.get(5)).collect(),
            deep: deep.expect("there are more"),
            scope,
        }
    }
}

/// One way to read.
struct Shape {
    name: String,
    look: Look,
    /// Asked for by the caller at any price.
    is_unbounded: bool,
}

/// Something of an account, another one at each sample.
type Of<R> = Box<dyn Fn(&Account, usize) -> R>;

enum Look {
    Get,
    Search(Of<String>),
    List(Of<ListParams<Client>>),
}

impl Shape {
    async fn call(&self, world: &World, account: &Account, at: usize) {
        match &self.look {
            Look::Get => {
                let id = account.ids[at % account.ids.len()];
                world.clients.get(&account.scope, id).await.expect("found");
            }
            Look::Search(q) => {
                let params = SearchParams { q: q(account, at), ..SearchParams::default() };
                world.database.search(&account.scope, &params).await.expect("searched");
            }
            Look::List(params) => {
                let params = params(account, at);
                let listed = world.clients.list(&account.scope, &params).await;
                // More than a list may find is an answer too.
                assert!(listed.is_ok() || params.q.is_some(), "{listed:?}");
            }
        }
    }

    fn all() -> Vec<Self> {
        let mut shapes =
            vec![Self { name: "get".to_owned(), look: Look::Get, is_unbounded: false }];
        let mut list = |name: &str, params: Of<ListParams<Client>>| {
            let is_unbounded = name.contains("count=exact");
            shapes.push(Self { name: name.to_owned(), look: Look::List(params), is_unbounded });
        };
        for sort in ["-created_at", "created_at", "-updated_at", "updated_at", "name", "-name"] {
            list(&format!("sort={sort}"), Box::new(move |_, _| sorted(sort)));
        }
        list(
            "a page in the middle",
            Box::new(|account, _| ListParams {
                cursor: Some(account.deep.clone()),
                ..ListParams::default()
            }),
        );
        let status =
            |status| ClientFilter { status: OneOf::from(status), ..ClientFilter::default() };
        for (name, common) in
            [("active", ClientStatus::Active), ("inactive", ClientStatus::Inactive)]
        {
            for sort in ["-created_at", "name"] {
                let of = move |_: &Account, _| filtered(status(common), sort);
                list(&format!("status={name} sort={sort}"), Box::new(of));
            }
        }
        list(
            "status=lead&status=inactive",
            Box::new(|_, _| {
                let two = [ClientStatus::Lead, ClientStatus::Inactive].into_iter().collect();
                filtered(ClientFilter { status: two, ..ClientFilter::default() }, "-created_at")
            }),
        );
        list(
            "kind=person status=inactive",
            Box::new(|_, _| {
                let kind = OneOf::from(ClientKind::Person);
                let status = OneOf::from(ClientStatus::Inactive);
                filtered(ClientFilter { kind, status, ..ClientFilter::default() }, "-created_at")
            }),
        );
        list(
            "email=…",
            Box::new(|account, at| {
                let email = OneOf::from(account.emails[at % account.emails.len()].clone());
                filtered(ClientFilter { email, ..ClientFilter::default() }, "-created_at")
            }),
        );
        list(
            "name=…",
            Box::new(|account, at| {
                let name = OneOf::from(account.names[at % account.names.len()].clone());
                filtered(ClientFilter { name, ..ClientFilter::default() }, "-created_at")
            }),
        );
        list(
            "created_at within a day sort=name",
            Box::new(|_, _| {
                let now = jiff::Timestamp::now();
                let day = now - jiff::SignedDuration::from_hours(24)..now;
                let created_at = day.into();
                filtered(ClientFilter { created_at, ..ClientFilter::default() }, "name")
            }),
        );
        for (name, count) in [("estimated", CountMode::Estimated), ("exact", CountMode::Exact)] {
            let counted = move |_: &Account, _| ListParams { count, ..ListParams::default() };
            list(&format!("count={name}"), Box::new(counted));
        }
        for (name, q) in searches() {
            let look = Look::Search(q);
            shapes.push(Self { name: format!("search {name}"), look, is_unbounded: false });
        }
        for (name, q) in searches() {
            // A list has everything that is found, however much that is to join.
            let is_unbounded = name.contains("common") || name.contains("beginnings");
            let of = move |account: &Account, at: usize| ListParams {
                q: Some(q(account, at)),
                ..ListParams::default()
            };
            let look = Look::List(Box::new(of));
            shapes.push(Self { name: format!("list q={name}"), look, is_unbounded });
        }
        shapes
    }
}

/// What is searched for.
fn searches() -> Vec<(&'static str, Of<String>)> {
    let fixed = |q: &'static str| -> Of<String> { Box::new(move |_, _| q.to_owned()) };
    let of = |all: fn(&Account) -> &Vec<String>, part: fn(&str) -> String| -> Of<String> {
        Box::new(move |account, at| part(&all(account)[at % all(account).len()]))
    };
    vec![
        ("its name", of(|account| &account.names, str::to_owned)),
        ("its name and town", of(|account| &account.towns, str::to_owned)),
        ("common: maria garcia berlin", fixed("maria garcia berlin")),
        ("a rare word", of(|account| &account.rare, str::to_owned)),
        (
            "a rare word and a common one",
            of(|account| &account.rare, |rare| format!("baran {rare}")),
        ),
        ("common words: baran motor haran", fixed("baran motor haran")),
        ("two letters: ma", fixed("ma")),
        ("beginnings: mar gar", fixed("mar gar")),
        ("beginnings: mar gar ber", fixed("mar gar ber")),
        ("everybody's domain, common: mail.example", fixed("mail.example")),
        ("an address", of(|account| &account.emails, str::to_owned)),
        (
            "a part of an address",
            of(
                |account| &account.emails,
                |email| email.chars().skip(3).take(email.chars().count() - 8).collect(),
            ),
        ),
        ("a phone number", of(|account| &account.phones, str::to_owned)),
        ("a part of a number", of(|account| &account.phones, |phone| phone[4..13].to_owned())),
        ("nobody", fixed("zzqzz")),
    ]
}

fn sorted(sort: &str) -> ListParams<Client> {
    ListParams { sort: Some(Sort::parse(sort)), ..ListParams::default() }
}

fn filtered(filter: ClientFilter, sort: &str) -> ListParams<Client> {
    ListParams { filter, ..sorted(sort) }
}
