//! What it costs to see one's own records, or one's team's, against seeing all.
//!
//! `cargo bench --bench visibility` fills an account with 1,000,000 clients of
//! 1,000 owners and reads it as three members take turns: one who sees all, one
//! who sees their own, and one who sees their team's, of whom there are ten. It
//! prints medians and what part of the first the others are, and fails when a
//! read by id or a page of one's own takes more than 1.3 times as long.
//! `NEXO_BENCH_CLIENTS=100000` takes another size.

#[path = "support/trial.rs"]
mod trial;

use std::time::{Duration, Instant};

use nexo_core::model::{
    Client, CountMode, Department, Employee, Id, ListParams, NewDepartment, NewEmployee, NewRole,
    Permission, SearchParams, Sort, User,
};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::{AuthConfig, Database, Repository, TenantScope};
use tokio::runtime::Runtime;
use trial::trial;

const OWNERS: usize = 1_000;
const TEAM: usize = 10;
const MOST: f64 = 1.3;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    if !runtime.block_on(run(trial())) {
        eprintln!("reading one's own takes more than {MOST} times as long");
        std::process::exit(1);
    }
}

async fn run(trial: bool) -> bool {
    let size = std::env::var("NEXO_BENCH_CLIENTS").ok().and_then(|size| size.parse().ok());
    let size = if trial { 2_000 } else { size.unwrap_or(1_000_000) };
    let world = World::fill(size).await;
    println!("{:28}{:>10}{:>10}{:>8}{:>10}{:>8}", "medians in ms", "all", "own", "", "team", "");
    let mut is_good = true;
    for shape in SHAPES {
        let mut times: [Vec<Duration>; 3] = Default::default();
        for at in 0..if trial { 2 } else { shape.samples } {
            for (reader, times) in world.readers.iter().zip(&mut times) {
                let start = Instant::now();
                (shape.is_called)(&world, reader, at).await;
                times.push(start.elapsed());
            }
        }
        let [all, own, team] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e3
        });
        let (of_own, of_team) = (own / all, team / all);
        println!("{:28}{all:>10.3}{own:>10.3}{of_own:>8.2}{team:>10.3}{of_team:>8.2}", shape.name);
        is_good &= trial || !shape.is_bounded || of_own <= MOST;
    }
    is_good
}

/// Somebody who reads, and ids of what they see.
struct Reader {
    scope: TenantScope,
    ids: Vec<Id<Client>>,
}

struct World {
    database: Database,
    clients: Repository<Client>,
    readers: [Reader; 3],
    /// Stopped when it is dropped.
    _test: TestDatabase,
}

type Called<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Shape {
    name: &'static str,
    samples: usize,
    is_bounded: bool,
    is_called: for<'a> fn(&'a World, &'a Reader, usize) -> Called<'a>,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "get",
        samples: 4_000,
        is_bounded: true,
        is_called: |world, reader, at| {
            let id = reader.ids[at * 7 % reader.ids.len()];
            Box::pin(async move { drop(world.clients.get(&reader.scope, id).await.expect("read")) })
        },
    },
    Shape {
        name: "list, newest",
        samples: 2_000,
        is_bounded: true,
        is_called: |world, reader, _| list(world, reader, ListParams::default()),
    },
    Shape {
        name: "list, by name",
        samples: 2_000,
        is_bounded: true,
        is_called: |world, reader, _| {
            let sort = Some(Sort { column: "name".to_owned(), descending: false });
            list(world, reader, ListParams { sort, ..ListParams::default() })
        },
    },
    Shape {
        name: "list, count estimated",
        samples: 200,
        is_bounded: false,
        is_called: |world, reader, _| {
            list(world, reader, ListParams { count: CountMode::Estimated, ..ListParams::default() })
        },
    },
    Shape {
        name: "search, one in 1,000",
        samples: 100,
        is_bounded: false,
        is_called: |world, reader, at| search(world, reader, format!("town{}", at % 1_000)),
    },
    Shape {
        name: "search, in each",
        samples: 20,
        is_bounded: false,
        is_called: |world, reader, _| search(world, reader, "client".to_owned()),
    },
];

