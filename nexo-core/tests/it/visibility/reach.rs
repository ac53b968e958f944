//! What is not to be seen is not there, whichever way it is asked for.

use nexo_core::model::{ErrorCode, SearchParams};
use nexo_core::testing::{Operation, id_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LEVELS, OWN, TEAM, World, all, ids, owned};

/// P1: another member's record is as little there as one that there never was,
/// for each kind and each operation.
#[tokio::test]
async fn p1_what_others_own_is_not_there() {
    let world = World::create(OWN).await;
    for table in owned() {
        let own = world.make(world.ann.scope(), &table, 1).await;
        let theirs = world.make(world.cid.scope(), &table, 2).await;
        assert_eq!(own["owner_id"], json!(world.ann.user), "{}", table.collection);
        let nobodys = world.make(&world.owner.scope, &table, 3).await;
        let content = table.example(9);
        for hidden in [id_of(&theirs), id_of(&nobodys)] {
            for it in [
                |id| Operation::Get(id),
                |id| Operation::Patch(id, json!({})),
                |id| Operation::Archive(id),
                |id| Operation::Restore(id),
                |id| Operation::Delete(id),
            ] {
                let told = world.perform(world.ann.scope(), &table, it(hidden)).await;
                let random = world.perform(world.ann.scope(), &table, it(Uuid::now_v7())).await;
                let (told, random) = (told.expect_err("hidden"), random.expect_err("none"));
                assert!(told.is_not_found(), "{}: {told:?}", table.collection);
                assert_eq!(told.to_string(), random.to_string());
            }
            let mut new = content.clone();
            for reference in table.references {
                new.as_object_mut()
                    .expect("an object")
                    .remove(reference.field.split("[]").next().expect("a name"));
            }
            let replaced = Operation::Replace(hidden, new);
            let told = world.perform(world.ann.scope(), &table, replaced).await;
            assert!(told.expect_err("hidden").is_not_found(), "{}", table.collection);
            // A batch tells the same of each operation.
            let batch = json!({ "mode": "each", "operations": [{ "op": "delete", "id": hidden }] });
            if let Ok(answer) =
                world.perform(world.ann.scope(), &table, Operation::Batch(batch)).await
            {
                let told = answer.to_string();
                assert!(told.contains("not_found"), "{}: {told}", table.collection);
            }
        }
        let seen = world.perform(world.ann.scope(), &table, all()).await.expect("a list");
        assert_eq!(ids(&seen), [id_of(&own)], "{}", table.collection);
        let counted = Operation::List(vec![("count".to_owned(), "exact".to_owned())]);
        let counted = world.perform(world.ann.scope(), &table, counted).await.expect("a list");
        assert_eq!(counted["count"]["value"], 1, "{}", table.collection);
        let file = world.perform(world.ann.scope(), &table, Operation::Export(Vec::new())).await;
        let file = file.expect("a file").to_string();
        assert!(file.contains(&id_of(&own).to_string()), "{}", table.collection);
        assert!(!file.contains(&id_of(&theirs).to_string()), "{}", table.collection);
        // What there is, whoever sees all sees.
        let everything = world.perform(&world.owner.scope, &table, all()).await.expect("a list");
        assert_eq!(ids(&everything).len(), 3, "{}", table.collection);
        for id in [&theirs, &nobodys] {
            let there = world.perform(&world.owner.scope, &table, Operation::Get(id_of(id))).await;
            assert_eq!(there.expect("it is there")["version"], id["version"], "unchanged");
        }
    }
}

/// Search finds what is to be seen, and nothing else; also where what is hidden
/// would rank before it.
#[tokio::test]
async fn search_finds_only_what_is_to_be_seen() {
    let world = World::create(OWN).await;
    for table in owned() {
        for number in 0..30 {
            world.make(world.cid.scope(), &table, number).await;
        }
        let own = world.make(world.ann.scope(), &table, 99).await;
        let title = own[table.search.fields[0]].as_str().expect("a title").to_owned();
        let params = SearchParams {
            q: title.clone(),
            collections: vec![table.collection.to_owned()],
            limit: Some(10),
        };
        let found = world.database.search(world.ann.scope(), &params).await.expect("found");
        let found: Vec<Uuid> = found.data.iter().map(|hit| hit.id).collect();
        assert_eq!(found, [id_of(&own)], "{}", table.collection);
        let all_of_it = world.database.search(&world.owner.scope, &params).await.expect("found");
        assert_eq!(all_of_it.data.len(), 10, "{}", table.collection);
        let listed = Operation::List(vec![("q".to_owned(), title)]);
        let listed = world.perform(world.ann.scope(), &table, listed).await.expect("a list");
        assert_eq!(ids(&listed), [id_of(&own)], "{}", table.collection);
    }
}

