//! Search: what is found, in what order, and by whom.

mod bounds;
mod oracle;

use nexo_core::model::{
    Client, ErrorCode, Hit, ListParams, NewClient, NewEmployee, NewProject, NewTask, SearchParams,
    Sort,
};
use nexo_core::model::{Employee, Project, Task};
use nexo_core::testing::{Operation, Tenant, TestDatabase, id_of, registered_tables};
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
        ("j m", vec!["Jürgen Müller"]),
        ("ju mü", vec!["Jürgen Müller"]),
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
    // What it is made of is for it alone, and runs with the rights of who calls.
    for sql in [
        "select nexo.search_found('clients', 'a', '{}', null, false, 10)",
        "select nexo.search_has('{a}', 'a', '{}', null, null)",
        "select nexo.search_query('{a}', '{}', '{a}')",
    ] {
        let denied = world.test.as_app().await.query(sql, &[]).await.expect_err(sql);
        assert_eq!(denied.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
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
            "begin; set local role nexo_search; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1';
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

/// Where each word is common, whole words are found wherever they are.
#[tokio::test]
async fn the_best_have_whole_words_however_common() {
    let world = World::create().await;
    let copies = "insert into nexo.clients (account_id, id, name, kind, status)
         select $1, ('00000000-0000-7000-8000-' || lpad(to_hex(at), 10, '0') || '00')::uuid,
             case when at % 2 = 0 then 'Alpha ' else 'Beta ' end || at, 'company', 'active'
         from generate_series(1, 1400) as at";
    let superuser = world.test.superuser().await;
    superuser.execute(copies, &[&world.scope.account_id()]).await.expect("copied");
    let few = "insert into nexo.clients (account_id, id, name, kind, status)
         select $1, ('00000000-0000-7000-9000-0000000000' || ending)::uuid, name, 'company', 'active'
         from (values ('05', 'Gamma, alpha and beta'), ('ff', 'Beta and Alpha'), ('fe', 'Alphabet beta'))
             as few (ending, name)";
    superuser.execute(few, &[&world.scope.account_id()]).await.expect("made");
    let mut titles = world.titles("alpha beta").await;
    titles.retain(|title| title != "Alphabet beta");
    titles.sort();
    assert_eq!(titles, ["Beta and Alpha", "Gamma, alpha and beta"]);
    // A name that begins with the text is found, and a list leaves nothing out.
    assert_eq!(world.titles("alphabet be").await, ["Alphabet beta"]);
    let params = ListParams::<Client> { q: Some("alpha beta".into()), ..ListParams::default() };
    let list = world.database.repository::<Client>().list(&world.scope, &params).await;
    assert_eq!(list.expect("listed").data.len(), 3);
}

/// A record whose name is the text counts once, though its name begins with it.
#[tokio::test]
async fn the_best_hundred_are_a_hundred() {
    let world = World::create().await;
    let copies = "insert into nexo.clients (account_id, id, name, kind, status)
         select $1, gen_random_uuid(), case when at <= 60 then 'Ada' else 'Ada ' || at end, 'person', 'active'
         from generate_series(1, 200) as at";
    let superuser = world.test.superuser().await;
    superuser.execute(copies, &[&world.scope.account_id()]).await.expect("copied");
    let params = SearchParams { q: "ada".to_owned(), limit: Some(100), ..SearchParams::default() };
    let hits = world.database.search(&world.scope, &params).await.expect("searched").data;
    assert_eq!(hits.len(), 100);
    assert!(hits[..60].iter().all(|hit| hit.title == "Ada"));
}

/// What is in a name and in an address too is in the index once.
#[tokio::test]
async fn a_document_holds_a_word_once() {
    let test = TestDatabase::create().await;
    let sql =
        "select tsvector_to_array(nexo.search_document('11111111-1111-7111-8111-111111111111',
        '11111111-1111-7111-8111-111111111111', 'Ada', '{ada x}', 'ada@x.test', '+44 (0)20'))";
    let held: Vec<String> = test.superuser().await.query_one(sql, &[]).await.expect("made").get(0);
    let held: Vec<&str> = held.iter().map(|lexeme| &lexeme["11111111b".len()..]).collect();
    assert_eq!(held, ["=ada", "w420", "w4420", "wada", "west", "wtest", "wx"]);
}

/// The name itself, what begins it, what begins its words, and all else.
#[tokio::test]
async fn a_name_ranks_by_how_well_it_answers() {
    let test = TestDatabase::create().await;
    let superuser = test.superuser().await;
    for (q, name, rank) in [
        ("ada lovelace", "Ada  Lovelace!", 0),
        ("JÜRGEN muller", "Jurgen Müller", 0),
        ("ada love", "Ada Lovelace", 1),
        ("ada", "(Ada) Lovelace", 1),
        ("love ada", "Ada Lovelace", 2),
        ("mul", "Jürgen Müller", 2),
        ("o'neil", "Straßenbau O'Neil", 2),
        ("lace", "Ada Lovelace", 3),
        ("ada byron", "Ada Lovelace", 3),
        ("berlin", "Ada Lovelace", 3),
    ] {
        let sql = "select nexo.search_rank($1, $2)";
        let found: i16 = superuser.query_one(sql, &[&q, &name]).await.expect("ranked").get(0);
        assert_eq!(found, rank, "{q} in {name}");
    }
}

/// What is typed as a number is a number first, though many have its parts as
/// words.
#[tokio::test]
async fn a_number_is_found_beside_a_hundred_that_have_its_parts() {
    let world = World::create().await;
    let copies = "insert into nexo.clients (account_id, id, name, kind, status, notes)
         select $1, gen_random_uuid(), 'Client ' || at, 'person', 'active', '7946 0018, then 44 20'
         from generate_series(1, 300) as at";
    let superuser = world.test.superuser().await;
    superuser.execute(copies, &[&world.scope.account_id()]).await.expect("copied");
    world.make::<Client>(client("Ada", "ada@one.example", "+44 (0)20 7946 0018")).await;
    for q in ["+44 20 7946 0018", "20 7946 00"] {
        assert!(world.titles(q).await.contains(&"Ada".to_owned()), "{q}");
    }
}

/// Each field that a hit can name is in the index, and in what is read of a row.
#[tokio::test]
async fn every_searched_field_of_every_table_is_found() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    let read = "select $1 = any(nexo.search_found($2, '', nexo.search_words($3), null, false, 9))";
    for table in registered_tables() {
        let record = table.create_example(&world.database, &world.scope, 7).await;
        for field in table.search.fields {
            let of = format!("{}.{field}", table.collection);
            let id = id_of(&record);
            let text = record[*field].as_str().unwrap_or_else(|| panic!("no example of {of}"));
            let clear = Operation::Patch(id, serde_json::json!({ *field: null }));
            let is_found = async || {
                let row = superuser.query_one(read, &[&id, &table.collection, &text]).await;
                let is_read: bool = row.expect("read").get(0);
                let params = SearchParams {
                    q: text.to_owned(),
                    collections: vec![table.collection.to_owned()],
                    ..SearchParams::default()
                };
                let found = world.database.search(&world.scope, &params).await.expect("searched");
                (is_read, found.data.iter().any(|hit| hit.id == id))
            };
            assert_eq!(is_found().await, (true, true), "{of}");
            if table.perform(&world.database, &world.scope, clear).await.is_ok() {
                assert_eq!(is_found().await, (false, false), "{of}, cleared");
            }
        }
    }
}
