//! Search: what is found, in what order, and by whom.

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

/// Clients with few words, some of which most of them have. A third of them has
/// ids of the smallest share, where words are counted, so that 3,000 are like
/// many more.
const SKEWED: &str = "
    insert into nexo.clients (account_id, id, name, kind, status, email, phone, notes, archived_at)
    select $1, ('00000000-0000-7000-8000-' || lpad(to_hex(at), 10, '0') || case when at % 3 = 0 then '00' else right(to_hex(256 + at % 256), 2) end)::uuid,
        initcap(word(at, 1) || ' ' || word(at, 2)), 'person', 'active',
        word(at, 3) || '.' || word(at, 4) || at % 7 || '@post.example',
        '+44 20 ' || at % 10 || ' ' || 1000 + at * 7919 % 9000,
        concat_ws(' ', 'often', word(at, 5), word(at, 6), word(at, 7), word(at, 8), 'rare' || at / 100),
        case when at % 50 = 0 then now() end
    from generate_series(1, 3000) as at";

/// The words of the skewed clients: the `nth` of a client.
const WORD: &str = "
    create function word(at integer, nth integer) returns text language sql immutable
        return (array['ann', 'anna', 'bert', 'bertold', 'cleo', 'dan', 'daniel', 'Эва', 'flo', 'müller', 'ö', 'x'])
            [1 + floor(12 * (abs(hashint4(at * 10 + nth)) % 1000 / 1000.0) ^ 2)::integer]";

/// What the index holds of each, once more.
const DOCUMENTS: &str = "
    create temporary table documents as
    select id, nexo.search_document(account_id, id, name,
        array[external_id, website, address, notes] || tags, email, phone) as document
    from nexo.clients where archived_at is null";

/// All that match, by reading every row: each word begins a word or is a part
/// of an address, or the whole is a part of a number.
const EVERY_MATCH: &str = "
    with places as materialized (select array_agg(right($2::uuid::text, 8) || share) as places from unnest('{a,b,c}'::text[]) as share),
    asked as materialized (select concat_ws('|', nexo.search_query(nexo.search_words($1), '{}', places),
          case when $1 ~ '^[-+0-9 ()/.]+$' and length(nexo.search_digits($1)) > 2 then (
              select string_agg(place || 'w' || nexo.search_digits($1) || ':*', '|')
              from unnest(places) as place) end)::tsquery as asked from places)
    select id from documents, asked where document @@ asked order by id";

#[tokio::test]
async fn words_of_every_frequency_find_what_reading_every_row_finds() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    let account = world.scope.account_id();
    superuser.batch_execute(WORD).await.expect("made");
    superuser.execute(SKEWED, &[&account]).await.expect("filled");
    superuser.batch_execute(DOCUMENTS).await.expect("made");
    let app = world.test.as_app().await;
    app.batch_execute(&format!(
        "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '-1'"
    ))
    .await
    .expect("begun");
    for q in [
        "ann",
        "anna",
        "эв",
        "müller",
        "often",
        "rare7",
        "rare29 often",
        "often rare1 ann",
        "ann bert cleo",
        "an be cl",
        "anna bertold daniel",
        "often ann anna bert",
        "x ann",
        "a b",
        "o a r",
        "often post",
        "post.example",
        "anna.bert",
        "nna.bert3@post",
        "old5@post.ex",
        "rtold.cleo2@",
        "dan dan daniel",
        "müller.ö",
        "ö ann x",
        "often anna nobody",
        "+44 20",
        "+44 20 7",
        "20 71",
        "4420",
        "1919",
        "44 20 3 1",
        "20 often",
        "rare12 20 44 an",
        "ann anna bert bertold cleo dan daniel flo often x rare1",
        // More words than the index is asked for, and one of them again.
        "a b c d e f g h i j k l m n o",
        "anna anna anna anna anna anna anna anna anna anna nobody",
        "often often often often often often often often often often bert",
        "ann an a bert ber be cleo cle cl dan da often ofte daniel",
    ] {
        let every: Vec<uuid::Uuid> = superuser
            .query(EVERY_MATCH, &[&q, &account])
            .await
            .expect("read")
            .iter()
            .map(|row| row.get(0))
            .collect();
        let found = async |most: i32, best: bool| -> Vec<uuid::Uuid> {
            let sql = "select nexo.search_ids('clients', $1, $2, false, $3)";
            let rows = app.query(sql, &[&q, &most, &best]).await.expect(q);
            rows.iter().map(|row| row.get(0)).collect()
        };
        // A third of the account stands for one in 64.
        let mut list = found(100_000, false).await;
        list.sort();
        assert_eq!(list, every, "a list of {q}");

        let mut best = found(100, true).await;
        best.sort();
        best.dedup();
        assert!(best.iter().all(|id| every.contains(id)), "the best of {q}");
        let expected = every.len().min(100);
        assert!(best.len() == expected || q.contains(' ') || q.contains('.'), "the best of {q}");
        assert!(!best.is_empty() || every.is_empty(), "the best of {q}");
    }

    // The smallest share has a thousand of them, which tells that there are more
    // than ten thousand without a look at the others.
    let list = "select nexo.search_ids('clients', 'often', 10001, false, false)";
    let refused = app.query(list, &[]).await.expect_err("too many");
    assert_eq!(refused.code(), Some(&SqlState::PROGRAM_LIMIT_EXCEEDED));
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

/// What is read of a row says the same as the index.
#[tokio::test]
async fn a_row_has_the_words_that_its_document_has() {
    let world = World::create().await;
    let texts: Vec<String> = [
        "",
        "Ada",
        "Jürgen Müller",
        "Straßenbau O'Neil",
        "Анна Каренина",
        "ﬁne  ﬁx",
        "a\u{1}b c",
        "İx ıx",
        "٣ 44",
        "x̂y z",
        "j.mueller-77@gmail.example",
        "+44 (0)20 7946 0018",
        "日本 語",
        "_a_b_",
        "e\u{301}a",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["ab".repeat(40), format!("{} needle", "word ".repeat(2_500)), "x-".repeat(30)])
    .collect();
    let asked = [
        "a", "ad", "ada", "j", "m", "mu", "muller", "strasse", "o", "neil", "анна", "fi", "fix",
        "b", "c", "ix", "3", "44", "4", "20", "207946", "z", "ex", "example", "xample", "le", "77",
        "日本", "needle", "word", "abab", "eller", "ea", "x",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["ab".repeat(13), "ab".repeat(32), "7".repeat(30)])
    .collect::<Vec<_>>();
    let sql = "with texts as (select text, nth from unnest($1::text[]) with ordinality as t (text, nth)),
             records as (select a.text as name, array[b.text, null] as more, nullif(c.text, '') as email,
                     nullif(left(d.text, 40), '') as phone
                 from texts a join texts b on (a.nth * 7 + b.nth) % 5 = 0
                 join texts c on c.nth = 1 + (a.nth + b.nth) % 18 join texts d on d.nth = 1 + (a.nth * 3 + b.nth) % 18)
         select word, name, more[1], email, phone
         from records, unnest($2::text[]) as given, unnest(nexo.search_words(given)) as word
         where nexo.search_has(array[word], name, more, email, phone)
             <> (nexo.search_document('11111111-1111-7111-8111-111111111111', '11111111-1111-7111-8111-111111111111',
                     name, more, email, phone)
                 @@ nexo.search_query(array[word], '{}', '{11111111b}')::tsquery)";
    let differ =
        world.test.superuser().await.query(sql, &[&texts, &asked]).await.expect("compared");
    assert!(differ.is_empty(), "{:?}", differ[0].get::<_, Option<String>>(0));
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