/// A record that a visible one refers to is not brought along when it is hidden.
#[tokio::test]
async fn what_is_hidden_is_not_brought_along() {
    let world = World::create(OWN).await;
    let tables = owned();
    let table = |name: &str| tables.iter().find(|it| it.collection == name).expect("there");
    let client = world.make(world.cid.scope(), table("clients"), 1).await;
    let own = world.make(world.ann.scope(), table("clients"), 2).await;
    for (number, client, brought) in [(3, &client, 0), (4, &own, 1)] {
        let mut project = super::plain(table("projects"), number);
        project["client_id"] = client["id"].clone();
        let made = Operation::Create(project);
        let made = world.perform(world.ann.scope(), table("projects"), made).await.expect("made");
        let list = Operation::List(vec![
            ("expand".to_owned(), "client".to_owned()),
            ("client_id".to_owned(), client["id"].as_str().expect("an id").to_owned()),
        ]);
        let page = world.perform(world.ann.scope(), table("projects"), list).await.expect("a list");
        assert_eq!(ids(&page), [id_of(&made)]);
        let included = page["included"]["clients"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(included, brought, "{page}");
    }
}

/// P1: whoever may not delete a colleague is not told of how many projects that are
/// hidden from them.
#[tokio::test]
async fn p1_what_refers_is_not_counted_when_it_is_hidden() {
    let world = World::create(OWN).await;
    let tables = nexo_core::testing::registered_tables();
    let table = |name: &str| tables.iter().find(|it| it.collection == name).expect("there");
    let employee = world.make(&world.owner.scope, table("employees"), 7).await;
    let mut hidden = Vec::new();
    for (number, owner) in [(1, &world.cid), (2, &world.ann)] {
        let mut project = super::plain(table("projects"), number);
        project["members"] = json!([{ "employee_id": employee["id"] }]);
        let made = Operation::Create(project);
        let made = world.perform(owner.scope(), table("projects"), made).await.expect("made");
        hidden.push(id_of(&made));
    }
    // The policy holds the members of hidden projects by itself, read and written.
    let app = world.test.as_app().await;
    let begin = format!(
        "begin; set local nexo.account_id = '{}'; set local nexo.permissions = {};
         set local nexo.own = '{}'; set local role nexo_limited",
        world.owner.scope.account_id(),
        mask(OWN),
        world.ann.user,
    );
    app.batch_execute(&begin).await.expect("begins");
    let seen = app.query("select 1 from nexo.project_members", &[]).await.expect("read");
    assert_eq!(seen.len(), 1);
    let deleted = app.execute("delete from nexo.project_members", &[]).await.expect("deleted");
    assert_eq!(deleted, 1);
    let insert =
        "insert into nexo.project_members (project_id, position, employee_id) values ($1, 9, $2)";
    let refused = app.execute(insert, &[&hidden[0], &id_of(&employee)]).await.expect_err("hidden");
    assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
    app.batch_execute("rollback").await.expect("ends");
    let delete =
        |scope| world.perform(scope, table("employees"), Operation::Delete(id_of(&employee)));
    for (scope, told) in [(world.ann.scope(), "1 projects"), (&world.owner.scope, "2 projects")] {
        let refused = delete(scope).await.expect_err("in use");
        assert_eq!(refused.code(), ErrorCode::InUse);
        assert!(refused.fields()[0].message.starts_with(told), "{refused:?}");
    }
    // With another owner of the project its members go too.
    let given = Operation::Patch(hidden[0], json!({ "owner_id": world.ann.user }));
    world.perform(&world.owner.scope, table("projects"), given).await.expect("given");
    let theirs = Operation::Get(hidden[0]);
    let theirs = world.perform(world.ann.scope(), table("projects"), theirs).await;
    assert_eq!(theirs.expect("theirs")["members"][0]["employee_id"], employee["id"]);
}

/// R12, R23: the policies alone hold it, without any condition of a statement and
/// on whichever table; and a role that is told nothing sees nothing.
#[tokio::test]
async fn r12_the_policies_hold_it_by_themselves() {
    let world = World::create(OWN).await;
    let mut made = Vec::new();
    for table in owned() {
        world.make(world.cid.scope(), &table, 1).await;
        made.push((table.name, id_of(&world.make(world.ann.scope(), &table, 2).await)));
    }
    let app = world.test.as_app().await;
    let begin = |own: &str| {
        format!(
            "begin; set local nexo.account_id = '{}'; set local nexo.permissions = {}; {own} set local role nexo_limited",
            world.owner.scope.account_id(),
            mask(OWN),
        )
    };
    for (name, own) in &made {
        let told = format!("set local nexo.own = '{}';", world.ann.user);
        for (told, expected) in [(told.as_str(), vec![*own]), ("", vec![])] {
            app.batch_execute(&begin(told)).await.expect("begins");
            let rows = app.query(&format!("select id from {name}"), &[]).await.expect("read");
            let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(ids, expected, "{name}");
            let changed = app.execute(&format!("update {name} set version = version"), &[]).await;
            assert_eq!(changed.expect("changed"), expected.len() as u64, "{name}");
            app.batch_execute("rollback").await.expect("ends");
        }
    }
    // Before it becomes that role, it has nothing of it; and it is that no longer.
    let role = "select current_user::text, pg_has_role('nexo_app', 'nexo_limited', 'usage')";
    let row = app.query_one(role, &[]).await.expect("asked");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("nexo_app", false));
    for statement in [
        "set local role nexo_limited; select count(*) from nexo.audit_log",
        "set local role nexo_limited; select count(*) from nexo.memberships",
        "set local role nexo_limited; select token_hash from nexo.api_keys",
        "set local role nexo_limited; update nexo.sessions set revoked_at = now()",
        "set local role nexo_team",
        "set local role nexo_limited; select nexo.hold_roles(gen_random_uuid())",
    ] {
        let refused = app.batch_execute(&format!("begin; {statement}")).await.expect_err(statement);
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{statement}");
        app.batch_execute("rollback").await.expect("ends");
    }
}

