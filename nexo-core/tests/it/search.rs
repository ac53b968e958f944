//! Search: what is found, in what order, and by whom.

use nexo_core::model::{
    Client, ErrorCode, Hit, ListParams, NewClient, NewEmployee, NewProject, NewTask, SearchParams,
    Sort,
};
use nexo_core::model::{Employee, Project, Task};
use nexo_core::testing::{Tenant, TestDatabase};
use nexo_core::tokio_postgres::error::SqlState;
use nexo_core::{AuthConfig, Database, Table, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    scope: TenantScope,
    other: TenantScope,
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
        let scope = Tenant::register(&authenticator).await.scope;
        let other = Tenant::register(&authenticator).await.scope;
        Self { test, database, scope, other }
    }

    async fn make<T: Table>(&self, new: T::New) -> T {
        self.database.repository::<T>().create(&self.scope, &new).await.expect("created")
    }

    async fn hits(&self, scope: &TenantScope, q: &str) -> Vec<Hit> {
        let params = SearchParams { q: q.to_owned(), ..SearchParams::default() };
        self.database.search(scope, &params).await.expect("searched").data
    }

    async fn titles(&self, q: &str) -> Vec<String> {
        self.hits(&self.scope, q).await.into_iter().map(|hit| hit.title).collect()
    }
}

fn client(name: &str, email: &str, phone: &str) -> NewClient {
    NewClient {
        email: Some(email.to_owned()),
        phone: Some(phone.to_owned()),
        ..NewClient::named(name)
    }
}

#[tokio::test]
async fn words_their_beginnings_and_parts_of_addresses_are_found() {
    let world = World::create().await;
    let muller = client("Jürgen Müller", "j.mueller-77@gmail.example", "+44 (0)20 7946 0018");
    world.make::<Client>(muller).await;
    world.make::<Client>(client("Straßenbau O'Neil", "info@bau.example", "020 7946 0555")).await;
    world.make::<Client>(client("Анна Каренина", "anna@lev.example", "+7 495 123")).await;
    for (q, expected) in [
        ("Jürgen", vec!["Jürgen Müller"]),
        ("muller", vec!["Jürgen Müller"]),
        ("MÜL jur", vec!["Jürgen Müller"]),
        ("strasse", vec!["Straßenbau O'Neil"]),
        ("o'neil", vec!["Straßenbau O'Neil"]),
        ("анна", vec!["Анна Каренина"]),
        ("eller-77@gma", vec!["Jürgen Müller"]),
        ("ueller", vec!["Jürgen Müller"]),
        ("mail.example", vec!["Jürgen Müller"]),
        ("+44 20 7946", vec!["Jürgen Müller"]),
        ("7946 00", vec!["Jürgen Müller"]),
        ("46055", vec!["Straßenbau O'Neil"]),
        ("ürgen", vec![]),
        ("muller bau", vec![]),
        ("nobody", vec![]),
        // Nothing of the query's own syntax is in the text.
        ("jurgen & !muller | 'qz", vec![]),
        ("mul:*", vec!["Jürgen Müller"]),
        ("jurgen\\ 'muller'", vec!["Jürgen Müller"]),
    ] {
        assert_eq!(world.titles(q).await, expected, "{q}");
        let params = ListParams::<Client> { q: Some(q.to_owned()), ..ListParams::default() };
        let list = world.database.repository::<Client>().list(&world.scope, &params).await;
        let names: Vec<String> = list.expect("listed").data.into_iter().map(|it| it.name).collect();
        assert_eq!(names, expected, "list: {q}");
    }
}

#[tokio::test]
async fn the_best_come_first_whatever_they_are() {
    let world = World::create().await;
    world
        .make::<Task>(NewTask { description: Some("Ask Ada".into()), ..NewTask::titled("Call") })
        .await;
    world.make::<Project>(NewProject::named("For Ada")).await;
    world.make::<Employee>(NewEmployee::named("E-1", "Ada Byron")).await;
    world.make::<Client>(NewClient::named("Ada")).await;
    let archived = world.make::<Client>(NewClient::named("Ada Archived")).await;
    let clients = world.database.repository::<Client>();
    clients.archive(&world.scope, archived.id, None).await.expect("archived");

    let hits = world.hits(&world.scope, "ada").await;
    let found: Vec<(&str, &str, &str)> = hits
        .iter()
        .map(|hit| (hit.collection.as_str(), hit.title.as_str(), hit.field.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("clients", "Ada", "name"),
            ("employees", "Ada Byron", "name"),
            ("projects", "For Ada", "name"),
            ("tasks", "Call", "description"),
        ]
    );
    let pieces: Vec<(&str, bool)> =
        hits[3].snippet.iter().map(|piece| (piece.text.as_str(), piece.matched)).collect();
    assert_eq!(pieces, [("Ask ", false), ("Ada", true)]);

    let only = SearchParams {
        q: "ada".to_owned(),
        collections: vec!["tasks".to_owned(), "projects".to_owned()],
        limit: Some(1),
    };
    let only = world.database.search(&world.scope, &only).await.expect("searched").data;
    assert_eq!((only.len(), only[0].collection.as_str()), (1, "projects"));
    let archived = ListParams::<Client> {
        q: Some("ada".into()),
        archived: true,
        sort: Some(Sort::parse("name")),
        ..ListParams::default()
    };
    let archived = clients.list(&world.scope, &archived).await.expect("listed").data;
    assert_eq!(archived.len(), 1);
}

