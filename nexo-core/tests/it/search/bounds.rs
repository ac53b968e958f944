//! Search where it could be led astray: by long names, by marks, by rare words
//! beside common ones; and by whom it may not be asked.

use nexo_core::model::{Client, NewClient};
use nexo_core::testing::TestDatabase;
use nexo_core::{Database, DatabaseConfig};

use super::World;

/// Of a long name, more than what the index has of it counts; and so does every
/// word of a long query.
#[tokio::test]
async fn every_word_of_a_long_query_counts() {
    let world = World::create().await;
    let long = "International Consolidated Widget Manufacturing and Trading Holding Company of";
    for place in ["Utah", "Nevada", "Texas"] {
        world.make::<Client>(NewClient::named(format!("{long} {place}"))).await;
    }
    assert_eq!(world.titles(&format!("{long} Berlin")).await, [] as [String; 0]);
    assert_eq!(world.titles(&format!("{long} Nev")).await, [format!("{long} Nevada")]);
    world.make::<Client>(NewClient::named("the quick brown fox")).await;
    for q in
        [format!("{} unicorn", "the ".repeat(10)), "t q b f th qu br fo the qui bro unicorn".into()]
    {
        assert_eq!(world.titles(&q).await, [] as [String; 0], "{q}");
    }
    let q = format!("{} fox", "the ".repeat(10));
    assert_eq!(world.titles(&q).await, ["the quick brown fox"]);
}

/// A rare short word is not lost beside one that many have.
#[tokio::test]
async fn a_rare_short_word_is_found_beside_a_common_one() {
    let world = World::create().await;
    let copies = "insert into nexo.clients (account_id, id, name, kind, status)
         select $1, ('00000000-0000-7000-8000-' || lpad(to_hex(at), 12, '0'))::uuid, 'Elsmi ' || at, 'person', 'active'
         from generate_series(1, 4000) as at";
    let superuser = world.test.superuser().await;
    superuser.execute(copies, &[&world.scope.account_id()]).await.expect("copied");
    // Not in the share that is looked at first.
    let one = "insert into nexo.clients (account_id, id, name, kind, status)
         values ($1, '00000000-0000-7000-9000-0000000000ff', 'Zzyxa Elsmi', 'person', 'active')";
    superuser.execute(one, &[&world.scope.account_id()]).await.expect("made");
    for q in ["elsmi zz", "elsmi zzy", "z elsmi", "zz e"] {
        assert_eq!(world.titles(q).await, ["Zzyxa Elsmi"], "{q}");
    }
}

/// Neither marks nor the end of a word nor what is not seen keep from finding.
#[tokio::test]
async fn how_a_word_is_pointed_does_not_matter() {
    let world = World::create().await;
    for (name, asked) in [
        ("ΣΟΦΟΣ", "σοφός"),
        ("Νίκος", "ΝΙΚΟΣ"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("co\u{ad}operate", "cooperate"),
        ("\u{200f}zwn\u{200c}j", "zwnj"),
        ("Ħal Għaxaq", "hal ghaxaq"),
        ("Đorđe Ðarr", "dorde darr"),
        ("ガス", "ガス"),
    ] {
        world.make::<Client>(NewClient::named(name)).await;
        assert_eq!(world.titles(asked).await, [name], "{asked}");
        assert!(world.titles(name).await.contains(&name.to_owned()), "{name}");
    }
}

/// H3: a text of nothing but marks in the wrong order is stored, found and
/// changed like another; to put them in order takes the square of their number.
#[tokio::test]
async fn h3_marks_in_the_wrong_order() {
    let world = World::create().await;
    let marks = "\u{344}".repeat(4_990) + &"\u{f73}".repeat(4_990) + " needle";
    // And what a long word behind much that is no letter would cost.
    let dots = "\u{2026}".repeat(7_000) + "needle " + &"a".repeat(65);
    for at in 0..20 {
        let notes = Some(if at % 2 == 0 { marks.clone() } else { dots.clone() });
        world.make::<Client>(NewClient { notes, ..NewClient::named(format!("Alpha {at}")) }).await;
    }
    assert_eq!(world.titles("alpha nee").await.len(), 20);
}

/// A long text is folded in pieces, as it would be in one.
#[tokio::test]
async fn a_long_text_has_the_words_of_its_pieces() {
    let test = TestDatabase::create().await;
    // All letters of the first planes, in texts of 5,000; a mark goes with its letter.
    let sql = "with texts as (
             select string_agg(chr(at), ' ' order by at) as text from generate_series(160, 190000) at
             where at not between 55296 and 57343 and chr(at) ~ '[[:alnum:]]' group by at / 5000)
         select count(*), count(*) filter (where nexo.search_words(text) <> array(
             select word from unnest(string_to_array(text, ' ')) with ordinality as one (letter, nth),
                 unnest(nexo.search_words(letter)) with ordinality as of_it (word, of_nth) order by nth, of_nth))
         from texts";
    let found = test.superuser().await.query_one(sql, &[]).await.expect("compared");
    let (texts, differ): (i64, i64) = (found.get(0), found.get(1));
    assert!(texts > 20);
    assert_eq!(differ, 0);
}

/// P2: who may not read a kind of record learns nothing of it from search,
/// however it is asked.
#[tokio::test]
async fn p2_who_may_not_read_finds_nothing() {
    let world = World::create().await;
    let made = world.make::<Client>(NewClient::named("Ada")).await;
    let app = world.test.as_app().await;
    for (permissions, found) in [
        ("nexo.permission('client:read')", 1),
        ("0", 0),
        ("-1 & ~nexo.permission('client:read')", 0),
    ] {
        app.batch_execute(&format!(
            "begin; set local nexo.account_id = '{}';
             select set_config('nexo.permissions', ({permissions})::text, true)",
            world.scope.account_id()
        ))
        .await
        .expect("begun");
        for (most, best) in [(100i32, true), (10_001, false)] {
            let sql = "select nexo.search_ids('clients', 'ada', $1, false, $2)";
            let rows = app.query(sql, &[&most, &best]).await.expect("searched");
            assert_eq!(rows.len(), found, "{permissions}");
            assert!(rows.iter().all(|row| row.get::<_, uuid::Uuid>(0) == *made.id.as_uuid()));
        }
        app.batch_execute("rollback").await.expect("ended");
    }
}

/// A database in which search would find less than it tells is not served.
#[tokio::test]
async fn a_locale_without_letters_is_refused() {
    let test = TestDatabase::create().await;
    let superuser = test.superuser().await;
    let mut app = test.app_config().await;
    let mut owner = test.owner_config();
    let user = owner.get_user().expect("a user").to_owned();
    let name = format!("{}_c", owner.get_dbname().expect("a database"));
    let create = format!(
        "create database {name} owner {user} template template0 encoding 'UTF8' locale_provider libc locale 'C'"
    );
    superuser.batch_execute(&create).await.expect("created");
    owner.dbname(&name);
    app.dbname(&name);
    let config = DatabaseConfig::from_roles(Some(owner), app.clone(), app);
    let refused = Database::open(config).await.expect_err("C");
    assert!(refused.to_string().contains("does not know all letters"), "{refused}");
    superuser.batch_execute(&format!("drop database {name}")).await.expect("dropped");
}