fn list<'a>(world: &'a World, reader: &'a Reader, params: ListParams<Client>) -> Called<'a> {
    Box::pin(async move {
        let page = world.clients.list(&reader.scope, &params).await.expect("listed");
        assert!(!page.data.is_empty(), "there is something to read");
    })
}

fn search<'a>(world: &'a World, reader: &'a Reader, q: String) -> Called<'a> {
    let params = SearchParams { q, collections: vec!["clients".to_owned()], limit: None };
    Box::pin(async move {
        drop(world.database.search(&reader.scope, &params).await.expect("searched"));
    })
}

impl World {
    async fn fill(size: usize) -> Self {
        let begun = Instant::now();
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let all = Tenant::register(&authenticator).await.scope;
        let mut scopes = vec![all.clone()];
        for permission in [Permission::ClientReadOwn, Permission::ClientReadTeam] {
            let new = NewRole {
                name: permission.to_string(),
                permissions: permission.into(),
                ..NewRole::default()
            };
            let role =
                database.roles().create(&all, &new, None).await.expect("a role").into_inner();
            scopes.push(Tenant::join(&database, &authenticator, &all, role.id).await.scope);
        }
        let user = |scope: &TenantScope| scope.user_id().expect("a user");
        let (own, team) = (user(&scopes[1]), user(&scopes[2]));
        let new = NewDepartment::named("Sales");
        let sales =
            database.repository::<Department>().create(&all, &new).await.expect("created").id;
        let superuser = test.superuser().await;
        // The owners; some are of the team of the third reader.
        let account = all.account_id();
        let sql = format!(
            "set session_replication_role = replica;
             insert into nexo.users (id, email, name, password_hash)
             select md5('owner ' || at)::uuid, 'owner' || at || '@example.com', 'Owner', 'none'
             from generate_series(3, {OWNERS}) as at;
             insert into nexo.memberships (account_id, user_id, role)
             select '{account}', md5('owner ' || at)::uuid, 'viewer' from generate_series(3, {OWNERS}) as at;
             alter table nexo.clients set (autovacuum_enabled = off);
             insert into nexo.clients (account_id, id, name, kind, email, status, owner_id, created_at, updated_at)
             select '{account}', gen_random_uuid(), 'Client ' || left(md5(at::text), 8) || ' town' || at % 1009, 'company',
                 'c' || at || '@example.com', 'active',
                 case at % {OWNERS} when 1 then '{own}'::uuid when 2 then '{team}'
                     else md5('owner ' || greatest(at % {OWNERS}, 3))::uuid end,
                 now() - at * interval '1 minute', now()
             from generate_series(1, {size}) as at;
             vacuum analyze nexo.clients"
        );
        for statement in sql.split(';') {
            superuser.batch_execute(statement).await.expect("filled");
        }
        let others =
            "select user_id from nexo.memberships where account_id = $1 and user_id <> all($2)
             order by user_id limit $3";
        let (known, more) = (scopes.iter().map(user).collect::<Vec<_>>(), TEAM as i64 - 1);
        let others = superuser.query(others, &[&account, &known, &more]).await.expect("read");
        let mut members = vec![team];
        members.extend(others.iter().map(|row| row.get::<_, Id<User>>(0)));
        for (at, member) in members.into_iter().enumerate() {
            let code = format!("e{at}");
            let new = NewEmployee {
                department_id: Some(sales),
                user_id: Some(member),
                ..NewEmployee::named(&code, &code)
            };
            database.repository::<Employee>().create(&all, &new).await.expect("an employee");
        }
        println!("filled with {size} clients in {:.0?}", begun.elapsed());
        let clients = database.repository::<Client>();
        let mut readers = Vec::new();
        for scope in scopes {
            let params = ListParams { limit: Some(200), ..ListParams::default() };
            let page = clients.list(&scope, &params).await.expect("listed");
            readers.push(Reader { ids: page.data.iter().map(|client| client.id).collect(), scope });
        }
        let readers = readers.try_into().ok().expect("three");
        Self { database, clients, readers, _test: test }
    }
}