/// R6: what searches does so for the account of the scope, whatever it is asked.
#[tokio::test]
async fn r6_a_search_sees_its_account_alone() {
    let world = World::create().await;
    world.make::<Client>(client("Ada Byron", "ada@byron.example", "+44 20 7946 0018")).await;
    for q in ["ada", "Ada Byron", "byron.example", "7946"] {
        assert_eq!(world.titles(q).await.len(), 1, "{q}");
        assert_eq!(world.hits(&world.other, q).await, [], "{q}");
    }
    // The role behind it sees nothing by itself, and nobody can become it.
    let app = world.test.as_app().await;
    for sql in ["set role nexo_search", "set session authorization nexo_search"] {
        let denied = app.batch_execute(sql).await.expect_err(sql);
        assert_eq!(denied.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    let superuser = world.test.superuser().await;
    let account = world.scope.account_id();
    let all = "'ada' | 'b':*";
    for (account, search) in [(String::new(), all.to_owned()), (account.to_string(), String::new())]
    {
        let seen = format!(
            "begin; set local role nexo_search; set local nexo.account_id = '{account}';
             set local nexo.search = $q${search}$q$"
        );
        superuser.batch_execute(&seen).await.expect("set");
        let count: i64 = superuser
            .query_one("select count(*) from nexo.clients", &[])
            .await
            .expect("counted")
            .get(0);
        assert_eq!(count, 0);
        superuser.batch_execute("rollback").await.expect("ended");
    }
    // Without a scope there is no account, and so nothing.
    let found = "select count(*) from nexo.search_ids('clients', 'ada', 10, false, true)";
    assert_eq!(app.query_one(found, &[]).await.expect("runs").get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused() {
    let world = World::create().await;
    let long = "a".repeat(201);
    for (q, collections, limit) in [
        ("", vec![], None),
        ("  &!", vec![], None),
        ("a\0b", vec![], None),
        (long.as_str(), vec![], None),
        ("ada", vec!["users".to_owned()], None),
        ("ada", vec![], Some(0)),
        ("ada", vec![], Some(101)),
    ] {
        let params = SearchParams { q: q.to_owned(), collections, limit };
        let refused = world.database.search(&world.scope, &params).await.expect_err(q);
        assert_eq!(refused.code(), ErrorCode::InvalidQuery, "{q}");
    }
    // Odd words, long words and many words are only searched for.
    for q in ["ß", "a", "\u{feff}x", "ﬁ", &"ab ".repeat(60), &"x".repeat(200), "💥 a", "İ", "٣"]
    {
        world.hits(&world.scope, q).await;
        let new = NewClient { notes: Some(q.to_owned()), ..NewClient::named("Odd") };
        let made = world.make::<Client>(new).await;
        world
            .database
            .repository::<Client>()
            .delete(&world.scope, made.id, None)
            .await
            .expect("gone");
    }
}

/// A list that would have to leave out what it found says so.
#[tokio::test]
async fn a_list_of_too_many_is_refused() {
    let world = World::create().await;
    world.make::<Client>(NewClient::named("Ada")).await;
    let copies = "insert into nexo.clients (account_id, id, name, kind, status)
         select account_id, gen_random_uuid(), 'Ada ' || at, kind, status
         from nexo.clients, generate_series(1, 10000) as at";
    world.test.superuser().await.batch_execute(copies).await.expect("copied");
    let clients = world.database.repository::<Client>();
    let list = async |q: &str| {
        clients
            .list(&world.scope, &ListParams { q: Some(q.to_owned()), ..ListParams::default() })
            .await
    };
    let refused = list("ada").await.expect_err("too many");
    assert_eq!(refused.code(), ErrorCode::InvalidQuery);
    assert_eq!(refused.to_string(), "q finds more than 10,000 records; add a word");
    assert_eq!(list("ada 77").await.expect("fewer").data.len(), 50);
    let hits = world.hits(&world.scope, "ada").await;
    assert_eq!((hits.len(), hits[0].title.as_str()), (20, "Ada"));
}
