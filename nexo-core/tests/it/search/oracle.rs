//! What is found, against what reading every row finds.

use nexo_core::tokio_postgres::error::SqlState;

use super::World;

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