/// The mask of what lets see at this level, all kinds.
fn mask(level: usize) -> i64 {
    let bits = [[0, 26, 21], [9, 27, 22], [12, 28, 23], [15, 29, 24], [18, 30, 25]];
    let with_less = |kind: [i64; 3]| kind[level..].iter().fold(0, |all, bit| all | 1_i64 << bit);
    let reads: i64 = bits.into_iter().map(with_less).fold(0, |all, one| all | one);
    // And all writing of these kinds.
    let writes = [1, 10, 13, 16, 19].iter().fold(0, |all, bit| all | 1_i64 << bit);
    reads | writes
}

/// P5: whoever sees less gives nobody more, by no role and no key.
#[tokio::test]
async fn p5_nobody_lets_others_see_more_than_they_do() {
    use nexo_core::model::{NewApiKey, NewRole, Permission, Permissions};
    let world = World::create(OWN).await;
    let manages = super::at(TEAM).and(Permission::RoleManage | Permission::KeyManage);
    let new = NewRole { name: "Heads".to_owned(), permissions: manages, ..Default::default() };
    let heads = world.database.roles().create(&world.owner.scope, &new, None).await.expect("made");
    let (database, authenticator) = (&world.database, &world.authenticator);
    let head = nexo_core::testing::Tenant::join(
        database,
        authenticator,
        &world.owner.scope,
        heads.into_inner().id,
    )
    .await;
    for [all, team, own] in LEVELS {
        for (asked, granted) in [(all, false), (team, true), (own, true)] {
            let new = NewRole {
                name: format!("r {asked}"),
                permissions: asked.into(),
                ..Default::default()
            };
            let made = database.roles().create(&head.scope, &new, None).await;
            let key = NewApiKey::named("k", Permissions::from(asked));
            let key = authenticator_key(&world, &head.scope, &key).await;
            for refused in [made.map(drop), key] {
                match granted {
                    true => refused.expect("within their own"),
                    false => assert_eq!(refused.expect_err("beyond").code(), ErrorCode::Forbidden),
                }
            }
        }
    }
}

async fn authenticator_key(
    world: &World,
    scope: &nexo_core::TenantScope,
    new: &nexo_core::model::NewApiKey,
) -> nexo_core::Result<()> {
    world.database.api_keys().create(scope, new).await.map(drop)
}

/// An API key of somebody sees no more than they do, and less if it was made so.
#[tokio::test]
async fn a_key_sees_what_its_member_sees() {
    use nexo_core::model::{NewApiKey, Permission};
    let world = World::create(OWN).await;
    let tables = owned();
    let clients = tables.iter().find(|it| it.collection == "clients").expect("there");
    let own = world.make(&world.owner.scope, clients, 1).await;
    let theirs = world.make(world.ann.scope(), clients, 2).await;
    for (permission, expected) in [
        (Permission::ClientRead, vec![id_of(&theirs), id_of(&own)]),
        (Permission::ClientReadOwn, vec![id_of(&own)]),
    ] {
        let new = NewApiKey::named("Shop", permission);
        let issued =
            world.database.api_keys().create(&world.owner.scope, &new).await.expect("made");
        let scope = world.authenticator.verify(&issued.secret).await.expect("good");
        let page: Value = world.perform(&scope, clients, all()).await.expect("a list");
        assert_eq!(ids(&page), expected, "{permission}");
    }
}
